package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/browser/relay/extension"
	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/gate"
)

const name = "relay"

// Config configures a relay. All but the fields that say so are required.
type Config struct {
	Listener net.Listener // on loopback; the relay owns it
	Subjects subject.Space
	Dial     func() (*nats.Conn, error) // the relay owns the connection; nil is a relay without a bus
	Version  string                     // semantic version of the product
	Log      *slog.Logger
	Token    string        // for those who drive
	Folder   string        // where the extension is installed
	Others   []string      // ids of further extensions that may lend tabs, without a secret; may be nil
	Timeout  time.Duration // of a command in a tab; 0 means 30 s, as in the original
	Ping     time.Duration // between two pings to the extension; 0 means 5 s, as in the original
}

// Server is a running relay. Its methods are safe for use by many goroutines.
type Server struct {
	cfg    Config
	gate   *gate.Gate
	hub    *hub
	life   context.Context // ends when Run begins to stop
	end    context.CancelFunc
	group  sync.WaitGroup // WebSockets, which http.Server lets go of
	nc     *nats.Conn     // these are nil without a bus
	svc    *bus.Service
	health *bus.Health
}

// New puts the relay on the bus. The listener is closed on error.
func New(cfg Config) (*Server, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.Ping = cmp.Or(cfg.Ping, 5*time.Second)
	s := &Server{cfg: cfg}
	s.life, s.end = context.WithCancel(context.Background())
	s.hub = &hub{changed: s.announce, clients: map[*client]bool{}}
	err := s.open()
	if err != nil {
		s.end()
		return nil, errors.Join(fmt.Errorf("relay: %w", err), cfg.Listener.Close())
	}
	s.announce()
	return s, nil
}

func (s *Server) open() (err error) {
	var origins []string
	for _, id := range append([]string{s.ownID()}, s.cfg.Others...) {
		origins = append(origins, extensionScheme+id)
	}
	if s.gate, err = gate.New(gate.Config{Token: s.cfg.Token, Origins: origins, Log: s.cfg.Log}); err != nil || s.cfg.Dial == nil {
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

func (s *Server) serveBus() (err error) {
	if s.health, err = bus.NewHealth(s.nc, s.cfg.Subjects, name); err != nil {
		return err
	}
	s.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: s.cfg.Version, Description: "browser extension relay",
		Profile: s.cfg.Subjects.Profile(), Conn: s.nc, Probe: s.probe,
	})
	return err
}

// Name returns relay.
func (s *Server) Name() string { return name }

// Addr returns the address that it listens on.
func (s *Server) Addr() net.Addr { return s.cfg.Listener.Addr() }

func (s *Server) ownID() string { return extension.ID(s.cfg.Subjects.Profile()) }

// Run serves until ctx ends, cuts the connections and leaves the bus. It returns
// an error when the listener breaks by itself.
func (s *Server) Run(ctx context.Context) error {
	web := &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- s.stop(web) })
	err := web.Serve(s.cfg.Listener)
	if stop() { // ctx goes on, so the listener broke
		err = fmt.Errorf("relay: %w", err)
		s.say(msg.StateFailed, err.Error())
		err = errors.Join(err, s.stop(web))
	} else {
		err = <-stopped
	}
	s.group.Wait()
	if s.svc != nil {
		err = errors.Join(err, s.svc.Stop())
		s.nc.Close()
	}
	return err
}

// stop cuts the WebSockets and lets the other requests end.
func (s *Server) stop(web *http.Server) error {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return web.Close()
	}
	return nil
}

// announce tells the bus what is lent.
func (s *Server) announce() {
	detail := "listens on " + s.Addr().String()
	if l, tabs := s.hub.status(); l != nil {
		detail += fmt.Sprintf("; %s is connected, tabs lent: %d", l.product, len(tabs))
	}
	s.say(msg.StateOK, detail)
}

func (s *Server) say(state msg.State, detail string) {
	if s.health != nil {
		s.health.Set(state, detail)
	}
}

// probe asks the own listener without the token, which the gate must refuse.
func (s *Server) probe(ctx context.Context) (string, error) {
	resp, err := gate.NewSelf(s.Addr(), "").Get(ctx, "/json/version")
	if err != nil {
		return "", fmt.Errorf("HTTP on %s: %w", s.Addr(), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return "", fmt.Errorf("HTTP on %s: answered %s without the token", s.Addr(), resp.Status)
	}
	return "its gate answered over HTTP", nil
}
