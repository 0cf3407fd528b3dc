package browser

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"clawdbot/profile/gate"
)

// A Chromium that leaves so many probes in a row unanswered hangs: about 20 s, as
// one on a busy host may be slow. What a probe waits is less than who asks for it
// does.
const (
	hungAfter   = 10
	versionTime = 600 * time.Millisecond
)

// probe asks the own listener for the status without the token, which the gate
// must refuse, and each Chromium that we started for its version. One that hangs
// is ended by itself: the others and browser control go on. A browser of others
// is theirs to care for.
func (s *Server) probe(ctx context.Context) (string, error) {
	resp, err := gate.NewSelf(s.Addr(), "").Get(ctx, "/")
	if err != nil {
		return "", fmt.Errorf("HTTP on %s: %w", s.Addr(), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return "", fmt.Errorf("HTTP on %s: answered %s without the token", s.Addr(), resp.Status)
	}
	did := "its gate answered over HTTP"
	answered, silent := s.probeChromiums(ctx)
	if answered > 0 {
		did += fmt.Sprintf(", and %d Chromium over CDP", answered)
	}
	for _, b := range silent {
		did += fmt.Sprintf("; the Chromium of browser profile %s does not answer", b)
	}
	return did, nil
}

// probeChromiums asks all at once, and returns how many answered and which
// browser profiles' did not.
func (s *Server) probeChromiums(ctx context.Context) (answered int, silent []string) {
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	var group sync.WaitGroup
	all := s.browsers.all()
	asked := make([]*link, len(all))
	failed := make([]error, len(all))
	for i, b := range all {
		l := b.now.Load().link
		if l == nil || l.proc == nil || l.isLost() {
			continue
		}
		asked[i] = l
		group.Go(func() { failed[i] = l.version(ctx) })
	}
	group.Wait()
	for i, b := range all {
		switch {
		case asked[i] == nil:
		case failed[i] == nil:
			answered++
			b.silent.Store(0)
		default:
			silent = append(silent, b.name)
			if b.silent.Add(1) >= hungAfter {
				s.running.Go(func() { b.giveUp(asked[i]) })
			}
		}
	}
	return answered, silent
}

// giveUp ends a Chromium of ours that hangs.
func (b *browser) giveUp(l *link) {
	b.changing.Lock()
	defer b.changing.Unlock()
	if b.now.Load().link != l {
		return
	}
	why := fmt.Sprintf("Chromium (process %d) did not answer and was ended", l.pid())
	b.silent.Store(0)
	b.now.Store(&state{ended: why})
	l.quit(0)
	b.server.announce()
	b.server.cfg.Log.Warn("browser hung", "browserProfile", b.name, "why", why)
}
