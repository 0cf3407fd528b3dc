package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
)

// loop is a supervisor of the test, with its beats.
type loop struct {
	*supervisor
	t     *testing.T
	bus   *bustest.Bus
	beats *nats.Subscription
}

func startLoop(t *testing.T, cfg supervisorConfig) *loop {
	t.Helper()
	b := bustest.Start(t, "main")
	sub, err := b.Conn(t).SubscribeSync(b.Subjects.Beat())
	if err != nil {
		t.Fatal(err)
	}
	cfg.subjects, cfg.dial, cfg.version = b.Subjects, b.Dial, "1.2.3"
	cfg.first = msg.Beat{Profile: "main", Boot: "b", Phase: msg.PhaseStarting, Components: []msg.Component{
		{Name: "agent", State: msg.StateStarting}, {Name: "canvas", State: msg.StateStarting},
	}}
	s, err := newSupervisor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		s.setPhase(msg.PhaseReady, "") // of a loop that ended: does not block
	})
	return &loop{s, t, b, sub}
}

// until returns the first beat that is right.
func (l *loop) until(what string, right func(msg.Beat) bool) msg.Beat {
	l.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		m, err := l.beats.NextMsg(time.Until(deadline))
		if err != nil {
			l.t.Fatalf("no beat with %s: %v", what, err)
		}
		var b msg.Beat
		if err := json.Unmarshal(m.Data, &b); err != nil {
			l.t.Fatal(err)
		}
		if right(b) {
			return b
		}
	}
}

func TestBeatsComeInOrder(t *testing.T) {
	l := startLoop(t, supervisorConfig{})
	var last msg.Beat
	for range 4 {
		b := l.until("a beat", func(msg.Beat) bool { return true })
		if b.Seq <= last.Seq || b.MonoMs < last.MonoMs || b.Profile != "main" || b.Boot != "b" {
			t.Fatalf("after %+v came %+v", last, b)
		}
		last = b
	}
}

// TestNothingComesAfterStopping: a stop that is asked for during the start must
// not look like a crash in the end.
func TestNothingComesAfterStopping(t *testing.T) {
	l := startLoop(t, supervisorConfig{})
	l.setPhase(msg.PhaseStopping, "asked to stop")
	l.setPhase(msg.PhaseReady, "")
	first := l.until("stopping", func(b msg.Beat) bool { return b.Phase == msg.PhaseStopping })
	next := l.until("a later one", func(b msg.Beat) bool { return b.Seq >= first.Seq+2 })
	if next.Phase != msg.PhaseStopping || next.Detail != "asked to stop" {
		t.Errorf("after stopping: %+v", next)
	}
}

func TestBeatTellsOfComponents(t *testing.T) {
	l := startLoop(t, supervisorConfig{})
	nc := l.bus.Conn(t)
	say := func(subjectOf string, c msg.Component) {
		t.Helper()
		subj, err := l.bus.Subjects.Health(subjectOf)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish(subj, body); err != nil {
			t.Fatal(err)
		}
	}
	say("canvas", msg.Component{Name: "bridge", State: msg.StateFailed}) // canvas does not speak for the bridge
	say("bridge", msg.Component{Name: "bridge", State: msg.StateOff})
	say("canvas", msg.Component{Name: "canvas", State: msg.StateOK})
	l.until("canvas", func(b msg.Beat) bool { return b.Components[len(b.Components)-1].State == msg.StateOK })
	select {
	case <-l.started:
		t.Error("started before the agent said how it is")
	default:
	}
	say("agent", msg.Component{Name: "agent", State: msg.StateDegraded, Detail: "no model"})
	b := l.until("the agent", func(b msg.Beat) bool { return b.Components[0].State == msg.StateDegraded })
	want := []msg.Component{{Name: "agent", State: msg.StateDegraded, Detail: "no model"}, {Name: "bridge", State: msg.StateOff}, {Name: "canvas", State: msg.StateOK}}
	if !slices.Equal(b.Components, want) {
		t.Errorf("got %+v", b.Components)
	}
	select {
	case <-l.started:
	case <-time.After(10 * time.Second):
		t.Error("not started, though all have said how they are")
	}
}

// TestPingIsAnsweredByTheLoopItself: when the loop stands, so do beats and pings.
func TestPingIsAnsweredByTheLoopItself(t *testing.T) {
	stand := make(chan struct{})
	var fed atomic.Int64
	l := startLoop(t, supervisorConfig{every: time.Nanosecond, watchdog: func() error {
		fed.Add(1)
		<-stand
		return nil
	}})
	ping := func(wait time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		return bus.Call(ctx, l.bus.Conn(t), l.bus.Subjects.Ping(), nil, nil)
	}
	for deadline := time.Now().Add(10 * time.Second); fed.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the watchdog is not fed")
		}
	}
	if err := ping(2 * beatEvery); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a loop that stands answers: %v", err)
	}
	close(stand)
	if err := ping(10 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestConfigIsProvenByTimeInHealth(t *testing.T) {
	well := []msg.Component{
		{Name: "agent", State: msg.StateDegraded}, {Name: "bridge", State: msg.StateOff}, {Name: "gateway", State: msg.StateOK},
		{Name: "store", State: msg.StateFailed}, // a full disk is not the config's fault
	}
	gateway := func(s msg.State, detail string) msg.Component {
		return msg.Component{Name: "gateway", State: s, Detail: detail}
	}
	ok, stuck := well[2], gateway(msg.StateDegraded, stuckPrefix+"no answer")
	type span struct {
		long    time.Duration
		phase   msg.Phase
		gateway msg.Component
	}
	const ready, starting = msg.PhaseReady, msg.PhaseStarting
	for name, test := range map[string]struct {
		spans   []span
		rebuilt []string
		want    string // "" is proven, "-" not yet decided
	}{
		"well for its time":             {[]span{{probationTime, ready, ok}}, nil, ""},
		"not long enough":               {[]span{{probationTime - beatEvery, ready, ok}}, nil, "-"},
		"never ready":                   {[]span{{2 * probationTime, starting, ok}}, nil, "-"},
		"a hiccup":                      {[]span{{probationTime / 2, ready, ok}, {badTime / 2, ready, stuck}, {probationTime + beatEvery, ready, ok}}, []string{"gateway"}, ""},
		"the time before it":            {[]span{{probationTime - beatEvery, ready, ok}, {beatEvery, ready, stuck}, {probationTime - beatEvery, ready, ok}}, []string{"gateway"}, "-"},
		"stuck":                         {[]span{{badTime, ready, stuck}}, []string{"gateway"}, "unhealthy: gateway: stuck: no answer"},
		"stuck before, and not touched": {[]span{{probationTime, ready, stuck}}, nil, ""},
		"stuck later, and not touched":  {[]span{{beatEvery, ready, ok}, {badTime + beatEvery, ready, stuck}}, nil, "unhealthy: gateway: stuck"},
		"failed":                        {[]span{{badTime, ready, gateway(msg.StateFailed, "x")}}, []string{"gateway"}, "unhealthy: gateway: x"},
		"never up":                      {[]span{{probationTime + trialTime, ready, gateway(msg.StateStarting, "")}}, nil, "waits for gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			trial, now := &healthTrial{need: probationTime, rebuilt: test.rebuilt, result: make(chan error, 1)}, time.Unix(1_800_000_000, 0)
			ended := false
			for _, s := range test.spans {
				list := slices.Clone(well)
				list[2] = s.gateway
				for end := now.Add(s.long); !ended && !now.After(end); now = now.Add(beatEvery) {
					ended = trial.judge(msg.Beat{Phase: s.phase, Components: list}, now)
				}
				now = now.Add(-beatEvery)
			}
			if ended != (test.want != "-") {
				t.Fatalf("ended: %v", ended)
			}
			if !ended {
				return
			}
			if err := <-trial.result; (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestTimeThatNobodyWatchedProvesNothing: the host was suspended.
func TestTimeThatNobodyWatchedProvesNothing(t *testing.T) {
	trial, now := &healthTrial{need: probationTime, result: make(chan error, 1)}, time.Unix(1_800_000_000, 0)
	b := msg.Beat{Phase: msg.PhaseReady, Components: []msg.Component{{Name: "gateway", State: msg.StateOK}}}
	if trial.judge(b, now) || trial.judge(b, now.Add(time.Hour)) {
		t.Fatal("proven by an hour that nobody watched")
	}
}

// TestProbationWantsAPieceOfWork: what a component of the config's says of itself
// is not enough, and waiting for it has an end.
func TestProbationWantsAPieceOfWork(t *testing.T) {
	for _, works := range []bool{true, false} {
		now := time.Unix(1_800_000_000, 0)
		worked := false
		trial := &healthTrial{
			need: probationTime, rebuilt: []string{"canvas"}, result: make(chan error, 1),
			worked: func(string, time.Time) bool { return worked },
		}
		beat := msg.Beat{Phase: msg.PhaseReady, Components: []msg.Component{{Name: "canvas", State: msg.StateOK}}}
		for end := now.Add(2 * probationTime); now.Before(end); now = now.Add(250 * time.Millisecond) {
			if trial.judge(beat, now) {
				t.Fatal("proven by its word")
			}
		}
		worked = works
		for end := now.Add(probationTime + trialTime); !trial.judge(beat, now) && now.Before(end); now = now.Add(250 * time.Millisecond) {
		}
		select {
		case err := <-trial.result:
			if works != (err == nil) || err != nil && !strings.Contains(err.Error(), "waits for canvas") {
				t.Errorf("it works: %t; %v", works, err)
			}
		default:
			t.Errorf("it works: %t; no end", works)
		}
	}
}
