package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/browser/chromium"
	"clawdbot/browser/tab"
	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

const name = "browser"

// Config configures browser control. All fields are required but for those that
// say otherwise.
type Config struct {
	Listener   net.Listener // the server owns it
	Subjects   subject.Space
	Dial       func() (*nats.Conn, error) // the server owns the connection; nil means that there is no bus
	Version    string                     // semantic version of the product
	Log        *slog.Logger
	Gate       *gate.Gate // knows the gateway's token, or browser.controlToken
	Settings   config.Browser
	Relay      *url.URL             // HTTP address of the extension relay, with its token; nil when there is none
	Store      *store.Store         // not the server's to close
	Dir        string               // holds a folder for each browser profile; made when needed
	Ports      ports.Ports          // this gateway's own; CDP are the debugging ports to choose from
	Others     func() []ports.Ports // what other gateways of the host own, running or not; nil means nothing
	ControlURL string               // where clients reach this server, for GET /
	Private    func() []string      // folders and files that the gateways of the host keep to themselves; nil means none
	Host       chromium.Host
	Remote     *Remote // nil answers here
}

// Server is running browser control. Its methods are safe for use by many
// goroutines.
type Server struct {
	cfg      Config
	launcher *chromium.Launcher
	ledger   *chromium.Ledger
	browsers roster
	managing sync.Mutex // held while a browser profile comes or goes
	created  store.Keyspace[config.BrowserProfile]
	nc       *nats.Conn
	svc      *bus.Service
	health   *bus.Health
	policy   *policy
	traces   traces
	views    *views

	life    context.Context // ends when Run begins to stop
	end     context.CancelFunc
	running sync.WaitGroup // watchers of browsers
	telling sync.Mutex     // keeps the states in order
}

// New prepares the browser profiles and puts the micro service on the bus. It
// starts no browser. The listener is closed on error.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, policy: &policy{allow: cfg.Settings.Allow, own: cfg.Ports, others: cfg.Others}}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.prepare(); err != nil {
		s.end()
		return nil, errors.Join(fmt.Errorf("browser: %w", err), cfg.Listener.Close())
	}
	s.announce()
	return s, nil
}

func (s *Server) prepare() error {
	s.ledger = chromium.NewLedger(s.cfg.Store)
	s.launcher = s.newLauncher()
	s.views = &views{server: s, open: map[*tab.Tab]*view{}}
	s.created = createdProfiles(s.cfg.Store)
	if err := s.launcher.Clear(s.life); err != nil {
		s.cfg.Log.Warn("what an earlier gateway left", "err", err)
	}
	err := s.loadProfiles()
	if err != nil || s.cfg.Dial == nil {
		return err
	}
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
	live, err := s.viewEndpoints()
	if err != nil {
		return err
	}
	endpoints = append(endpoints, live...)
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
	if s.svc != nil {
		err = errors.Join(err, s.svc.Stop())
	}
	var ending sync.WaitGroup
	for _, b := range s.browsers.all() {
		ending.Go(func() { b.stop(shutdownGrace) })
	}
	ending.Wait()
	s.running.Wait()
	s.launcher.Wait()
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

// announce tells the bus how browser control is.
func (s *Server) announce() {
	s.telling.Lock()
	defer s.telling.Unlock()
	if !s.cfg.Settings.Enabled {
		s.health.Set(msg.StateOff, "browser.enabled is false")
		return
	}
	if r := s.cfg.Remote; r != nil {
		s.health.Set(msg.StateOK, "browser control at "+r.URL.Host+" is used")
		return
	}
	var up, bad []string
	ours := false
	for _, b := range s.browsers.all() {
		ours = ours || b.starts()
		now := b.now.Load()
		if now.ended != "" {
			bad = append(bad, fmt.Sprintf("browser profile %s: %s; start it again", b.name, now.ended))
		}
		if now.link != nil {
			up = append(up, fmt.Sprintf("%s at %s", b.name, now.link.ws.Host))
		}
	}
	if _, err := s.launcher.Find(); err != nil && ours {
		bad = append(bad, err.Error())
	}
	if len(bad) > 0 {
		s.health.Set(msg.StateDegraded, strings.Join(bad, "; "))
		return
	}
	s.health.Set(msg.StateOK, strings.Join(append([]string{"listens on " + s.Addr().String()}, up...), "; "))
}
