package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// loadTime is how long open waits for a page to load.
const loadTime = 3 * time.Second

// blank is the page of a tab that shows nothing.
const blank = "about:blank"

// open answers POST /tabs/open. It starts the browser when needed; the first
// tab is then the one that the browser came with.
func (s *Server) open(ctx context.Context, b *browser, in OpenRequest) (answer, error) {
	address := strings.TrimSpace(in.URL)
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	fresh := b.starts() && b.now.Load().link == nil
	l, err := b.start()
	if err != nil {
		return nil, err
	}
	tab, err := l.open(ctx, address, fresh)
	if err != nil {
		return nil, err
	}
	return &Opened{Tab: tab}, nil
}

// CheckAddress refuses, with status 400, what open does not take. Pages of the
// file system and scripts are not for those who may only use the browser.
func CheckAddress(address string) error {
	if address == "" {
		return failf(http.StatusBadRequest, "url is required")
	}
	u, err := url.Parse(address)
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https")
	if err != nil || u.Scheme == "" || web && u.Host == "" {
		return failf(http.StatusBadRequest, "url %q is no absolute address: write it like https://example.com/", address)
	}
	if web || u.Scheme == "data" || address == blank {
		return nil
	}
	return failf(http.StatusBadRequest, "url %q cannot be opened: only http, https, data and %s can", address, blank)
}

// open opens a tab, or takes the blank one of a fresh browser, and waits until
// the page has loaded, for loadTime at most: one that takes longer is no error.
// A page that cannot be had is a net::ERR_ error, and leaves no new tab.
func (l *link) open(ctx context.Context, address string, fresh bool) (Tab, error) {
	id, made, err := l.blankTab(ctx, fresh)
	if err != nil {
		return Tab{}, fmt.Errorf("open %s: %w", address, err)
	}
	title, at := "", blank
	if address != blank {
		title, at, err = l.load(ctx, id, address)
	}
	if err != nil {
		err = fmt.Errorf("open %s: %w", address, err)
		if made {
			err = errors.Join(err, l.closeTab(ctx, string(id)))
		}
		return Tab{}, err
	}
	return l.tab(&target.Info{TargetID: id, Type: "page", Title: title, URL: at}), nil
}

// blankTab returns a tab without a page, and whether it was made for this.
func (l *link) blankTab(ctx context.Context, fresh bool) (id target.ID, made bool, err error) {
	if fresh {
		pages, err := l.pages(ctx)
		if err == nil && len(pages) == 1 && pages[0].URL == blank {
			return target.ID(pages[0].TargetID), false, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tab, err := cdp.Call(ctx, l.cdp, target.CreateTarget, target.CreateTargetParams{URL: blank})
	return tab.TargetID, true, err
}

// visit attaches to a tab for a while; leave detaches.
func (l *link) visit(ctx context.Context, id target.ID, within time.Duration) (limited context.Context, leave func()) {
	all, end := chromedp.NewContext(ctx, func(c *chromedp.Context) { c.Browser = l.cdp })
	tab, _ := chromedp.NewContext(all, chromedp.WithTargetID(id), chromedp.WithDetachOnCancel())
	limited, cancel := context.WithTimeout(tab, within)
	return limited, func() {
		cancel()
		_ = chromedp.Cancel(tab) // a tab that is gone is detached from
		end()
	}
}

// load leads a tab to the address, and returns title and address of the page
// that came. The tab is attached to for as long.
func (l *link) load(ctx context.Context, id target.ID, address string) (title, at string, err error) {
	limited, leave := l.visit(ctx, id, loadTime)
	defer leave()
	_, err = chromedp.Run(limited, chromedp.Navigate(address))
	var refused *chromedp.LoadError
	switch {
	case errors.As(err, &refused) && refused.ErrorText == "net::ERR_ABORTED", // a download, or nothing to show
		ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return "", address, nil
	case errors.As(err, &refused):
		return "", "", errors.New(refused.ErrorText)
	case err != nil:
		return "", "", err
	}
	if title, err = chromedp.Run(limited, chromedp.Title()); err == nil {
		at, err = chromedp.Run(limited, chromedp.Location())
	}
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return title, address, nil
	}
	return title, at, err
}
