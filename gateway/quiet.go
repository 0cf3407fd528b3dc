package gateway

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

const (
	// sameAgain is for how long the same thing is not logged again.
	sameAgain = time.Minute
	// maxSaid bounds what is remembered, and so what is logged: details past it are
	// of one kind, for outsiders choose some of them.
	maxSaid = 256
)

// quiet is a log for what outsiders can cause: the first of a kind is logged at
// once, and then one a minute with the count.
type quiet struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[kind]*repeats
}

type kind struct{ msg, detail string }

type repeats struct {
	since time.Time
	more  int // that were not logged
}

func newQuiet(log *slog.Logger) *quiet { return &quiet{log: log, said: map[kind]*repeats{}} }

// say logs msg with args. Messages with the same detail are of one kind.
func (q *quiet) say(level slog.Level, msg, detail string, args ...any) {
	more, first := q.count(kind{msg, detail}, time.Now())
	if !first {
		return
	}
	if more > 0 {
		args = append(args, "more", more)
	}
	q.log.Log(context.Background(), level, msg, args...)
}

// count says whether it is time to log the kind, and how many were not since.
func (q *quiet) count(k kind, now time.Time) (more int, first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.said) >= maxSaid && q.said[k] == nil {
		maps.DeleteFunc(q.said, func(_ kind, r *repeats) bool { return now.Sub(r.since) >= sameAgain })
		if len(q.said) >= maxSaid {
			k.detail = ""
		}
	}
	r := q.said[k]
	switch {
	case r == nil:
		q.said[k] = &repeats{since: now}
		return 0, true
	case now.Sub(r.since) < sameAgain:
		r.more++
		return 0, false
	}
	more = r.more
	r.since, r.more = now, 0
	return more, true
}
