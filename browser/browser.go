package browser

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"clawdbot/profile/config"
)

// The browser profiles that the original has without any configuration.
const (
	managedProfile   = "clawd"
	extensionProfile = "chrome"
	extensionDriver  = "extension"
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
	color     string
	port      int      // configured; 0 lets the launcher choose
	remote    *url.URL // where to attach; nil when we start our own
	extension bool

	changing sync.Mutex // held while the link is made or ended
	now      atomic.Pointer[state]
}

// state is what a browser profile is at one moment.
type state struct {
	link  *link  // nil while nothing is attached
	ended string // how the last Chromium died by itself; "" when it did not
}

// newBrowsers returns the configured browser profiles and the managed one, the
// default first.
func (s *Server) newBrowsers() ([]*browser, error) {
	set := s.cfg.Settings
	profiles := map[string]config.BrowserProfile{managedProfile: {}}
	if set.DefaultProfile == extensionProfile {
		profiles[extensionProfile] = config.BrowserProfile{Driver: extensionDriver}
	}
	maps.Copy(profiles, set.Profiles)
	if _, ok := profiles[set.DefaultProfile]; !ok {
		return nil, fmt.Errorf("browser.defaultProfile %q is none of browser.profiles", set.DefaultProfile)
	}
	var all []*browser
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p := profiles[name]
		b := &browser{server: s, name: name, color: p.Color, port: p.CDPPort, extension: p.Driver == extensionDriver}
		if b.color == "" {
			b.color = set.Color
		}
		address := p.CDPURL
		if address == "" && name == set.DefaultProfile {
			address = set.CDPURL
		}
		if address == "" && set.AttachOnly && b.port != 0 {
			address = "http://" + loopback(b.port)
		}
		if address != "" {
			u, err := url.Parse(address)
			if err != nil || u.Host == "" {
				return nil, fmt.Errorf("cdpUrl of browser profile %q is no address", name)
			}
			b.remote = u
		}
		b.now.Store(&state{})
		if name == set.DefaultProfile {
			all = slices.Insert(all, 0, b)
		} else {
			all = append(all, b)
		}
	}
	return all, nil
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

// attached returns the link of a browser that runs. One that we only attach to
// is attached when it can be.
func (b *browser) attached() (*link, error) {
	if l := b.now.Load().link; l != nil && !l.isLost() {
		return l, nil
	}
	if b.remote == nil {
		return nil, failf(http.StatusConflict, "browser not running: start browser profile %q first", b.name)
	}
	l, err := b.start()
	if err != nil {
		return nil, failf(http.StatusConflict, "browser not running: %w", err)
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
	b.reap()
	if l := b.now.Load().link; l != nil {
		return l, nil
	}
	l, err := b.connect(s.life)
	if err != nil {
		return nil, fmt.Errorf("browser profile %q: %w", b.name, err)
	}
	b.now.Store(&state{link: l})
	s.running.Go(func() { b.watch(l) })
	s.announce()
	s.cfg.Log.Info("browser attached", "browserProfile", b.name, "cdp", l.ws.Host, "pid", l.pid())
	return l, nil
}

func (b *browser) connect(ctx context.Context) (*link, error) {
	s := b.server
	switch {
	case b.extension:
		return nil, fmt.Errorf("the extension driver is not supported yet: use browser profile %q", managedProfile)
	case b.remote != nil:
		return attach(ctx, b.remote, s.cfg)
	case s.cfg.Settings.AttachOnly:
		return nil, fmt.Errorf("browser.attachOnly is set, so it needs browser.profiles.%s.cdpPort or cdpUrl", b.name)
	}
	return s.launcher.start(ctx, b.userData(), b.port)
}

// stop ends the browser that we started within the grace, or detaches from one
// of others. It returns whether a Chromium of ours ran.
func (b *browser) stop(grace time.Duration) bool {
	b.changing.Lock()
	defer b.changing.Unlock()
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

// watch waits for the end of the link, wanted or not.
func (b *browser) watch(l *link) {
	<-l.lost()
	b.changing.Lock()
	defer b.changing.Unlock()
	b.reap()
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
