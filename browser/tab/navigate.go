package tab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// settleTime is how long Settle waits for a navigation.
const settleTime = 5 * time.Second

// blank is the page of a tab that shows nothing.
const blank = "about:blank"

// Names of lifecycle events, as Chromium tells them.
const (
	StateDOM  = "DOMContentLoaded"
	StateLoad = "load"
	StateIdle = "networkIdle"
)

func (t *Tab) followNavigation() {
	On(t, page.FrameRequestedNavigation, func(_ *devtools.Session, e page.EventFrameRequestedNavigation) {
		t.pending(e.FrameID, e.Disposition == page.ClientNavigationDispositionCurrentTab)
	})
	On(t, page.FrameStartedNavigating, func(_ *devtools.Session, e page.EventFrameStartedNavigating) {
		switch e.NavigationType {
		case page.FrameStartedNavigatingNavigationTypeSameDocument, page.FrameStartedNavigatingNavigationTypeHistorySameDocument:
		default:
			t.pending(e.FrameID, true)
		}
	})
	On(t, page.FrameStoppedLoading, func(_ *devtools.Session, e page.EventFrameStoppedLoading) { t.pending(e.FrameID, false) })
	On(t, page.LifecycleEvent, func(s *devtools.Session, e page.EventLifecycleEvent) {
		t.mu.Lock()
		defer t.mu.Unlock()
		f := t.frames.byID[e.FrameID]
		if f == nil || f.session != s || f.loader != "" && e.LoaderID != f.loader {
			return
		}
		f.states[e.Name] = true
		t.wakeLocked()
	})
}

func (t *Tab) pending(id cdp.FrameID, is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.frames.byID[id]; f != nil && f.pending != is {
		f.pending = is
		t.wakeLocked()
	}
}

// navigated takes over a frame's new document.
func (t *Tab) navigated(s *devtools.Session, to *cdp.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.frames.byID[to.ID]
	if f == nil {
		f = t.frames.grow(t, s, to.ID, to.ParentID)
	}
	for _, child := range f.children { // those of the document before
		t.frames.drop(child)
	}
	f.children = nil
	f.session, f.url, f.loader = s, to.URL+to.URLFragment, to.LoaderID
	f.states, f.world, f.pending = map[string]bool{}, world{}, false
	if f == t.frames.main && f.url != blank && t.cfg.Allow != nil {
		t.refused = nil
		t.later(func(ctx context.Context) { t.inspect(ctx, to.URL) })
	}
	t.wakeLocked()
}

// inspect turns away from a page that may not be shown.
func (t *Tab) inspect(ctx context.Context, address string) {
	err := t.cfg.Allow(address)
	if err == nil {
		return
	}
	t.mu.Lock()
	t.refused = err
	t.wakeLocked()
	t.mu.Unlock()
	if err := devtools.Do(ctx, t.page, page.Navigate, page.NavigateParams{URL: blank}); err != nil {
		t.cfg.Log.Warn("a page that is not allowed stays open", "tab", t.id, "err", err)
	}
}

// What Navigate can end with beside the browser's net::ERR_ errors.
var (
	ErrSlow   = errors.New("has not loaded in time")
	ErrNoPage = errors.New("net::ERR_ABORTED: the address is no page but a download, or nothing")
)

// Navigate leads the page to the address and waits until it has loaded. It
// returns the address that it came to. A page that cannot be had is a net::ERR_
// error; one that takes longer than the context has is ErrSlow.
func (t *Tab) Navigate(ctx context.Context, address string) (final string, err error) {
	if err := t.allowed(address); err != nil {
		return "", err
	}
	defer t.lead()()
	got, err := devtools.Call(ctx, t.page, page.Navigate, page.NavigateParams{URL: address})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("%s %w", address, ErrSlow)
	case err != nil:
		return "", err
	case got.ErrorText == "net::ERR_ABORTED":
		return "", t.aborted()
	case got.ErrorText != "":
		return "", fmt.Errorf("%s at %s", got.ErrorText, address)
	}
	main := t.Main()
	came := got.LoaderID == "" // the same document
	err = t.await(ctx, func() bool {
		came = came || main.loader == got.LoaderID
		return t.refused != nil || came && !main.pending && (main.states[StateLoad] || got.LoaderID == "")
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return "", fmt.Errorf("%s %w", address, ErrSlow)
	}
	if err == nil {
		err = t.Refused()
	}
	return main.URL(), err
}

// lead is counted among those who navigate the page until done is called.
func (t *Tab) lead() (done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = nil
	t.leading++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.leading--
	}
}

// aborted says why the browser gave up a navigation.
func (t *Tab) aborted() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leading > 1 {
		return api.Errorf(http.StatusConflict, "another navigation of the tab took the place of this one")
	}
	return ErrNoPage
}

func (t *Tab) allowed(address string) error {
	if t.cfg.Allow == nil {
		return nil
	}
	return t.cfg.Allow(address)
}

// Refused is what Config.Allow says of the page that came last, nil for one
// that is allowed.
func (t *Tab) Refused() error {
	t.mu.Lock()
	refused, at := t.refused, t.frames.main.url
	t.mu.Unlock()
	if refused != nil {
		return refused
	}
	return t.allowed(at)
}

// Await waits until the main frame's document has come to the lifecycle state.
func (t *Tab) Await(ctx context.Context, state string) error {
	main := t.Main()
	return t.await(ctx, func() bool { return !main.pending && main.states[state] })
}

// Settle runs act, then waits for the navigation that it started, if it did:
// until the new document is there and parsed, or for settleTime.
func (t *Tab) Settle(ctx context.Context, act func(context.Context) error) error {
	if err := act(ctx); err != nil {
		return err
	}
	settling, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	// What the act made the page do comes before the answer to this.
	err := devtools.Do(settling, t.page, runtime.Evaluate, runtime.EvaluateParams{Expression: "0"})
	switch {
	case ctx.Err() != nil:
		return t.Main().said(ctx, ctx.Err())
	case errors.Is(err, devtools.ErrDetached): // the act closed the page
		return nil
	case err != nil && !isMovedOn(err) && !errors.Is(err, context.DeadlineExceeded):
		return err
	}
	main := t.Main()
	err = t.await(settling, func() bool {
		for _, f := range t.frames.byID {
			if f.pending {
				return false
			}
		}
		return t.refused != nil || main.states[StateDOM] || main.loader == ""
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, devtools.ErrDetached) {
		return err
	}
	return t.Refused()
}
