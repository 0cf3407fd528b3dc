package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// How long a page may take to load: open answers without it after a while, to
// navigate that is an error.
const (
	openTime     = 3 * time.Second
	navigateTime = 20 * time.Second
)

// open answers POST /tabs/open. It starts the browser when needed; the first
// tab is then the one that the browser came with.
func (s *Server) open(ctx context.Context, b *browser, in api.OpenRequest) (answer, error) {
	address := strings.TrimSpace(in.URL)
	if err := s.policy.check(ctx, address); err != nil {
		return nil, err
	}
	fresh := b.starts() && b.now.Load().link == nil
	l, err := b.start()
	if err == nil && !fresh {
		err = b.room(ctx, l)
	}
	if err != nil {
		return nil, err
	}
	opened, err := l.open(ctx, address, fresh)
	if err != nil {
		return nil, fmt.Errorf("open: %w", explain(err))
	}
	return &api.Opened{Tab: opened}, nil
}

// open opens a tab, or takes the blank one of a fresh browser, and waits until
// the page has loaded, for openTime at most: one that takes longer is no error.
// A page that cannot be had is a net::ERR_ error, and leaves no new tab.
func (l *link) open(ctx context.Context, address string, fresh bool) (api.Tab, error) {
	id, made, err := l.blankTab(ctx, fresh)
	if err != nil {
		return api.Tab{}, err
	}
	l.used(id)
	title, at, err := l.lead(ctx, id, address)
	if err != nil {
		if made {
			err = errors.Join(err, l.closeTab(ctx, id))
		}
		return api.Tab{}, err
	}
	return l.tab(&target.Info{TargetID: target.ID(id), Type: "page", Title: title, URL: at}), nil
}

// blankTab returns a tab without a page, and whether it was made for this.
func (l *link) blankTab(ctx context.Context, fresh bool) (id string, made bool, err error) {
	if fresh {
		pages, err := l.pages(ctx)
		if err == nil && len(pages) == 1 && pages[0].URL == blank {
			return pages[0].TargetID, false, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	created, err := devtools.Call(ctx, l.conn.Root(), target.CreateTarget, target.CreateTargetParams{URL: blank})
	return string(created.TargetID), true, err
}

// lead leads a new tab to its page.
func (l *link) lead(ctx context.Context, id, address string) (title, at string, err error) {
	t, err := l.attach(ctx, id)
	if err != nil || address == blank {
		return "", blank, err
	}
	loading, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	at, err = t.Navigate(loading, address)
	switch {
	case errors.Is(err, tab.ErrSlow), errors.Is(err, tab.ErrNoPage):
		return "", address, nil
	case err != nil:
		return "", "", err
	}
	title, err = t.Title(ctx)
	return title, at, err
}

// navigating is the call of navigate. As with the original it starts the browser,
// and opens a tab, when there is none and none is named.
func (s *Server) navigating() func(context.Context, *browser, args) (answer, error) {
	navigate := onAnyTab(s.navigate)
	return func(ctx context.Context, b *browser, a args) (answer, error) {
		var in api.NavigateRequest
		if err := a.bind(&in); err != nil {
			return nil, err
		}
		if err := s.policy.check(ctx, strings.TrimSpace(in.URL)); err != nil {
			return nil, err
		}
		if in.TargetID == "" {
			if err := b.needTab(ctx); err != nil {
				return nil, err
			}
		}
		return navigate(ctx, b, a)
	}
}

// needTab starts the browser and opens a blank tab, when there is none.
func (b *browser) needTab(ctx context.Context) error {
	l, err := b.attached()
	if err != nil && b.starts() {
		l, err = b.start()
	}
	if err != nil {
		return err
	}
	pages, err := l.pages(ctx)
	if err == nil && len(pages) == 0 {
		_, err = l.open(ctx, blank, false)
	}
	return explain(err)
}

// navigate answers POST /navigate, whose address may be opened.
func (s *Server) navigate(ctx context.Context, t *tab.Tab, in api.NavigateRequest) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, navigateTime)
	defer cancel()
	final, err := t.Navigate(ctx, strings.TrimSpace(in.URL))
	if err != nil {
		return nil, err
	}
	return &api.Navigated{URL: final}, nil
}
