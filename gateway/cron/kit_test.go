package cron

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const long = 20 * time.Second

// rig is a bus and a store on which schedulers come and go, with a clock that
// can be set and an agent of the test's own.
type rig struct {
	*testing.T
	bus    *bustest.Bus
	store  *store.Store
	nc     *nats.Conn
	ahead  atomic.Int64 // of the clock, in milliseconds
	events chan msg.CronEvent

	mu    sync.Mutex
	asked []asked
	waits func() msg.AgentDone // the answer of agent.wait; nil: ok
}

// asked is one request to the agent.
type asked struct {
	method string
	wake   msg.Wake
	turn   msg.AgentRun
}

func (a asked) key() string { return a.wake.IdempotencyKey + a.turn.IdempotencyKey }

func newRig(t *testing.T) *rig {
	t.Helper()
	b := bustest.Start(t, "main")
	db, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	r := &rig{T: t, bus: b, store: db, nc: b.Conn(t), events: make(chan msg.CronEvent, 1024)}
	_, err = r.nc.Subscribe("clawdbot.main.event.cron", func(m *nats.Msg) {
		var e msg.CronEvent
		if json.Unmarshal(m.Data, &e) == nil {
			r.events <- e
		}
	})
	if err = errors.Join(err, r.nc.Flush()); err != nil {
		t.Fatal(err)
	}
	return r
}

// agent serves what jobs ask for, until stop is called or the test ends.
func (r *rig) agent() (stop func()) {
	r.Helper()
	note := func(a asked) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked = append(r.asked, a)
	}
	nc := r.bus.Conn(r.T)
	svc, err := bus.Serve(bus.ServiceConfig{Name: "agent", Version: "1.2.3", Profile: "main", Conn: nc, Endpoints: []bus.Endpoint{
		{Name: "wake", Subject: "clawdbot.main.rpc.wake", Handle: func(_ context.Context, req *bus.Request) (any, error) {
			var p msg.Wake
			err := req.Decode(&p)
			note(asked{method: "wake", wake: p})
			return msg.Woken{OK: true}, err
		}},
		{Name: "agent", Subject: "clawdbot.main.rpc.agent", Handle: func(_ context.Context, req *bus.Request) (any, error) {
			var p msg.AgentRun
			err := req.Decode(&p)
			note(asked{method: "agent", turn: p})
			return msg.AgentAccepted{RunID: p.IdempotencyKey, Status: "accepted"}, err
		}},
		{Name: "wait", Subject: "clawdbot.main.rpc.agent.wait", Handle: func(context.Context, *bus.Request) (any, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.waits != nil {
				return r.waits(), nil
			}
			return msg.AgentDone{Status: "ok", Result: &msg.AgentResult{Payloads: []msg.AgentPayload{{Text: "it is warm"}}}}, nil
		}},
	}})
	if err != nil {
		r.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := svc.Stop(); err != nil {
			r.Error(err)
		}
	})
	r.Cleanup(stop)
	return stop
}

// requests are what the agent was asked, by method.
func (r *rig) requests(method string) []asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.asked), func(a asked) bool { return a.method != method })
}

func (r *rig) answer(waits func() msg.AgentDone) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = waits
}

func (r *rig) now() time.Time {
	return time.Now().Add(time.Duration(r.ahead.Load()) * time.Millisecond)
}

// at is the rig's time in some milliseconds.
func (r *rig) at(in time.Duration) int64 { return r.now().Add(in).UnixMilli() }

func (r *rig) config() Config {
	return Config{
		Subjects: r.bus.Subjects, Dial: r.bus.Dial, Version: "1.2.3", Store: r.store, StorePath: "/a/store",
		Log: slog.New(slog.NewTextHandler(r.Output(), nil)), Now: r.now,
	}
}

// start runs a scheduler until stop is called or the test ends.
func (r *rig) start(cfg Config) (stop func()) {
	r.Helper()
	s, err := New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	return r.run(s)
}

func (r *rig) run(s *Server) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("Run: %v", err)
		}
	})
	r.Cleanup(stop)
	return stop
}

func (r *rig) call(method string, in, out any) error {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	subj, err := r.bus.Subjects.RPC(method)
	if err != nil {
		r.Fatal(err)
	}
	return bus.Call(ctx, r.nc, subj, in, out)
}

func (r *rig) must(method string, in, out any) {
	r.Helper()
	if err := r.call(method, in, out); err != nil {
		r.Fatalf("%s: %v", method, err)
	}
}

// tick sets the clock ahead, and has the scheduler look at it.
func (r *rig) tick(by time.Duration) {
	r.Helper()
	r.ahead.Add(by.Milliseconds())
	for range 2 { // the first turn may have begun before the clock was set
		if _, err := r.bus.Probe("cron"); err != nil {
			r.Fatal(err)
		}
	}
}

// next waits for an event of the job with the action.
func (r *rig) next(id, action string) msg.CronEvent {
	r.Helper()
	for late := time.After(long); ; {
		select {
		case e := <-r.events:
			if e.JobID == id && e.Action == action {
				return e
			}
		case <-late:
			r.Fatalf("no event %s of %s", action, id)
		}
	}
}

func (r *rig) job(id string) msg.CronJob {
	r.Helper()
	var list msg.CronJobs
	r.must("cron.list", msg.CronList{IncludeDisabled: true}, &list)
	i := slices.IndexFunc(list.Jobs, func(j msg.CronJob) bool { return j.ID == id })
	if i < 0 {
		r.Fatalf("no job %s in %+v", id, list.Jobs)
	}
	return list.Jobs[i]
}

func (r *rig) history(id string) []msg.CronEvent {
	r.Helper()
	var h msg.CronHistory
	r.must("cron.runs", msg.CronRuns{ID: id}, &h)
	return h.Entries
}

// text is a job that tells the main session something.
func text(s msg.CronSchedule) msg.CronAdd {
	return msg.CronAdd{
		Name: "tea", Schedule: s, SessionTarget: "main", WakeMode: "now", Payload: msg.CronPayload{Kind: "systemEvent", Text: "tea is ready"},
	}
}

// turn is a job that the agent answers.
func turn(s msg.CronSchedule) msg.CronAdd {
	return msg.CronAdd{
		Name: "weather", Schedule: s, SessionTarget: "isolated", WakeMode: "next-heartbeat",
		Payload: msg.CronPayload{Kind: "agentTurn", Message: "what is the weather?", To: "42", Channel: "telegram"},
	}
}

func (r *rig) add(def msg.CronAdd) msg.CronJob {
	r.Helper()
	var j msg.CronJob
	r.must("cron.add", def, &j)
	return j
}

func hourly() msg.CronSchedule { return msg.CronSchedule{Kind: "cron", Expr: "0 * * * *", TZ: "UTC"} }
