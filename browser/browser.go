package browser

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"clawdbot/browser/api"
	"clawdbot/browser/chromium"
	"clawdbot/browser/relay"
)

// How long a Chromium may take to close before it is killed.
const (
	stopGrace     = 2500 * time.Millisecond
	shutdownGrace = 1500 * time.Millisecond // a component drains within 2 s
)

// browser is one browser profile: at most one link at a time. Its methods are
// safe for use by many goroutines.
type browser struct {
	server    *Server
	name      string
	source    source
	color     string
	port      int      // configured; 0 lets the launcher choose
	remote    *url.URL // where to attach; nil when we start our own
	extension bool

	changing sync.Mutex // held while the link is made or ended
	retired  bool       // deleted; guarded by changing
	now      atomic.Pointer[state]
	silent   atomic.Int32 // probes in a row that its Chromium did not answer
	using    using
}

// state is what a browser profile is at one moment.
type state struct {
	link  *link  // nil while nothing is attached
	ended string // how the last Chromium died by itself; "" when it did not
}

// loopback is the address of a debugging port.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// starts says whether the browser is one that we start ourselves.
func (b *browser) starts() bool {
	return b.remote == nil && !b.extension && !b.server.cfg.Settings.AttachOnly
}

// isRemote says, as the original does, whether the browser is on another host.
func (b *browser) isRemote() bool {
	if b.remote == nil || b.remote.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(b.remote.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// userData is the user data folder of a browser that we start.
func (b *browser) userData() string {
	return filepath.Join(b.server.cfg.Dir, b.name, "user-data")
}

// place is where a browser that we start runs.
func (b *browser) place() chromium.Place {
	return chromium.Place{Profile: b.name, Folder: b.userData(), Port: b.port}
}

// shownURL is the CDP address as far as the configuration tells it, without
// credentials.
func (b *browser) shownURL() string {
	switch {
	case b.remote != nil:
		return (&url.URL{Scheme: b.remote.Scheme, Host: b.remote.Host}).String()
	case b.port != 0:
		return "http://" + loopback(b.port)
	}
	return ""
}

// shownPort is the port of the CDP address as far as the configuration tells it,
// 0 when it does not.
func (b *browser) shownPort() int {
	if b.remote != nil {
		return portOf(b.remote)
	}
	return b.port
}

// attached returns the link of a browser that runs. One that we only attach to
// is attached when it can be.
func (b *browser) attached() (*link, error) {
	if l := b.now.Load().link; l != nil && !l.isLost() {
		return l, nil
	}
	if b.remote == nil {
		return nil, api.Errorf(http.StatusConflict, "browser not running: start browser profile %q first", b.name)
	}
	l, err := b.start()
	if err != nil {
		return nil, api.Errorf(http.StatusConflict, "browser not running: %w", err)
	}
	return l, nil
}

var errStopping = errors.New("browser control is stopping")

// start returns the link, making it first when there is none. It is not bound
// to the caller: a start that someone waits for no longer still succeeds.
func (b *browser) start() (*link, error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	s := b.server
	if s.life.Err() != nil {
		return nil, errStopping
	}
	if b.retired {
		return nil, fmt.Errorf("browser profile %q: %w", b.name, errDeleted)
	}
	b.reap()
	if l := b.now.Load().link; l != nil {
		return l, nil
	}
	l, err := b.connect(s.life)
	if err != nil && s.life.Err() != nil {
		err = errStopping
	}
	if err != nil {
		return nil, fmt.Errorf("browser profile %q: %w", b.name, err)
	}
	b.now.Store(&state{link: l})
	s.running.Go(func() { b.watch(l) })
	s.announce()
	s.cfg.Log.Info("browser attached", "browserProfile", b.name, "cdp", l.ws.Host, "pid", l.pid())
	return l, nil
}

// revive is start, but a browser that does not answer is let go first, and one
// of ours ended.
func (b *browser) revive() error {
	l, err := b.start()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.server.life, callTimeout)
	defer cancel()
	if l.version(ctx) == nil {
		return nil
	}
	b.changing.Lock()
	if b.now.Load().link == l {
		b.server.cfg.Log.Warn("browser does not answer and is started anew", "browserProfile", b.name, "pid", l.pid())
		b.halt(0)
	}
	b.changing.Unlock()
	_, err = b.start()
	return err
}

func (b *browser) connect(ctx context.Context) (*link, error) {
	s := b.server
	switch {
	case b.extension && b.remote == nil:
		return nil, errors.New("the extension relay does not run here: set cdpUrl to the address of one that does")
	case b.remote != nil:
		tabs := s.tabConfig()
		if b.extension {
			tabs.Downloads = nil // they are the user's
		}
		l, err := attach(ctx, b.remote, s.cfg.Settings, tabs)
		if b.extension && errors.Is(err, errNoWebSocket) {
			return nil, errors.New(relay.NoTab)
		}
		return l, err
	case s.cfg.Settings.AttachOnly:
		return nil, fmt.Errorf("browser.attachOnly is set, so it needs browser.profiles.%s.cdpPort or cdpUrl", b.name)
	}
	return b.launch(ctx)
}

// launch starts a Chromium of ours and links to it.
func (b *browser) launch(ctx context.Context) (*link, error) {
	p, err := b.server.launcher.Start(ctx, b.place())
	if err != nil {
		return nil, err
	}
	l, err := dial(ctx, p.WS, &url.URL{Scheme: "http", Host: p.WS.Host}, b.server.tabConfig())
	if err != nil {
		p.End(0)
		return nil, err
	}
	l.proc = p
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := b.limitTabs(ctx, l); err != nil {
		l.quit(0)
		return nil, err
	}
	return l, nil
}

// stop ends the browser that we started within the grace, or detaches from one
// of others. It returns whether a Chromium of ours ran.
func (b *browser) stop(grace time.Duration) bool {
	b.changing.Lock()
	defer b.changing.Unlock()
	return b.halt(grace)
}

// halt is stop for a caller that holds changing.
func (b *browser) halt(grace time.Duration) bool {
	b.reap()
	l := b.now.Load().link
	if l == nil {
		return false
	}
	b.now.Store(&state{})
	l.quit(grace)
	b.server.announce()
	b.server.cfg.Log.Info("browser stopped", "browserProfile", b.name)
	return l.proc != nil
}

// reap clears away a link that was lost without a stop. The caller holds
// changing.
func (b *browser) reap() {
	l := b.now.Load().link
	if l == nil || !l.isLost() {
		return
	}
	why := l.bury()
	b.now.Store(&state{ended: why})
	b.server.announce()
	if why != "" {
		b.server.cfg.Log.Warn("browser died", "browserProfile", b.name, "why", why)
		return
	}
	b.server.cfg.Log.Info("browser went away", "browserProfile", b.name)
}
