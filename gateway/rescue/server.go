// Package rescue watches the other gateways of the host, says how they are, and
// brings back those that do not serve.
//
// A verdict needs two witnesses: silence on the link alone makes a peer
// suspect, never dead. What was not observed is unknown. An observer that was
// late itself clears its suspicions.
//
// A peer in trouble has one open incident: the record of what was seen, what is
// known of its end, and what was done. What to do is decided by decide, which is
// pure, and done by a job, which runs beside the watch loop and under the lease of
// the peer. The loop owns all else; it neither waits for a peer nor for the disk.
package rescue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
)

// Config configures a rescue component. All but Allowed and Environ are required.
type Config struct {
	Subjects   subject.Space
	Dial       func() (*nats.Conn, error)
	DialSystem func() (*nats.Conn, error) // to the bus server's own events
	Registry   profile.Registry
	Allowed    func(profile string) bool // whom to watch; nil means everyone
	Settings   func() config.Rescue      // those that hold now; it must be quick
	Store      *store.Store              // rescue/incident, rescue/hold and rescue/notice are its own
	Hands      Hands
	Secrets    func() []string // values that no record may hold; nil means none are known
	Environ    []string        // of the program that is told of incidents; nil means none
	Version    string
	Log        *slog.Logger
}

// validate names the first required field that is not set.
func (c Config) validate() error {
	for name, missing := range map[string]bool{
		"Dial": c.Dial == nil, "DialSystem": c.DialSystem == nil, "Settings": c.Settings == nil,
		"Store": c.Store == nil, "Hands": c.Hands == nil, "Log": c.Log == nil,
	} {
		if missing {
			return fmt.Errorf("rescue: Config.%s is not set", name)
		}
	}
	return nil
}

// Server watches the peers.
type Server struct {
	cfg      Config
	nc, sys  *nats.Conn
	service  *bus.Service
	health   *bus.Health
	event    string // the subject of incidents
	book     *book
	messages chan *nats.Msg       // beats and lost links, in the order they came
	calls    chan func(time.Time) // to run in the watch loop
	announce chan announcement    // to the operator
	work     sync.WaitGroup       // what runs beside the loop
	life     context.Context      // of Run, for what an operator asks for
	began    time.Time            // when Run did

	// The rest belongs to the goroutine of Run.
	tracks    map[string]*track           // by bus name
	dossiers  map[string]*dossier         // the same
	instances map[string]profile.Instance // all that are registered, by bus name
	left      map[string]*dossier         // what an earlier life of this observer knew of peers that are not watched yet
	linked    bool                        // whether this gateway's own link is on
	refreshed time.Time                   // when the registry was read last
	complaint string                      // about the registry, that was logged last
	ending    bool                        // nothing new is begun
}

// backlog is how many messages of peers wait at most; beats come four a second.
const backlog = 1024

// New subscribes to the peers' beats and serves the methods of the component.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, messages: make(chan *nats.Msg, backlog), calls: make(chan func(time.Time)), announce: make(chan announcement, maxAnnounced),
		tracks: map[string]*track{}, dossiers: map[string]*dossier{}, instances: map[string]profile.Instance{}, left: map[string]*dossier{},
	}
	s.book = newBook(cfg.Store, s.kept)
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) connect() (err error) {
	if s.event, err = s.cfg.Subjects.Event("incident"); err != nil {
		return err
	}
	if s.nc, err = s.cfg.Dial(); err != nil {
		return err
	}
	if s.sys, err = s.cfg.DialSystem(); err != nil {
		return err
	}
	if _, err := s.nc.ChanSubscribe(subject.AnyBeat, s.messages); err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	if _, err := s.sys.ChanSubscribe(bus.LinkLost, s.messages); err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	if err := errors.Join(s.nc.Flush(), s.sys.Flush()); err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	if s.health, err = bus.NewHealth(s.nc, s.cfg.Subjects, s.Name()); err != nil {
		return err
	}
	endpoints, err := s.endpoints()
	if err != nil {
		return err
	}
	s.service, err = bus.Serve(bus.ServiceConfig{
		Name: s.Name(), Version: s.cfg.Version, Description: "watches the other gateways of this host and brings them back",
		Profile: s.cfg.Subjects.Profile(), Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

// Name is rescue.
func (s *Server) Name() string { return "rescue" }

// probe has the watch loop take one turn.
func (s *Server) probe(ctx context.Context) (string, error) {
	var peers int
	err := s.call(ctx, func(time.Time) error { peers = len(s.tracks); return nil })
	return fmt.Sprintf("the watch loop took a turn over %d peers", peers), err
}

// lookEvery is how often the peers are judged; lookSoon is used in the moment
// after a link broke.
const (
	lookEvery = 100 * time.Millisecond
	lookSoon  = 5 * time.Millisecond
)

// Run watches until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	changed, stop := s.cfg.Registry.Watch()
	defer stop()
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	s.life, s.began = life, time.Now()
	s.recall(s.began)
	writing, written := context.WithCancel(context.Background()) // until nothing is put any more
	defer written()
	var books sync.WaitGroup
	books.Go(func() { s.book.run(writing) })
	s.work.Go(func() { s.courier(life) })
	s.refresh(time.Now())
	s.health.Set(msg.StateOK, "")
	s.loop(life, changed)
	cancel()
	s.drain()
	written()
	books.Wait()
	return s.close()
}

// loop is the watch loop.
func (s *Server) loop(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	due := time.Now().Add(lookEvery)
	wake := func() time.Time { // whatever woke it: one that is late doubts itself before it judges
		now := time.Now()
		if late := now.Sub(due); late > lateTick {
			s.doubt(now, late)
			due = now
		}
		return now
	}
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-s.messages:
			now := wake()
			s.receive(m, now)
			s.look(ctx, now)
		case fn := <-s.calls:
			now := wake()
			fn(now)
			s.look(ctx, now)
		case <-changed:
			s.refresh(wake())
		case <-timer.C:
			now := wake()
			next := s.look(ctx, now)
			due = now.Add(next)
			timer.Reset(next)
			continue
		}
		if next := s.nextLook(time.Now()); time.Until(due) > next {
			due = time.Now().Add(next)
			timer.Reset(next)
		}
	}
}

// background runs work beside the watch loop, and in it what work returns.
func (s *Server) background(work func() (then func(now time.Time))) {
	if s.ending {
		return
	}
	s.work.Go(func() { s.calls <- work() })
}

// call runs fn in the watch loop and returns its error. Once the loop has taken
// fn it runs it at once.
func (s *Server) call(ctx context.Context, fn func(now time.Time) error) error {
	done := make(chan error, 1)
	select {
	case s.calls <- func(now time.Time) { done <- fn(now) }:
		return <-done
	case <-ctx.Done():
		return bus.Errorf(bus.CodeUnavailable, "the watch has ended")
	}
}

// drain waits for what runs beside the loop. Its outcome is taken in all the
// same: it may be what became of a repair.
func (s *Server) drain() {
	s.ending = true
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	for {
		select {
		case fn := <-s.calls:
			fn(time.Now())
		case <-done:
			return
		}
	}
}

// recall takes up what an earlier life of this observer left in the store.
func (s *Server) recall(now time.Time) {
	all, err := s.book.all()
	if err != nil {
		s.cfg.Log.Error("incidents of before", "err", err)
	}
	for _, i := range all {
		s.leftOf(i.Peer).recall(i, now)
	}
	s.book.trim(all)
	holds, err := s.book.holds()
	if err != nil {
		s.cfg.Log.Error("holds of before", "err", err)
	}
	for peer, h := range holds {
		s.leftOf(peer).hold = &h
	}
}

func (s *Server) leftOf(peer string) *dossier {
	if s.left[peer] == nil {
		s.left[peer] = &dossier{}
	}
	return s.left[peer]
}

// kept tells how it goes with the writing.
func (s *Server) kept(err error) {
	if err != nil {
		s.cfg.Log.Error("incidents are not kept", "err", err)
		s.health.Set(msg.StateDegraded, err.Error())
		return
	}
	s.health.Set(msg.StateOK, "")
}

func (s *Server) close() error {
	var err error
	if s.service != nil {
		err = s.service.Stop()
	}
	for _, nc := range []*nats.Conn{s.nc, s.sys} {
		if nc != nil {
			nc.Close()
		}
	}
	return err
}
