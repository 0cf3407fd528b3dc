package browser

import (
	"context"
	"net/http"
	"strings"
)

// status answers GET /.
func (s *Server) status(ctx context.Context, b *browser, _ args) (answer, error) {
	out := &Status{
		Enabled: true, ControlURL: s.cfg.ControlURL, Profile: b.name,
		CDPPort: b.port, CDPURL: b.shownURL(), Color: b.color,
		Headless: s.launcher.headless, NoSandbox: s.launcher.noSandbox,
		ExecutablePath: orNull(s.cfg.Settings.ExecutablePath), AttachOnly: s.cfg.Settings.AttachOnly,
		Notes: s.launcher.notes(),
	}
	if b.starts() {
		out.UserDataDir = orNull(b.userData())
	}
	if exe, err := s.launcher.find(); err != nil {
		out.DetectError = orNull(err.Error())
	} else {
		out.DetectedBrowser, out.DetectedExecutablePath = orNull(exe.kind), orNull(exe.path)
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
		out.PID, out.ChosenBrowser = orNull(l.proc.pid), orNull(l.kind)
	}
	return out, nil
}

// start answers POST /start. It is done when CDP answers; a browser that runs
// already is fine.
func (s *Server) start(_ context.Context, b *browser, _ args) (answer, error) {
	if _, err := b.start(); err != nil {
		return nil, err
	}
	return &Started{OK: true, Profile: b.name}, nil
}

// stop answers POST /stop.
func (s *Server) stop(_ context.Context, b *browser, _ args) (answer, error) {
	return &Stopped{OK: true, Stopped: b.stop(stopGrace), Profile: b.name}, nil
}

// profiles answers GET /profiles, with all of them.
func (s *Server) profiles(ctx context.Context, _ *browser, _ args) (answer, error) {
	out := &Profiles{}
	for i, b := range s.browsers {
		info := ProfileInfo{
			Name: b.name, CDPPort: b.port, CDPURL: b.shownURL(), Color: b.color,
			IsDefault: i == 0, IsRemote: b.isRemote(),
		}
		if l, err := b.attached(); err == nil {
			info.CDPPort, info.CDPURL = l.port(), l.httpURL()
			pages, err := l.pages(ctx)
			info.Running, info.TabCount = err == nil, len(pages)
		}
		out.Profiles = append(out.Profiles, info)
	}
	return out, nil
}

// tabs answers GET /tabs.
func (s *Server) tabs(ctx context.Context, b *browser, _ args) (answer, error) {
	l, err := b.attached()
	if err != nil {
		return &Tabs{Tabs: []Tab{}}, nil
	}
	pages, err := l.pages(ctx)
	if err != nil {
		return nil, err
	}
	return &Tabs{Running: true, Tabs: pages}, nil
}

// focus answers POST /tabs/focus.
func (s *Server) focus(ctx context.Context, b *browser, in TargetRequest) (answer, error) {
	return onTab(ctx, b, in.TargetID, (*link).activate)
}

// close answers DELETE /tabs/{targetId}.
func (s *Server) close(ctx context.Context, b *browser, in TargetRequest) (answer, error) {
	return onTab(ctx, b, in.TargetID, (*link).closeTab)
}

// onTab does something to the one tab that the id or its prefix names.
func onTab(ctx context.Context, b *browser, id string, do func(*link, context.Context, string) error) (answer, error) {
	id = strings.TrimSpace(id)
	if id == "" {
		return nil, failf(http.StatusBadRequest, "targetId is required")
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
	return &Done{OK: true}, nil
}

// resolve returns the id of the tab that id names: exactly, or as the only one
// that begins so in either case.
func resolve(pages []Tab, id string) (string, error) {
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
		return "", failf(http.StatusNotFound, "tab not found: no page has the id %q", id)
	case 1:
		return found[0], nil
	}
	return "", failf(http.StatusConflict, "ambiguous target id %q: it fits %s", id, strings.Join(found, " and "))
}
