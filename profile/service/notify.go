package service

import (
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier tells systemd how the gateway does (sd_notify(3)). The zero value is ready to use, from many goroutines. Where no systemd
// listens, every call does nothing and returns nil.
type Notifier struct{}

// Ready ends the start: systemctl start returns now.
func (Notifier) Ready(status string) error { return notify(daemon.SdNotifyReady, statusLine(status)) }

// Status sets the line that systemctl status shows.
func (Notifier) Status(text string) error { return notify(statusLine(text)) }

// Stopping announces a clean end.
func (Notifier) Stopping() error { return notify(daemon.SdNotifyStopping) }

// Beat keeps the watchdog quiet. It belongs into the supervised loop itself, so that a deadlock stops it.
func (Notifier) Beat() error { return notify(daemon.SdNotifyWatchdog) }

// Watchdog is how often to Beat: half the time after which systemd gives the process up. It is false when no watchdog waits for this
// process.
func (Notifier) Watchdog() (time.Duration, bool) {
	limit, err := daemon.SdWatchdogEnabled(false)
	return limit / 2, err == nil && limit > 0
}

func statusLine(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

func notify(lines ...string) error {
	_, err := daemon.SdNotify(false, strings.Join(lines, "\n"))
	return err
}
