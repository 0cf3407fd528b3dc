package browser

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"clawdbot/browser/api"
)

// status answers GET /.
func (s *Server) status(ctx context.Context, b *browser, _ args) (answer, error) {
	out := &api.Status{
		Enabled: true, ControlURL: s.cfg.ControlURL, Profile: b.name,
		CDPPort: b.shownPort(), CDPURL: b.shownURL(), Color: b.color,
		Headless: s.launcher.Headless(), NoSandbox: s.launcher.NoSandbox(),
		ExecutablePath: api.OrNull(s.cfg.Settings.ExecutablePath), AttachOnly: s.cfg.Settings.AttachOnly,
		Notes: s.launcher.Notes(),
	}
	if b.starts() {
		out.UserDataDir = api.OrNull(b.userData())
	}
	if exe, err := s.launcher.Find(); err != nil {
		out.DetectError = api.OrNull(err.Error())
	} else {
		out.DetectedBrowser, out.DetectedExecutablePath = api.OrNull(exe.Kind), api.OrNull(exe.Path)
	}
	l, err := b.attached()
	if err != nil { // not running
		return out, nil
	}
	out.CDPPort, out.CDPURL = l.port(), l.httpURL()
	out.CDPHTTP = l.answersHTTP(ctx)
	out.CDPReady = l.ready(ctx)
	out.Running = out.CDPReady
	if l.proc != nil {
		out.PID, out.ChosenBrowser = api.OrNull(l.proc.PID), api.OrNull(l.proc.Kind)
	}
	return out, nil
}

// start answers POST /start. It is done when CDP answers. A browser that runs
// already is fine, one that hangs is replaced.
func (s *Server) start(_ context.Context, b *browser, _ args) (answer, error) {
	if err := b.revive(); err != nil {
		return nil, err
	}
	return &api.Started{OK: true, Profile: b.name}, nil
}

// stop answers POST /stop.
func (s *Server) stop(_ context.Context, b *browser, _ args) (answer, error) {
	return &api.Stopped{OK: true, Stopped: b.stop(stopGrace), Profile: b.name}, nil
}

// profiles answers GET /profiles, with all of them.
func (s *Server) profiles(ctx context.Context, _ *browser, _ args) (answer, error) {
	all := s.browsers.all()
	out := &api.Profiles{Profiles: make([]api.ProfileInfo, len(all))}
	var looking sync.WaitGroup // all at once: one that is far away may not answer
	for i, b := range all {
		looking.Go(func() { out.Profiles[i] = b.info(ctx) })
	}
	looking.Wait()
	return out, nil
}

// info is the browser profile as it is now.
func (b *browser) info(ctx context.Context) api.ProfileInfo {
	info := api.ProfileInfo{
		Name: b.name, CDPPort: b.shownPort(), CDPURL: b.shownURL(), Color: b.color,
		IsDefault: b.name == b.server.cfg.Settings.DefaultProfile, IsRemote: b.isRemote(),
	}
	l, err := b.attached()
	if err != nil { // not running
		return info
	}
	info.CDPPort, info.CDPURL = l.port(), l.httpURL()
	pages, err := l.pages(ctx)
	info.Running, info.TabCount = err == nil, len(pages)
	return info
}

// tabs answers GET /tabs.
func (s *Server) tabs(ctx context.Context, b *browser, _ args) (answer, error) {
	l, err := b.attached()
	if err != nil {
		return &api.Tabs{Tabs: []api.Tab{}}, nil
	}
	pages, err := l.pages(ctx)
	if err != nil {
		return nil, err
	}
	return &api.Tabs{Running: true, Tabs: pages}, nil
}

// focus answers POST /tabs/focus.
func (s *Server) focus(ctx context.Context, b *browser, in api.TargetRequest) (answer, error) {
	return atTab(ctx, b, in.TargetID, (*link).activate)
}

// close answers DELETE /tabs/{targetId}.
func (s *Server) close(ctx context.Context, b *browser, in api.TargetRequest) (answer, error) {
	return atTab(ctx, b, in.TargetID, (*link).closeTab)
}

// atTab does something to the one tab that the id or its prefix names.
func atTab(ctx context.Context, b *browser, id string, do func(*link, context.Context, string) error) (answer, error) {
	id = strings.TrimSpace(id)
	if id == "" {
		return nil, api.Errorf(http.StatusBadRequest, "targetId is required")
	}
	l, err := b.attached()
	if err != nil {
		return nil, err
	}
	pages, err := l.pages(ctx)
	if err != nil {
		return nil, err
	}
	full, err := resolve(pages, id)
	if err != nil {
		return nil, err
	}
	if err := do(l, ctx, full); err != nil {
		return nil, err
	}
	return &api.Done{OK: true}, nil
}

// resolve returns the id of the tab that id names: exactly, or as the only one
// that begins so in either case.
func resolve(pages []api.Tab, id string) (string, error) {
	var found []string
	for _, p := range pages {
		if p.TargetID == id {
			return id, nil
		}
		if len(p.TargetID) >= len(id) && strings.EqualFold(p.TargetID[:len(id)], id) {
			found = append(found, p.TargetID)
		}
	}
	switch len(found) {
	case 0:
		return "", api.Errorf(http.StatusNotFound, "tab not found: no page has the id %q", id)
	case 1:
		return found[0], nil
	}
	return "", api.Errorf(http.StatusConflict, "ambiguous target id %q: it fits %s", id, strings.Join(found, " and "))
}
