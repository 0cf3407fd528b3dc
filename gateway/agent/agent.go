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

// Config configures an Agent. All but Agents and Limits are required.
type Config struct {
	Subjects subject.Space
	Dial     func() (*nats.Conn, error) // the agent owns the connection
	Version  string                     // semantic version of the product
	Store    *store.Store               // outlives Run
	Agents   config.Agents              // empty means one agent, main
	Log      *slog.Logger
	Limits   Limits
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
}

func (l Limits) withDefaults() Limits {
	l.MaxPending = cmp.Or(l.MaxPending, 512)
	l.MaxChannels = cmp.Or(l.MaxChannels, 128)
	l.MaxSeen = cmp.Or(l.MaxSeen, 16384)
	l.SeenAge = cmp.Or(l.SeenAge, 7*24*time.Hour)
	l.RetryMin = cmp.Or(l.RetryMin, 250*time.Millisecond)
	l.RetryMax = cmp.Or(l.RetryMax, 30*time.Second)
	l.Ack = cmp.Or(l.Ack, 15*time.Second)
	return l
}

// Agent is a running agent. Its methods are safe for use by many goroutines.
type Agent struct {
	subjects subject.Space
	agents   config.Agents
	limits   Limits
	log      *slog.Logger
	nc       *nats.Conn
	svc      *bus.Service
	health   *bus.Health

	storeFailed atomic.Bool // as it was told last
	heard       heard

	store  *store.Store
	in     store.Log[inbound]
	out    store.Log[outbound]
	seen   store.Keyspace[sighting]
	probes store.Keyspace[int64]

	mu     sync.Mutex // guards queues and what they hold
	queues map[string]*queue
	wake   chan struct{} // tells Run of queues without a worker
	prune  chan struct{} // tells Run that ids may be forgotten
	turn   chan struct{} // unbuffered: a probe waits until Run takes it
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
	a := &Agent{
		subjects: cfg.Subjects, agents: cfg.Agents, limits: cfg.Limits.withDefaults(), log: cfg.Log,
		store:  cfg.Store,
		in:     store.NewLog[inbound](cfg.Store, name, "in"),
		out:    store.NewLog[outbound](cfg.Store, name, "out"),
		seen:   store.NewKeyspace[sighting](cfg.Store, name, "seen"),
		probes: store.NewKeyspace[int64](cfg.Store, name, "probe"),
		queues: map[string]*queue{},
		wake:   make(chan struct{}, 1),
		prune:  make(chan struct{}, 1),
		turn:   make(chan struct{}),
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
		q := a.queue(r.Value.Channel)
		q.in = append(q.in, &ticket{seq: r.Seq, stored: true})
	}
	for r, err := range a.out.From(1) {
		if err != nil {
			return err
		}
		q := a.queue(r.Value.Channel)
		q.out = append(q.out, r.Seq)
	}
	return nil
}

// Name returns agent.
func (a *Agent) Name() string { return name }

// Run answers and delivers until ctx ends, and leaves the bus. What is then
// pending stays in the store.
func (a *Agent) Run(ctx context.Context) error {
	defer a.nc.Close() // after Stop, nothing is left to drain
	var workers sync.WaitGroup
	for ctx.Err() == nil {
		for _, q := range a.idle() {
			workers.Go(func() { a.work(ctx, q) })
		}
		select {
		case <-ctx.Done():
		case <-a.wake:
		case <-a.turn:
		case <-a.prune:
			if err := a.forget(time.Now()); err != nil {
				a.log.Warn("forget old message ids", "err", err)
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
