package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"clawdbot/profile/gate"
)

// probe asks the own listener for the status without the token, which the gate
// must refuse, and each Chromium that we started for its version. A browser of
// others is theirs to care for.
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
	asked, err := s.probeChromiums(ctx)
	if asked > 0 {
		did += fmt.Sprintf(", and %d Chromium over CDP", asked)
	}
	return did, err
}

// probeChromiums asks all at once and returns how many there are.
func (s *Server) probeChromiums(ctx context.Context) (asked int, err error) {
	var group sync.WaitGroup
	all := s.browsers.all()
	failed := make([]error, len(all))
	for i, b := range all {
		l := b.now.Load().link
		if l == nil || l.proc == nil || l.isLost() {
			continue
		}
		asked++
		group.Go(func() {
			if err := l.version(ctx); err != nil {
				failed[i] = fmt.Errorf("browser profile %s: Chromium (process %d) does not answer: %w", b.name, l.pid(), err)
			}
		})
	}
	group.Wait()
	return asked, errors.Join(failed...)
}
