package browser

import (
	"context"
	"sync"

	"clawdbot/browser/api"
	"clawdbot/browser/chromium"
	"clawdbot/profile/proc"
)

// ownerVerbs are the calls of this file.
func (s *Server) ownerVerbs() []verb {
	return []verb{{"ps", "GET /ps", s.ps}}
}

// ps answers GET /ps: what the ledger says of each browser profile, held
// against what runs.
func (s *Server) ps(ctx context.Context, _ *browser, _ args) (answer, error) {
	entries, err := s.ledger.All()
	if err != nil {
		return nil, err
	}
	list := make([]api.Process, len(entries))
	owned := map[string]bool{}
	var looking sync.WaitGroup
	for i, e := range entries {
		owned[e.Profile] = true
		looking.Go(func() { list[i] = s.ownedProcess(ctx, e) })
	}
	looking.Wait()
	for _, b := range s.browsers.all() {
		if !b.starts() || owned[b.name] {
			continue
		}
		if err := s.launcher.Check(b.place()); err != nil {
			list = append(list, api.Process{
				Profile: b.name, State: api.ProcessBlocked, CDPPort: b.port, UserDataDir: b.userData(), Note: err.Error(),
			})
		}
	}
	return &api.Processes{Processes: list}, nil
}

func (s *Server) ownedProcess(ctx context.Context, e chromium.Owned) api.Process {
	p := api.Process{
		Profile: e.Profile, PID: e.PID, CDPPort: e.Port, UserDataDir: e.Folder, Since: e.Since.UnixMilli(),
	}
	if l := s.linkOf(e); l != nil {
		p.State, p.Note = api.ProcessHung, "it does not answer: start ends it and starts another one"
		if !l.ready(ctx) {
			return p
		}
		if pages, err := l.pages(ctx); err == nil {
			p.State, p.Note, p.Tabs = api.ProcessRunning, "", len(pages)
		}
		return p
	}
	_, err := proc.Same(e.Identity)
	b, unknown := s.browsers.named(e.Profile)
	switch {
	case err != nil:
		p.State, p.Note = api.ProcessEnded, "the next start of the gateway forgets it"
	case unknown == nil && b.starting():
		p.State = api.ProcessStarting
	default:
		p.State, p.Note = api.ProcessLeft, "the next start of the gateway ends it"
	}
	return p
}

// linkOf returns the link to a Chromium of the ledger, nil when there is none.
func (s *Server) linkOf(e chromium.Owned) *link {
	b, err := s.browsers.named(e.Profile)
	if err != nil {
		return nil
	}
	if l := b.now.Load().link; l != nil && l.pid() == e.PID && !l.isLost() {
		return l
	}
	return nil
}

// starting says whether the browser is being started or ended.
func (b *browser) starting() bool {
	if b.changing.TryLock() {
		b.changing.Unlock()
		return false
	}
	return true
}
