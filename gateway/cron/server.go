package cron

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/store"
)

const name = "cron"

// Config configures a Server. Subjects, Dial, Version, Store and Log are
// required.
type Config struct {
	Subjects  subject.Space
	Dial      func() (*nats.Conn, error) // the server owns the connection
	Version   string                     // semantic version of the product
	Store     *store.Store               // outlives Run
	StorePath string                     // where the store lies, for people
	MaxRuns   int                        // at once; 0 means 1
	Log       *slog.Logger
	Now       func() time.Time // the wall clock; nil means time.Now
}

// Server is a running scheduler. Its methods are safe for use by many goroutines.
type Server struct {
	cfg    Config
	nc     *nats.Conn
	svc    *bus.Service
	health *bus.Health
	events string        // the subject of the event cron
	closed chan struct{} // the bus ended the connection

	jobs   store.Keyspace[job]
	runs   store.Log[msg.CronEvent]
	probes store.Keyspace[int64]

	wake chan struct{} // tells Run that a job changed or a run ended
	turn chan struct{} // unbuffered: a probe waits until Run takes it

	mu      sync.Mutex // guards what follows
	entries map[string]*entry
	queue   []string // ids of jobs whose claimed run waits for its turn
	running int
	seen    int64 // what the clock said last, in Unix milliseconds
}

// New reads the jobs, dials the bus and puts the micro service on it. No job
// runs before Run.
func New(cfg Config) (*Server, error) {
	cfg.MaxRuns = cmp.Or(cfg.MaxRuns, 1)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{
		cfg: cfg, closed: make(chan struct{}),
		jobs:   store.NewKeyspace[job](cfg.Store, name, "job"),
		runs:   store.NewLog[msg.CronEvent](cfg.Store, name, "run"),
		probes: store.NewKeyspace[int64](cfg.Store, name, "probe"),
		wake:   make(chan struct{}, 1), turn: make(chan struct{}),
		entries: map[string]*entry{},
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("cron: jobs: %w", err)
	}
	var err error
	if s.nc, err = cfg.Dial(); err != nil {
		return nil, fmt.Errorf("cron: bus: %w", err)
	}
	s.nc.SetClosedHandler(func(*nats.Conn) { close(s.closed) })
	if err := s.serve(); err != nil {
		s.nc.Close()
		return nil, fmt.Errorf("cron: %w", err)
	}
	s.health.Set(msg.StateOK, "")
	return s, nil
}

// load takes up the jobs of earlier runs. A job whose schedule cannot be read
// any more, as its time zone is gone from the host, stays and says so.
func (s *Server) load() error {
	now := s.cfg.Now().UnixMilli()
	for r, err := range s.jobs.All() {
		if err != nil {
			return err
		}
		e := &entry{job: r.Value}
		e.State.RunningAtMs = 0
		if e.times, err = read(&e.Schedule, e.CreatedAtMs); err != nil {
			s.cfg.Log.Warn("job cannot be scheduled", "job", r.ID, "err", err)
			e.State.LastError, e.State.NextRunAtMs = err.Error(), 0
			e.times = func(int64) int64 { return 0 }
		}
		if e.State.NextRunAtMs == 0 && e.Claim == nil && !e.once() {
			e.plan(now) // it could not be scheduled before
		}
		s.entries[r.ID] = e
	}
	return nil
}

// serve puts the health and the micro service on the bus.
func (s *Server) serve() (err error) {
	if s.health, err = bus.NewHealth(s.nc, s.cfg.Subjects, name); err != nil {
		return err
	}
	if s.events, err = s.cfg.Subjects.Event(name); err != nil {
		return err
	}
	endpoints := []bus.Endpoint{
		{Name: "status", Handle: s.status}, {Name: "list", Handle: s.list}, {Name: "runs", Handle: s.history},
		{Name: "add", Handle: s.add}, {Name: "update", Handle: s.update}, {Name: "remove", Handle: s.remove},
		{Name: "run", Handle: s.run},
	}
	for i := range endpoints {
		if endpoints[i].Subject, err = s.cfg.Subjects.RPC(name + "." + endpoints[i].Name); err != nil {
			return err
		}
	}
	s.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: s.cfg.Version, Description: "runs jobs at their time", Profile: s.cfg.Subjects.Profile(),
		Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

// Name returns cron.
func (s *Server) Name() string { return name }

// Run runs jobs until ctx ends, and leaves the bus. A run that is cut off stays
// claimed in the store. It returns an error when the bus ends the connection.
func (s *Server) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer func() {
		cancel()
		err = errors.Join(err, s.svc.Stop())
		workers.Wait()
		s.nc.Close()
	}()
	s.resume(s.cfg.Now().UnixMilli())
	ring := alarm{time.NewTimer(recheck)}
	defer ring.Stop()
	for {
		now := s.cfg.Now()
		ring.set(now, s.check(now.UnixMilli()))
		for _, j := range s.start(now.UnixMilli()) {
			workers.Go(func() { s.work(ctx, j) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.closed:
			return fmt.Errorf("cron: the bus ended the connection: %w", cmp.Or(s.nc.LastError(), nats.ErrConnectionClosed))
		case <-s.wake:
		case <-s.turn:
		case <-ring.C:
		}
	}
}

// signal lets Run look again.
func (s *Server) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// publish tells clients of a job.
func (s *Server) publish(e msg.CronEvent) {
	body, _ := json.Marshal(e)       // strings and numbers always encode
	_ = s.nc.Publish(s.events, body) // fails only when the bus is gone
}
