package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/gateway/frame"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
)

// Config configures a gateway. Listener, Subjects, Dial, Gate, Identity,
// Generation, Version and Log are required.
type Config struct {
	Listener net.Listener // closed by Run; when New fails it stays the caller's
	Subjects subject.Space
	Dial     func() (*nats.Conn, error) // the connection is drained by Run
	Gate     *gate.Gate
	Identity Identity
	Version  string
	Log      *slog.Logger

	Generation  func() frame.Generation   // what runs now; a message on config.> says that it changed
	Maintenance func() *frame.Maintenance // nil, and a nil answer, mean that none is announced

	Ports         ports.Ports
	CanvasHostURL string // "" when there is no canvas host
	Limits        Limits
}

// Identity says whose gateway this is.
type Identity struct {
	Profile    string // as people name it
	ConfigPath string
	StateDir   string
}

// Limits bound a connection. A zero field means the default.
type Limits struct {
	TickInterval time.Duration // between tick events, and between pings; 0 means 30 s
	Handshake    time.Duration // from the challenge to hello-ok; 0 means 10 s
	MaxPayload   int           // bytes of one inbound message; 0 means 512 KiB
	MaxBuffered  int           // bytes waiting for a slow client; 0 means 1.5 MiB
}

func (l Limits) withDefaults() Limits {
	if l.TickInterval == 0 {
		l.TickInterval = 30 * time.Second
	}
	if l.Handshake == 0 {
		l.Handshake = 10 * time.Second
	}
	if l.MaxPayload == 0 {
		l.MaxPayload = 512 << 10
	}
	if l.MaxBuffered == 0 {
		l.MaxBuffered = 1536 << 10
	}
	return l
}

func (c Config) validate() error {
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"Listener", c.Listener == nil}, {"Subjects", c.Subjects == subject.Space{}}, {"Dial", c.Dial == nil},
		{"Gate", c.Gate == nil}, {"Identity.Profile", c.Identity.Profile == ""}, {"Generation", c.Generation == nil},
		{"Version", c.Version == ""}, {"Log", c.Log == nil},
	} {
		if f.missing {
			return fmt.Errorf("gateway: Config.%s is required", f.name)
		}
	}
	return nil
}

// Server is a running gateway.
type Server struct {
	cfg     Config
	host    string
	started time.Time

	nc      *nats.Conn
	closed  chan struct{} // nc has drained
	asks    []ask         // of look
	service *bus.Service
	health  *bus.Health

	http    *http.Server
	hub     *hub
	state   *state
	methods *directory
	metrics *metrics
}

// ask is a method of others whose answer the gateway keeps.
type ask struct{ subject, inbox string }

// New connects to the bus and subscribes; Run serves.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.withDefaults()
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	nc, err := cfg.Dial()
	if err != nil {
		return nil, fmt.Errorf("gateway: dial the bus: %w", err)
	}
	s := &Server{
		cfg: cfg, host: host, started: time.Now(),
		nc: nc, closed: make(chan struct{}),
		hub: newHub(), methods: newDirectory(cfg.Subjects, nc.NewInbox()),
	}
	nc.SetClosedHandler(func(*nats.Conn) { close(s.closed) })
	s.metrics = newMetrics(s)
	s.state = newState(cfg.Subjects, s.metrics.beats)
	s.http = s.newHTTP()
	if err := s.subscribe(); err != nil {
		nc.Close()
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return s, nil
}

// Name is the component's name.
func (s *Server) Name() string { return "gateway" }

// subscribe listens to the bus and serves the gateway's own methods. Serve
// flushes, so all of it has reached the bus.
func (s *Server) subscribe() error {
	sp := s.cfg.Subjects
	var err error
	if s.health, err = bus.NewHealth(s.nc, sp, s.Name()); err != nil {
		return err
	}
	incident, err := sp.Event("incident")
	if err != nil {
		return err
	}
	for subj, hear := range map[string]nats.MsgHandler{
		sp.Events():           s.forwardEvent,
		subject.AnyHealth:     s.state.hearHealth,
		sp.Kind("config"):     s.state.hearConfig,
		incident:              s.state.hearIncident,
		s.methods.inbox + "*": s.methods.hear,
	} {
		if _, err := s.nc.Subscribe(subj, hear); err != nil {
			return err
		}
	}
	for method, hear := range map[string]nats.MsgHandler{
		"incidents.list": s.state.hearIncidents,
		"component.list": s.state.hearComponents,
	} {
		a := ask{inbox: s.nc.NewInbox()}
		if a.subject, err = sp.RPC(method); err != nil {
			return err
		}
		if _, err := s.nc.Subscribe(a.inbox, hear); err != nil {
			return err
		}
		s.asks = append(s.asks, a)
	}
	endpoints, err := s.endpoints()
	if err != nil {
		return err
	}
	s.service, err = bus.Serve(bus.ServiceConfig{
		Name: s.Name(), Version: s.cfg.Version, Description: "control plane: WebSocket and HTTP on the base port",
		Profile: sp.Profile(), Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

// endpoints are the methods that the gateway answers itself.
func (s *Server) endpoints() ([]bus.Endpoint, error) {
	own := []struct {
		method string
		answer func() any
	}{
		{"health", func() any { return s.healthNow() }},
		{"status", func() any { return s.statusNow() }},
		{"system-presence", func() any { return s.presence() }},
		{"last-heartbeat", func() any { return nil }}, // null: there has been none
	}
	var list []bus.Endpoint
	for _, m := range own {
		subj, err := s.cfg.Subjects.RPC(m.method)
		if err != nil {
			return nil, err
		}
		handle := func(context.Context, *bus.Request) (any, error) { return m.answer(), nil }
		list = append(list, bus.Endpoint{Name: m.method, Subject: subj, Handle: handle})
	}
	return list, nil
}

// Run serves until ctx ends or the listener fails.
func (s *Server) Run(ctx context.Context) error {
	var broken error // why serving ended; read after served is closed
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := s.http.Serve(s.cfg.Listener); !errors.Is(err, http.ErrServerClosed) {
			broken = fmt.Errorf("gateway: serve %s: %w", s.cfg.Listener.Addr(), err)
		}
	}()
	s.health.Set(msg.StateOK, "")
	s.loop(ctx, served)
	err := s.stop(served)
	return errors.Join(broken, err)
}

// loop publishes what changes: ticks, health, presence. It ends with ctx or
// when nothing is served any more.
func (s *Server) loop(ctx context.Context, served chan struct{}) {
	ticker := time.NewTicker(s.cfg.Limits.TickInterval)
	defer ticker.Stop()
	s.look()
	for {
		select {
		case <-ctx.Done():
			return
		case <-served:
			return
		case <-ticker.C:
			s.publish("tick", msg.Tick{TS: time.Now().UnixMilli()})
			s.look()
		case <-s.state.changed:
			s.publish("health", s.healthNow())
			s.look()
		case <-s.hub.changed:
			s.publish("presence", map[string]any{"presence": s.presence()})
		}
	}
}

// look asks around on the bus: who serves what, and what else is kept here.
func (s *Server) look() {
	s.survey()
	for _, a := range s.asks {
		_ = s.nc.PublishRequest(a.subject, a.inbox, nil) // fails only when the bus is gone
	}
}

// survey asks the services on the bus what they serve.
func (s *Server) survey() {
	_ = s.nc.PublishRequest(s.methods.survey, s.methods.begin(time.Now()), nil) // fails only when the bus is gone
}

func (s *Server) publish(event string, payload any) {
	subj, err := s.cfg.Subjects.Event(event)
	if err != nil { // the names here are plain words
		panic(err)
	}
	body, _ := json.Marshal(payload) // plain structs always encode
	_ = s.nc.Publish(subj, body)     // fails only when the bus is gone
}

// stopGrace bounds the parts of a stop that depend on others.
const stopGrace = 250 * time.Millisecond

// stop says farewell to the clients and leaves the bus.
func (s *Server) stop(served chan struct{}) error {
	shutdown := msg.Shutdown{Reason: "gateway stopping"}
	var errs []error
	s.publish("shutdown", shutdown)
	body, _ := json.Marshal(shutdown)
	farewell, err := newEvent("shutdown", body, nil)
	errs = append(errs, err)
	s.hub.stop(farewell)

	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil { // a request is still under way
		errs = append(errs, s.http.Close())
	}
	<-served
	errs = append(errs, s.service.Stop(), s.nc.Drain())
	select {
	case <-s.closed:
	case <-ctx.Done():
		s.nc.Close()
	}
	return errors.Join(errs...)
}
