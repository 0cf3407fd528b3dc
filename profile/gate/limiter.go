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
	maxFailures = 10
	window      = time.Minute
	// maxClients bounds the memory that strangers can take. Past it, unknown
	// clients count as one.
	maxClients = 4096
)

// limiter counts failures by client in fixed windows. Its zero value is ready.
type limiter struct {
	mu      sync.Mutex
	clients map[string]*failures
}

type failures struct {
	since time.Time
	count int
}

// locked returns how long the client is still locked, 0 when it is not.
func (l *limiter) locked(client string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.clients[l.key(client)]
	if f == nil || f.count < maxFailures {
		return 0
	}
	return max(0, time.Until(f.since.Add(window)))
}

// add counts a failure and says whether it was the one that locks.
func (l *limiter) add(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clients == nil {
		l.clients = map[string]*failures{}
	}
	if len(l.clients) >= maxClients {
		l.prune()
	}
	key := l.key(client)
	f := l.clients[key]
	if f == nil || time.Since(f.since) >= window {
		f = &failures{since: time.Now()}
		l.clients[key] = f
	}
	f.count++
	return f.count == maxFailures
}

func (l *limiter) prune() {
	for client, f := range l.clients {
		if time.Since(f.since) >= window {
			delete(l.clients, client)
		}
	}
}

func (l *limiter) key(client string) string {
	if _, known := l.clients[client]; !known && len(l.clients) >= maxClients {
		return "others"
	}
	return client
}
