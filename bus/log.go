package bus

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// serverLog brings the NATS server's log to slog. What the server says with
// Fatalf, a port that it cannot have, is kept for Start: without a logger a
// busy port looks like a slow start.
type serverLog struct {
	log   *slog.Logger
	fatal chan string

	mu   sync.Mutex
	said map[string]time.Time // when an error was logged last
}

// An error is repeated once in sayAgain at most: a peer with a wrong secret
// tries again every reconnectEvery. maxSaid bounds what is remembered, for
// strangers choose the user names in these texts.
const (
	sayAgain = time.Minute
	maxSaid  = 64
)

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, fatal: make(chan string, 1), said: map[string]time.Time{}}
}

func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	select {
	case l.fatal <- text:
	default: // the first one is the cause
		l.log.Error(text)
	}
}

// Errorf lowers what is no error of ours: a peer that is not there, what an
// Update does to clients, and the same thing again.
func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.Contains(text, "Error trying to connect as leafnode") || ofUpdate(text) || l.repeats(text) {
		l.log.Debug(text)
		return
	}
	l.log.Warn(text)
}

// ofUpdate says whether the text is about a client that was logged in, whom an
// Update sends away, or who left while the Update or a Close looked it over. The
// server names the account of a client only when it has let it in.
func ofUpdate(text string) bool {
	if conn, _, found := strings.Cut(text, " - authentication error"); found {
		return strings.Contains(conn, "/user:")
	}
	return strings.Contains(text, "Problem registering with account") && strings.HasSuffix(text, "connection closed")
}

// repeats says whether the error was logged a moment ago.
func (l *serverLog) repeats(text string) bool {
	cause, now := causeOf(text), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.said[cause]; ok && now.Sub(last) < sayAgain {
		return true
	}
	if len(l.said) >= maxSaid {
		clear(l.said)
	}
	l.said[cause] = now
	return false
}

// causeOf is the text without the connection that it begins with, as in
// "127.0.0.1:40318 - lid:7 - ", which is another at each attempt. Where we
// called, the address is the peer's and stays.
func causeOf(text string) string {
	addr, rest, found := strings.Cut(text, " - ")
	conn, cause, more := strings.Cut(rest, " - ")
	switch {
	case !found || !more || !strings.Contains(conn, "id:"):
		return text
	case strings.HasPrefix(cause, "Leafnode Error"):
		return addr + " " + cause
	}
	return cause
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
