package bus

import (
	"fmt"
	"log/slog"
	"strings"
)

// serverLog brings the NATS server's log to slog. Fatalf, which the server
// calls for a port that it cannot have, is kept for Start: without a logger a
// busy port looks like a slow start.
type serverLog struct {
	log   *slog.Logger
	fatal chan string
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, fatal: make(chan string, 1)}
}

func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default: // the first one is the cause
	}
}

// Errorf lowers what a missing peer makes the server say every second.
func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.Contains(text, "Error trying to connect as leafnode") {
		l.log.Debug(text)
		return
	}
	l.log.Warn(text)
}

// Warnf drops the advice to use bcrypt: our passwords are 32 random bytes.
func (l *serverLog) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, "Plaintext passwords") {
		l.log.Warn(fmt.Sprintf(format, v...))
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}
