package gate

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// LockedError refuses a client that presented too many wrong credentials.
type LockedError struct{ RetryAfter time.Duration }

func (e *LockedError) Error() string {
	return fmt.Sprintf("too many wrong credentials: try again in %d s", int(math.Ceil(e.RetryAfter.Seconds())))
}

const (
	// maxFailures is how many wrong credentials lock a client for firstLock. Each
	// further one locks it twice as long as the one before, at most longestLock.
	maxFailures = 10
	firstLock   = time.Minute
	longestLock = 32 * time.Minute
	// forgetAfter is how long after the last wrong credential all are forgotten.
	forgetAfter = time.Hour
	// maxClients bounds the memory that strangers can take. When it is reached,
	// those are forgotten that are not locked and were quiet for a firstLock, and
	// past it unknown clients count as one.
	maxClients = 4096
)

// limiter counts failures by client. Its zero value is ready.
type limiter struct {
	mu      sync.Mutex
	clients map[string]*failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time // locked
}

// judge takes one attempt of the client. It returns how long the client is
// locked, and whether it was this attempt that locked it. An attempt while
// locked tells nothing, be it right, and does not count.
func (l *limiter) judge(client string, right bool) (wait time.Duration, locks bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	f := l.clients[l.key(client)]
	if f != nil && f.until.After(now) {
		return f.until.Sub(now), false
	}
	if right {
		return 0, false
	}
	f = l.of(client, now)
	f.count++
	f.last = now
	if f.count < maxFailures {
		return 0, false
	}
	wait = longestLock
	if doublings := f.count - maxFailures; doublings < 5 {
		wait = firstLock << doublings
	}
	f.until = now.Add(wait)
	return wait, true
}

// of returns the client's failures, to be changed.
func (l *limiter) of(client string, now time.Time) *failures {
	if len(l.clients) >= maxClients {
		for c, f := range l.clients {
			if now.Sub(f.last) >= firstLock && !f.until.After(now) {
				delete(l.clients, c)
			}
		}
	}
	if l.clients == nil {
		l.clients = map[string]*failures{}
	}
	key := l.key(client)
	f := l.clients[key]
	if f == nil || now.Sub(f.last) >= forgetAfter {
		f = &failures{}
		l.clients[key] = f
	}
	return f
}

func (l *limiter) key(client string) string {
	if _, known := l.clients[client]; !known && len(l.clients) >= maxClients {
		return "others"
	}
	return client
}
