package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
)

const name = "agent"

// Config configures an Agent. Agents, Workspace, Responder and Limits may be
// left out.
type Config struct {
	Subjects  subject.Space
	Dial      func() (*nats.Conn, error) // the agent owns the connection
	Version   string                     // semantic version of the product
	Store     *store.Store               // outlives Run
	Agents    config.Agents              // empty means one agent, main
	Workspace string                     // the agents' folder, absolute; "" means none
	Responder Responder                  // nil means the commands
	Log       *slog.Logger
	Limits    Limits
}

// Limits bound what waits, and for how long. A zero field means its default.
type Limits struct {
	MaxPending  int           // messages and answers of one channel; 512
	MaxChannels int           // channels with something pending; 128
	MaxSeen     int           // ids remembered; 16,384
	SeenAge     time.Duration // how long an id is remembered; 7 days
	RetryMin    time.Duration // first pause after a failed delivery; 250 ms
	RetryMax    time.Duration // longest pause; 30 s
	Ack         time.Duration // how long a connector may take to acknowledge; 15 s

	MaxParallel int           // runs under way, of as many sessions; 8
	MaxLane     int           // runs of one session that wait; 32
	MaxWaiting  int           // runs of all sessions that wait; 512
	MaxWaiters  int           // agent.wait requests that wait; 128
	RunTime     time.Duration // how long a run may take that names no time; 10 minutes
	MaxRuns     int           // ended runs remembered; 1,024
	RunAge      time.Duration // how long an ended run is remembered; 7 days
	MaxSessions int           // sessions, beside main ones and those with runs; 1,000
	MaxMessages uint64        // messages of one session; 5,000
	MaxBytes    int           // text of one session; 8 MiB
	MaxEvents   int           // system events of one session that wait; 64
}

func (l Limits) withDefaults() Limits {
	l.MaxPending = cmp.Or(l.MaxPending, 512)
	l.MaxChannels = cmp.Or(l.MaxChannels, 128)
	l.MaxSeen = cmp.Or(l.MaxSeen, 16384)
	l.SeenAge = cmp.Or(l.SeenAge, 7*24*time.Hour)
	l.RetryMin = cmp.Or(l.RetryMin, 250*time.Millisecond)
	l.RetryMax = cmp.Or(l.RetryMax, 30*time.Second)
	l.Ack = cmp.Or(l.Ack, 15*time.Second)
	l.MaxParallel = cmp.Or(l.MaxParallel, 8)
	l.MaxLane = cmp.Or(l.MaxLane, 32)
	l.MaxWaiting = cmp.Or(l.MaxWaiting, 512)
	l.MaxWaiters = cmp.Or(l.MaxWaiters, 128)
	l.RunTime = cmp.Or(l.RunTime, 10*time.Minute)
	l.MaxRuns = cmp.Or(l.MaxRuns, 1024)
	l.RunAge = cmp.Or(l.RunAge, 7*24*time.Hour)
	l.MaxSessions = cmp.Or(l.MaxSessions, 1000)
	l.MaxMessages = cmp.Or(l.MaxMessages, 5000)
	l.MaxBytes = cmp.Or(l.MaxBytes, 8<<20)
	l.MaxEvents = cmp.Or(l.MaxEvents, 64)
	return l
}

// Agent is a running agent. Its methods are safe for use by many goroutines.
type Agent struct {
	subjects  subject.Space
	agents    config.Agents
	workspace string
	responder Responder
	limits    Limits
	log       *slog.Logger
	nc        *nats.Conn
	svc       *bus.Service
	health    *bus.Health

	storeFailed atomic.Bool // as it was told last
	heard       heard

	store    *store.Store
	in       store.Log[inbound]
	out      store.Log[outbound]
	seen     store.Keyspace[sighting]
	probes   store.Keyspace[int64]
	sessions store.Keyspace[session]
	messages store.Keyspace[msg.ChatMessage]
	runs     store.Keyspace[run]
	events   store.Log[systemEvent]
	beats    store.Keyspace[heartbeats]

	interrupted []run         // that the last life left under way, until Run has told
	ends        atomic.Uint64 // runs that ended
	slots       chan struct{} // one in it for each run under way
	waiters     chan struct{} // one in it for each agent.wait

	mu     sync.Mutex // guards queues, lanes and turns, and what they hold
	queues map[string]*queue
	lanes  map[string]*lane
	turns  map[string]*turn // by run id
	wake   chan struct{}    // tells Run of queues or lanes without a worker
	prune  chan struct{}    // tells Run that something may be forgotten
	turn   chan struct{}    // unbuffered: a probe waits until Run takes it
}

// inbound is a message that waits for its answer.
type inbound struct {
	Channel string `json:"channel"`
	At      int64  `json:"at"` // Unix milliseconds
	msg.In
}

// outbound is an answer that waits for its delivery.
type outbound struct {
	Channel string `json:"channel"`
	At      int64  `json:"at"` // Unix milliseconds
	msg.Out        // Seq is the record's number, set when it is sent
}

// sighting is when an id was first accepted, and as which message.
type sighting struct {
	Seq uint64 `json:"seq"`
	At  int64  `json:"at"` // Unix milliseconds
}

// New takes up what the store says is pending, dials the bus and puts the
// micro service on it. Messages are accepted from then on, and answered in Run.
func New(cfg Config) (*Agent, error) {
	limits := cfg.Limits.withDefaults()
	a := &Agent{
		subjects: cfg.Subjects, agents: cfg.Agents, workspace: cfg.Workspace, responder: cfg.Responder, limits: limits, log: cfg.Log,
		store:    cfg.Store,
		in:       store.NewLog[inbound](cfg.Store, name, "in"),
		out:      store.NewLog[outbound](cfg.Store, name, "out"),
		seen:     store.NewKeyspace[sighting](cfg.Store, name, "seen"),
		probes:   store.NewKeyspace[int64](cfg.Store, name, "probe"),
		sessions: store.NewKeyspace[session](cfg.Store, name, "session"),
		messages: store.NewKeyspace[msg.ChatMessage](cfg.Store, name, "message"),
		runs:     store.NewKeyspace[run](cfg.Store, name, "run"),
		events:   store.NewLog[systemEvent](cfg.Store, name, "event"),
		beats:    store.NewKeyspace[heartbeats](cfg.Store, name, "heartbeat"),
		slots:    make(chan struct{}, limits.MaxParallel),
		waiters:  make(chan struct{}, limits.MaxWaiters),
		queues:   map[string]*queue{},
		lanes:    map[string]*lane{},
		turns:    map[string]*turn{},
		wake:     make(chan struct{}, 1),
		prune:    make(chan struct{}, 1),
		turn:     make(chan struct{}),
	}
	if a.responder == nil {
		a.responder = commandResponder{a}
	}
	if err := a.load(); err != nil {
		return nil, fmt.Errorf("agent: pending messages: %w", err)
	}
	nc, err := cfg.Dial()
	if err != nil {
		return nil, fmt.Errorf("agent: bus: %w", err)
	}
	a.nc = nc
	if err := a.serveBus(cfg.Version); err != nil {
		nc.Close()
		return nil, fmt.Errorf("agent: %w", err)
	}
	a.health.Set(msg.StateOK, "")
	return a, nil
}

// load queues what an earlier run left.
func (a *Agent) load() error {
	for r, err := range a.in.From(1) {
		if err != nil {
			return err
		}
		a.queue(r.Value.Channel).in++
		_, err := a.runs.Get(channelRunID(r.Seq))
		if errors.Is(err, store.ErrNotFound) { // an earlier version took the message
			err = a.store.Update(func(tx *store.Tx) error {
				_, err := a.writeChannelRun(tx, r.Seq, r.Value)
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	for r, err := range a.out.From(1) {
		if err != nil {
			return err
		}
		q := a.queue(r.Value.Channel)
		q.out = append(q.out, r.Seq)
	}
	return a.loadRuns()
}

// Name returns agent.
func (a *Agent) Name() string { return name }

// Run answers and delivers until ctx ends, and leaves the bus. What is then
// pending stays in the store.
func (a *Agent) Run(ctx context.Context) error {
	defer a.nc.Close() // after Stop, nothing is left to drain
	a.tellInterrupted()
	var workers sync.WaitGroup
	for ctx.Err() == nil {
		for _, q := range a.idle() {
			workers.Go(func() { a.work(ctx, q) })
		}
		for _, l := range a.idleLanes() {
			workers.Go(func() { a.drive(ctx, l) })
		}
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-a.turn:
		case <-a.prune:
			if err := errors.Join(a.forget(time.Now()), a.forgetRuns(time.Now()), a.retire()); err != nil {
				a.log.Warn("forget what is old", "err", err)
			}
		}
	}
	err := a.svc.Stop()
	workers.Wait()
	return err
}

// forget removes ids that are too old or too many from the store.
func (a *Agent) forget(now time.Time) error {
	var all []store.Entry[sighting]
	var newest uint64
	for e, err := range a.seen.All() {
		if err != nil {
			return err
		}
		all = append(all, e)
		newest = max(newest, e.Value.Seq)
	}
	oldest := now.Add(-a.limits.SeenAge).UnixMilli()
	kept := func(e store.Entry[sighting]) bool {
		return e.Value.At >= oldest && e.Value.Seq+uint64(a.limits.MaxSeen) > newest
	}
	gone := slices.DeleteFunc(all, kept)
	return a.store.Update(func(tx *store.Tx) error {
		var errs []error
		for _, e := range gone {
			errs = append(errs, a.seen.With(tx).Delete(e.ID))
		}
		return errors.Join(errs...)
	})
}

// noteStore tells whether messages can be stored; nil says that they can. Who
// sends again and again is not told of in the log each time.
func (a *Agent) noteStore(err error) {
	failed := err != nil
	if a.storeFailed.Swap(failed) != failed && failed {
		a.log.Error("messages are refused: they cannot be stored", "err", err)
	}
	if failed {
		a.health.Set(msg.StateFailed, "messages cannot be stored: "+err.Error())
		return
	}
	a.health.Set(msg.StateOK, "")
}
