package browser

import (
	"runtime"

	"clawdbot/profile/config"
)

// Detect returns the browser program that a start would run, of which host's
// Path and Home are needed, or why there is none.
func Detect(settings config.Browser, host Host) (path string, err error) {
	l := launcher{configured: settings.ExecutablePath, goos: runtime.GOOS, host: host}
	exe, err := l.find()
	return exe.path, err
}
