package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/gateway/pairing"
	"clawdbot/profile/store"
)

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
	door    *door
	quiet   *quiet
	hub     *hub
	people  *people
	state   *state
	methods *directory
	known   sync.Map // from the name of a method in the table to its *method
	calls   *calls
	tails   *tails
	metrics *metrics

	devices   *pairing.Devices
	bridged   *pairing.Nodes
	admitting sync.RWMutex // read by who lets a client in, written by who takes that back
	nodes     *nodes
	receipts  *store.Receipts
	figures   figures
}

// ask is a method of others whose answer the gateway keeps.
type ask struct{ subject, inbox string }

// New connects to the bus and subscribes; Run serves.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Secrets == nil {
		cfg.Secrets = func() []string { return nil }
	}
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
		hub: newHub(), people: newPeople(), quiet: newQuiet(cfg.Log), methods: newDirectory(cfg.Subjects, nc.NewInbox()),
	}
	s.door = newDoor(s.quiet)
	s.calls = newCalls(s, nc.NewInbox())
	s.tails = newTails(s)
	s.devices, s.bridged = pairing.NewDevices(cfg.Store), pairing.NewNodes(cfg.Store)
	s.nodes, s.receipts = newNodes(s), store.NewReceipts(cfg.Store, s.Name(), keepReceipts, maxReceipts)
	nc.SetClosedHandler(func(*nats.Conn) { close(s.closed) })
	s.metrics = newMetrics(s)
	s.state = newState(cfg.Subjects, s.metrics.beats)
	if s.http, err = s.newHTTP(); err == nil {
		err = s.subscribe()
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return s, nil
}

// Name is the component's name.
func (s *Server) Name() string { return "gateway" }

// leave is called once when a connection is over.
func (s *Server) leave(c *session) {
	s.door.leave(c.conn.TCP())
	s.tails.end(c)
	s.nodes.leave(c)
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

// presencePace is how long a change of presence waits for others, for each client
// that is told: what it costs grows with the square of their number.
const presencePace = time.Millisecond

// loop publishes what changes: ticks, health, presence, what is served. It ends
// with ctx or when nothing is served any more.
func (s *Server) loop(ctx context.Context, served chan struct{}) {
	ticker, sweep := time.NewTicker(s.cfg.Limits.TickInterval), time.NewTicker(sweepEvery)
	defer ticker.Stop()
	defer sweep.Stop()
	var tellPresence <-chan time.Time // when it is due
	s.look()
	for {
		select {
		case <-ctx.Done():
			return
		case <-served:
			return
		case <-ticker.C:
			s.tick()
		case now := <-sweep.C:
			s.calls.sweep(now)
		case <-s.state.changed:
			s.publish("health", s.healthNow())
			s.look()
		case <-s.hub.changed:
			if tellPresence == nil {
				tellPresence = time.After(presencePace * time.Duration(s.hub.count()))
			}
		case <-tellPresence:
			tellPresence = nil
			s.publish("presence", msg.PresenceChange{Presence: s.presence()})
		case <-s.methods.changed:
			s.publish("features", msg.Features{Methods: s.methods.list(), Events: eventNames()})
		}
	}
}

// tick is what is done once an interval.
func (s *Server) tick() {
	s.publish("tick", msg.Tick{TS: time.Now().UnixMilli()})
	s.hub.ping()
	if s.people.expire(time.Now()) {
		s.hub.touch()
	}
	s.look()
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

const (
	// stopGrace bounds the parts of a stop that depend on others.
	stopGrace = 250 * time.Millisecond
	// answerGrace is how long a stop waits for answers that are on their way.
	answerGrace = 50 * time.Millisecond
)

// stop says farewell to the clients and leaves the bus.
func (s *Server) stop(served chan struct{}) error {
	shutdown := msg.Shutdown{Reason: "gateway stopping"}
	var errs []error
	s.calls.drain(answerGrace)
	s.publish("shutdown", shutdown)
	body, _ := json.Marshal(shutdown)
	farewell, err := newEvent("shutdown", body, nil)
	errs = append(errs, err)
	s.tails.stop()
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
