package browser

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// Bounds of a call on a tab: of attaching, and of the whole when nothing less
// is said.
const (
	attachTime = 15 * time.Second
	tabTime    = 150 * time.Second
)

// attachment is a tab that is, or is being, attached to.
type attachment struct {
	done chan struct{}
	tab  *tab.Tab
	err  error
}

// tabConfig is how the tabs of one browser are attached to.
func (s *Server) tabConfig() tab.Config {
	p := s.policy
	return tab.Config{
		Log: s.cfg.Log, Downloads: tab.NewDownloads(filepath.Join(s.cfg.Dir, downloadsFolder), s.cfg.Log),
		Guard: s.guard,
		Allow: func(address string) error { return p.checkPage(s.life, address) },
	}
}

// onTab gives f its arguments as a struct, and the tab that they name, unless
// that shows a page which is not allowed.
func onTab[In any](f func(context.Context, *tab.Tab, In) (answer, error)) func(context.Context, *browser, args) (answer, error) {
	return onAnyTab(func(ctx context.Context, t *tab.Tab, in In) (answer, error) {
		if err := t.Refused(); err != nil {
			return nil, err
		}
		return f(ctx, t, in)
	})
}

// onAnyTab is onTab, whatever the tab shows.
func onAnyTab[In any](f func(context.Context, *tab.Tab, In) (answer, error)) func(context.Context, *browser, args) (answer, error) {
	return func(ctx context.Context, b *browser, a args) (answer, error) {
		var which api.TabRequest
		var in In
		if err := a.bind(&which); err != nil {
			return nil, err
		}
		if err := a.bind(&in); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, tabTime)
		defer cancel()
		t, err := b.tab(ctx, which.TargetID)
		if err != nil {
			return nil, err
		}
		out, err := f(ctx, t, in)
		if err != nil {
			return nil, explain(err)
		}
		if on, ok := out.(interface{ DidOnTab(targetID string) }); ok {
			on.DidOnTab(string(t.ID()))
		}
		return out, nil
	}
}

// explain gives the errors of a connection and of a deadline their status.
func explain(err error) error {
	switch {
	case errors.Is(err, devtools.ErrDetached):
		return api.Errorf(http.StatusNotFound, "tab not found: %w", err)
	case errors.Is(err, devtools.ErrLost):
		return api.Errorf(http.StatusConflict, "browser not running: %w", err)
	case errors.Is(err, devtools.ErrCrashed):
		return api.Errorf(http.StatusConflict, "%w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the page does not answer in time: its script may be busy")
	}
	return err
}

// tab returns the tab that the id or its prefix names, attached to: for "" the
// one used last, else the first. It is the one used last then.
func (b *browser) tab(ctx context.Context, id string) (*tab.Tab, error) {
	l, t, err := b.look(ctx, id)
	if err != nil {
		return nil, err
	}
	l.used(string(t.ID()))
	return t, nil
}

// look is tab, but leaves the one used last as it is.
func (b *browser) look(ctx context.Context, id string) (*link, *tab.Tab, error) {
	l, err := b.attached()
	if err != nil {
		return nil, nil, err
	}
	full, err := l.choose(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, attachTime)
	defer cancel()
	t, err := l.attach(ctx, full)
	if err != nil {
		return nil, nil, explain(err)
	}
	return l, t, nil
}

// choose returns the whole id of a tab.
func (l *link) choose(ctx context.Context, id string) (string, error) {
	l.mu.Lock()
	wanted := id
	if wanted == "" {
		wanted = l.last
	}
	_, known := l.known[wanted]
	l.mu.Unlock()
	if known { // one that is gone is forgotten
		return wanted, nil
	}
	pages, err := l.pages(ctx)
	if err != nil {
		return "", explain(err)
	}
	if id != "" {
		return resolve(pages, id)
	}
	if len(pages) == 0 {
		return "", api.Errorf(http.StatusNotFound, "tab not found: the browser has none; open one")
	}
	if full, err := resolve(pages, wanted); wanted != "" && err == nil {
		return full, nil
	}
	return pages[0].TargetID, nil
}

// used notes which tab is the one used last.
func (l *link) used(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = id
}

// attach returns the tab, attaching to it when it is not yet. The first who
// asks attaches, for all who ask meanwhile.
func (l *link) attach(ctx context.Context, id string) (*tab.Tab, error) {
	l.mu.Lock()
	a := l.known[id]
	if a == nil {
		a = &attachment{done: make(chan struct{})}
		l.known[id] = a
		l.running.Go(func() { l.serve(id, a) })
	}
	l.mu.Unlock()
	select {
	case <-a.done:
		return a.tab, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve attaches to a tab and forgets it when it is gone.
func (l *link) serve(id string, a *attachment) {
	ctx, cancel := context.WithTimeout(context.Background(), attachTime)
	a.tab, a.err = tab.Attach(ctx, l.conn, target.ID(id), l.tabs)
	cancel()
	close(a.done)
	if a.err == nil {
		<-a.tab.Gone()
	}
	l.mu.Lock()
	delete(l.known, id)
	l.mu.Unlock()
	if a.err == nil {
		_ = a.tab.Detach() // gone already: this waits for what runs in it
	}
}
