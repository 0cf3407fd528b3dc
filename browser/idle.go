package browser

import (
	"sync"
	"time"
)

// looks says whether the call only looks at how browsers are, which is no use
// of them.
func (v verb) looks() bool {
	switch v.name {
	case "status", "profiles", "tabs", "ps":
		return true
	}
	return false
}

// using is who uses a browser, and when somebody did last. The zero value is
// nobody and never. It is safe for use by many goroutines.
type using struct {
	mu    sync.Mutex
	users int
	last  time.Time
}

// begin is a use of the browser until end is called.
func (u *using) begin() (end func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.users++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.users--
		u.last = time.Now()
	}
}

// idle does leave when nobody has used the browser for so long, and returns 0;
// else it returns how long that takes at least. Nobody begins a use meanwhile.
func (u *using) idle(after time.Duration, leave func()) (left time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.users > 0 {
		return after
	}
	if left := after - time.Since(u.last); left > 0 {
		return left
	}
	leave()
	return 0
}

// watch waits for the end of the link, wanted or not. It ends that of a
// Chromium of ours that has been idle for too long.
func (b *browser) watch(l *link) {
	after := b.server.cfg.Settings.IdleAfter()
	check := time.NewTimer(after)
	defer check.Stop()
	if after == 0 || l.proc == nil {
		check.Stop()
	}
	for {
		select {
		case <-l.lost():
			b.changing.Lock()
			defer b.changing.Unlock()
			b.reap()
			return
		case <-check.C:
			if left := b.closeIdle(l, after); left > 0 {
				check.Reset(left)
			}
		}
	}
}

// closeIdle closes an idle browser, or returns how long to wait for that.
func (b *browser) closeIdle(l *link, after time.Duration) (left time.Duration) {
	b.changing.Lock()
	defer b.changing.Unlock()
	if b.now.Load().link != l {
		return 0
	}
	left = b.using.idle(after, func() { b.now.Store(&state{}) })
	if left == 0 {
		l.quit(stopGrace)
		b.server.announce()
		b.server.cfg.Log.Info("idle browser closed", "browserProfile", b.name, "after", after)
	}
	return left
}
