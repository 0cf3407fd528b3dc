package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
)

const name = "browser"

// Config configures browser control. All fields are required.
type Config struct {
	Listener   net.Listener // the server owns it
	Subjects   subject.Space
	Dial       func() (*nats.Conn, error) // the server owns the connection
	Version    string                     // semantic version of the product
	Log        *slog.Logger
	Gate       *gate.Gate // knows the gateway's token, or browser.controlToken
	Settings   config.Browser
	Dir        string               // holds a folder for each browser profile; made when needed
	CDP        ports.Range          // debugging ports to choose from
	Others     func() []ports.Ports // what other gateways of the host own, running or not; nil means nothing
	ControlURL string               // where clients reach this server, for GET /
	Host       Host
}

// Host is what the server must know of its surroundings.
type Host struct {
	Display bool     // a window can be shown: DISPLAY or WAYLAND_DISPLAY is set, always so on macOS and Windows
	Root    bool     // we run as root, where Chromium refuses its sandbox
	Path    string   // value of PATH, to look for Chromium
	Home    string   // home folder, to look for Chromium
	Env     []string // environment of Chromium, without our secrets; nil means our own
}

// Server is running browser control. Its methods are safe for use by many
// goroutines.
type Server struct {
	cfg      Config
	launcher *launcher
	browsers []*browser // the default one first, the others by name
	nc       *nats.Conn
	svc      *bus.Service
	health   *bus.Health

	life    context.Context // ends when Run begins to stop
	end     context.CancelFunc
	running sync.WaitGroup // watchers of browsers, waiters of processes
	telling sync.Mutex     // keeps the states in order
}

// New prepares the browser profiles and puts the micro service on the bus. It
// starts no browser. The listener is closed on error.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.prepare(); err != nil {
		s.end()
		return nil, errors.Join(fmt.Errorf("browser: %w", err), cfg.Listener.Close())
	}
	s.announce()
	return s, nil
}

func (s *Server) prepare() error {
	s.launcher = newLauncher(s.cfg, &s.running)
	browsers, err := s.newBrowsers()
	if err != nil {
		return err
	}
	s.browsers = browsers
	if s.nc, err = s.cfg.Dial(); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if err := s.serveBus(); err != nil {
		s.nc.Close()
		return err
	}
	return nil
}

func (s *Server) serveBus() error {
	health, err := bus.NewHealth(s.nc, s.cfg.Subjects, name)
	if err != nil {
		return err
	}
	s.health = health
	var endpoints []bus.Endpoint
	for _, v := range s.verbs() {
		subj, err := s.cfg.Subjects.Browser(v.name)
		if err != nil {
			return err
		}
		endpoints = append(endpoints, bus.Endpoint{Name: v.name, Subject: subj, Handle: s.overBus(v)})
	}
	requests, err := s.cfg.Subjects.RPC("browser.request")
	if err != nil {
		return err
	}
	endpoints = append(endpoints, bus.Endpoint{Name: "request", Subject: requests, Handle: s.request})
	s.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: s.cfg.Version, Description: "browser control",
		Profile: s.cfg.Subjects.Profile(), Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

// Name returns browser.
func (s *Server) Name() string { return name }

// Addr returns the address that HTTP is served on.
func (s *Server) Addr() net.Addr { return s.cfg.Listener.Addr() }

// Run serves until ctx ends, then stops every Chromium it started and leaves
// the bus. It returns an error when the listener breaks by itself.
func (s *Server) Run(ctx context.Context) error {
	defer s.nc.Close() // after the service's Stop, nothing is left to drain
	web := &http.Server{
		Handler: s.cfg.Gate.Wrap(s.routes()), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- s.stopWeb(web) })
	err := web.Serve(s.cfg.Listener)
	if stop() { // ctx goes on, so the listener broke
		err = fmt.Errorf("browser: %w", err)
		s.health.Set(msg.StateFailed, err.Error())
		err = errors.Join(err, s.stopWeb(web))
	} else {
		err = <-stopped
	}
	err = errors.Join(err, s.svc.Stop())
	var ending sync.WaitGroup
	for _, b := range s.browsers {
		ending.Go(func() { b.stop(shutdownGrace) })
	}
	ending.Wait()
	s.running.Wait()
	return err
}

// stopWeb aborts the starts under way and lets the other calls end.
func (s *Server) stopWeb(web *http.Server) error {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return web.Close()
	}
	return nil
}

// browser returns the browser profile, the default one for "".
func (s *Server) browser(profile string) (*browser, error) {
	if profile == "" {
		return s.browsers[0], nil
	}
	names := make([]string, len(s.browsers))
	for i, b := range s.browsers {
		if b.name == profile {
			return b, nil
		}
		names[i] = b.name
	}
	slices.Sort(names)
	return nil, failf(http.StatusNotFound, "no browser profile %q; there is %s", profile, strings.Join(names, ", "))
}

// announce tells the bus how browser control is.
func (s *Server) announce() {
	s.telling.Lock()
	defer s.telling.Unlock()
	if !s.cfg.Settings.Enabled {
		s.health.Set(msg.StateOff, "browser.enabled is false")
		return
	}
	var up, bad []string
	ours := false
	for _, b := range s.browsers {
		ours = ours || b.starts()
		now := b.now.Load()
		if now.ended != "" {
			bad = append(bad, fmt.Sprintf("browser profile %s: %s; start it again", b.name, now.ended))
		}
		if now.link != nil {
			up = append(up, fmt.Sprintf("%s at %s", b.name, now.link.ws.Host))
		}
	}
	if _, err := s.launcher.find(); err != nil && ours {
		bad = append(bad, err.Error())
	}
	if len(bad) > 0 {
		s.health.Set(msg.StateDegraded, strings.Join(bad, "; "))
		return
	}
	s.health.Set(msg.StateOK, strings.Join(append([]string{"listens on " + s.Addr().String()}, up...), "; "))
}
