package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/chromedp/cdproto"
	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// How long Chromium may take to answer.
const (
	callTimeout  = 5 * time.Second
	readyTimeout = time.Second // what a status call asks
)

// link is an open CDP connection, and the Chromium behind it when we started
// that. Its methods are safe for use by many goroutines.
type link struct {
	cdp  *chromedp.Browser
	conn *remote.Conn // below cdp, for the one command that cdp keeps to itself
	end  context.CancelFunc
	ws   *url.URL // the browser's WebSocket
	base *url.URL // its HTTP endpoint, with the credentials that it needs

	// Of a Chromium that we started; zero otherwise.
	proc   *process
	kind   string
	folder string
}

// dial opens the CDP connection to the browser's WebSocket.
func dial(ctx context.Context, ws, base *url.URL, log *slog.Logger) (*link, error) {
	header := http.Header{}
	authorize(header, ws)
	bare := *ws
	bare.User = nil
	conn, err := remote.DialContext(ctx, bare.String(), remote.WithConnHTTPHeader(header))
	if err != nil {
		return nil, fmt.Errorf("CDP at %s: %w", ws.Host, withoutURL(err))
	}
	life, end := context.WithCancel(context.Background())
	logf := func(format string, a ...any) { log.Debug(fmt.Sprintf(format, a...)) }
	browser, err := chromedp.NewBrowserTransport(life, conn, chromedp.WithBrowserLogf(logf), chromedp.WithBrowserErrorf(logf))
	if err != nil {
		end()
		return nil, errors.Join(fmt.Errorf("CDP at %s: %w", ws.Host, err), conn.Close())
	}
	return &link{cdp: browser, conn: conn, end: end, ws: ws, base: base}, nil
}

// authorize carries the address's user and password in the header.
func authorize(h http.Header, u *url.URL) {
	if u.User == nil {
		return
	}
	password, _ := u.User.Password()
	r := http.Request{Header: h}
	r.SetBasicAuth(u.User.Username(), password)
}

// lost is closed when the connection has ended.
func (l *link) lost() <-chan struct{} { return l.cdp.LostConnection }

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
	return l.proc.pid
}

func (l *link) port() int {
	port, _ := strconv.Atoi(l.ws.Port()) // 0 for an address with the scheme's own port
	return port
}

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
	_, err := cdp.Call(ctx, l.cdp, cdpbrowser.GetVersion, cdp.Empty{})
	return err
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
func (l *link) pages(ctx context.Context) ([]Tab, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := cdp.Call(ctx, l.cdp, target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{Type: "page"}}})
	if err != nil {
		return nil, fmt.Errorf("list tabs: %w", err)
	}
	tabs := []Tab{}
	for _, info := range got.TargetInfos {
		if info.Subtype == "" {
			tabs = append(tabs, l.tab(info))
		}
	}
	return tabs, nil
}

func (l *link) tab(info *target.Info) Tab {
	ws := url.URL{Scheme: l.ws.Scheme, Host: l.ws.Host, Path: "/devtools/page/" + string(info.TargetID)}
	return Tab{TargetID: string(info.TargetID), Title: info.Title, URL: info.URL, WSURL: ws.String(), Type: info.Type}
}

// activate brings the tab to the front.
func (l *link) activate(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := cdp.Call(ctx, l.cdp, target.ActivateTarget, target.ActivateTargetParams{TargetID: target.ID(id)}); err != nil {
		return fmt.Errorf("focus tab %s: %w", id, err)
	}
	return nil
}

// closeTab closes the tab and returns when it is listed no more: Chromium
// answers before that.
func (l *link) closeTab(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := cdp.Call(ctx, l.cdp, target.CloseTarget, target.CloseTargetParams{TargetID: target.ID(id)}); err != nil {
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
		if !slices.ContainsFunc(pages, func(t Tab) bool { return t.TargetID == id }) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("close tab %s: the page does not let go", id)
		}
	}
}

// closeID numbers Browser.close; cdp counts its own commands from 1.
const closeID = 1 << 30

// quit ends a Chromium of ours, by force when the grace is over, and the
// connection.
func (l *link) quit(grace time.Duration) {
	if l.proc != nil {
		err := l.conn.Write(context.Background(), &cdproto.Message{ID: closeID, Method: cdpbrowser.CommandClose})
		if err != nil {
			grace = 0
		}
		l.proc.end(grace)
		sweep(l.folder)
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
	l.proc.end(time.Second)
	sweep(l.folder)
	if l.proc.err == nil {
		return ""
	}
	return "Chromium ended by itself (" + l.proc.err.Error() + ")"
}

// close ends the connection and waits for its goroutines.
func (l *link) close() {
	l.end()
	<-l.lost()
}
