package browser

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/api"
	"clawdbot/browser/chromium"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// How long Chromium may take to answer.
const (
	callTimeout  = 5 * time.Second
	readyTimeout = time.Second // what a status call asks
)

// link is an open CDP connection, and the Chromium behind it when we started
// that. Its methods are safe for use by many goroutines.
type link struct {
	conn *devtools.Conn
	ws   *url.URL // the browser's WebSocket
	base *url.URL // its HTTP endpoint, with the credentials that it needs

	proc *chromium.Process // nil for one of others

	tabs    tab.Config // how tabs are attached to
	running sync.WaitGroup
	mu      sync.Mutex
	known   map[string]*attachment // by target id
	last    string                 // id of the tab used last
}

// dial opens the CDP connection to the browser's WebSocket.
func dial(ctx context.Context, ws, base *url.URL, tabs tab.Config) (*link, error) {
	conn, err := devtools.Dial(ctx, ws, tabs.Log)
	if err != nil {
		return nil, err
	}
	return &link{conn: conn, ws: ws, base: base, tabs: tabs, known: map[string]*attachment{}}, nil
}

// lost is closed when the connection has ended.
func (l *link) lost() <-chan struct{} { return l.conn.Lost() }

func (l *link) isLost() bool {
	select {
	case <-l.lost():
		return true
	default:
		return false
	}
}

// pid is the Chromium's process, 0 for one of others.
func (l *link) pid() int {
	if l.proc == nil {
		return 0
	}
	return l.proc.PID
}

func (l *link) port() int { return portOf(l.ws) }

// httpURL is the HTTP endpoint without credentials.
func (l *link) httpURL() string { return l.base.Scheme + "://" + l.base.Host }

// ready says whether the browser answers over CDP now.
func (l *link) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return l.version(ctx) == nil
}

// version asks the browser what it is, which it answers at once.
func (l *link) version(ctx context.Context) error {
	return devtools.Do(ctx, l.conn.Root(), cdpbrowser.GetVersion, cdp.Empty{})
}

// answersHTTP says whether the HTTP endpoint answers now.
func (l *link) answersHTTP(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	_, err := webSocketOf(ctx, l.base)
	return err == nil
}

// pages returns the tabs. Chromium also lists frames, workers, its own user
// interface and prerendered pages, none of which a person would call a tab.
func (l *link) pages(ctx context.Context) ([]api.Tab, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := devtools.Call(ctx, l.conn.Root(), target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{Type: "page"}}})
	if err != nil {
		return nil, fmt.Errorf("list tabs: %w", err)
	}
	tabs := []api.Tab{}
	for _, info := range got.TargetInfos {
		if info.Type == "page" && info.Subtype == "" {
			tabs = append(tabs, l.tab(info))
		}
	}
	return tabs, nil
}

func (l *link) tab(info *target.Info) api.Tab {
	ws := url.URL{Scheme: l.ws.Scheme, Host: l.ws.Host, Path: "/devtools/page/" + string(info.TargetID)}
	return api.Tab{TargetID: string(info.TargetID), Title: info.Title, URL: info.URL, WSURL: ws.String(), Type: info.Type}
}

// activate brings the tab to the front.
func (l *link) activate(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := devtools.Do(ctx, l.conn.Root(), target.ActivateTarget, target.ActivateTargetParams{TargetID: target.ID(id)}); err != nil {
		return fmt.Errorf("focus tab %s: %w", id, err)
	}
	l.used(id)
	return nil
}

// closeTab closes the tab and returns when it is listed no more: Chromium
// answers before that.
func (l *link) closeTab(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := devtools.Do(ctx, l.conn.Root(), target.CloseTarget, target.CloseTargetParams{TargetID: target.ID(id)}); err != nil {
		return fmt.Errorf("close tab %s: %w", id, err)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		pages, err := l.pages(ctx)
		if l.isLost() { // with its last window a Chromium that is not headless ends
			return nil
		}
		if err != nil {
			return fmt.Errorf("close tab %s: %w", id, err)
		}
		if !slices.ContainsFunc(pages, func(t api.Tab) bool { return t.TargetID == id }) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("close tab %s: the page does not let go", id)
		}
	}
}

// quit ends a Chromium of ours, by force when the grace is over, and the
// connection.
func (l *link) quit(grace time.Duration) {
	if l.proc != nil {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		if err := devtools.Do(ctx, l.conn.Root(), cdpbrowser.Close, cdp.Empty{}); err != nil && !l.isLost() {
			grace = 0
		}
		cancel()
		l.proc.End(grace)
	}
	l.close()
}

// bury clears up after a lost connection and says how our Chromium died, ""
// when it was closed or is not ours.
func (l *link) bury() string {
	l.close()
	if l.proc == nil {
		return ""
	}
	// A Chromium that ends by itself closes the connection a moment before.
	l.proc.End(time.Second)
	if l.proc.Err() == nil {
		return ""
	}
	return "Chromium ended by itself (" + l.proc.Err().Error() + ")"
}

// close ends the connection and waits for its goroutines.
func (l *link) close() {
	l.conn.Close()
	l.running.Wait()
	l.tabs.Downloads.Close()
}
