package browser

import (
	"clawdbot/browser/chromium"
	"clawdbot/profile/config"
)

// Detect returns the browser program that a start would run, of which host's
// Path and Home are needed, or why there is none.
func Detect(settings config.Browser, host chromium.Host) (path string, err error) {
	exe, err := chromium.New(chromium.Config{Host: host, Executable: settings.ExecutablePath}).Find()
	return exe.Path, err
}

func (s *Server) newLauncher() *chromium.Launcher {
	set := s.cfg.Settings
	return chromium.New(chromium.Config{
		Host: s.cfg.Host, Executable: set.ExecutablePath, Headless: set.Headless, NoSandbox: set.NoSandbox,
		Ports: s.cfg.Ports.CDP, Reserved: s.browsers.ports, Others: s.cfg.Others, Ledger: s.ledger, Log: s.cfg.Log,
	})
}
