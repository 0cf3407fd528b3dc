package agent

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// The runs of one session go one after the other, those of others beside them,
// and not too many at once.
func TestLanes(t *testing.T) {
	r := newRig(t)
	var now, most atomic.Int64
	var together atomic.Bool
	perSession := map[string]*atomic.Int64{}
	for i := range 6 {
		perSession[fmt.Sprintf("agent:main:s%d", i)] = &atomic.Int64{}
	}
	release := make(chan struct{})
	r.responder = script(func(_ context.Context, p Prompt, _ func(string)) (string, error) {
		if perSession[p.SessionKey].Add(1) > 1 {
			together.Store(true)
		}
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		now.Add(-1)
		perSession[p.SessionKey].Add(-1)
		return p.Message, nil
	})
	r.start(Limits{MaxParallel: 3})
	for i := range 24 {
		r.chat(fmt.Sprintf("s%d", i%6), fmt.Sprint(i), fmt.Sprintf("k%d", i))
	}
	r.eventually("three are under way", func() bool { return now.Load() == 3 })
	close(release)
	for i := range 24 {
		if d := r.wait(fmt.Sprintf("k%d", i)); d.Status != "ok" {
			t.Errorf("%d: %+v", i, d)
		}
	}
	if most.Load() != 3 || together.Load() {
		t.Errorf("at most %d ran, two of a session: %v", most.Load(), together.Load())
	}
	for i := range 6 {
		var answers []string
		for _, line := range r.history(fmt.Sprintf("s%d", i)) {
			if line[0] == 'a' {
				answers = append(answers, line)
			}
		}
		want := []string{}
		for n := i; n < 24; n += 6 {
			want = append(want, fmt.Sprint("assistant: ", n))
		}
		if !slices.Equal(answers, want) {
			t.Errorf("session %d: %q", i, answers)
		}
	}
}

func TestLanesAreBounded(t *testing.T) {
	r := newRig(t)
	g := newGate()
	r.responder = g
	a, _ := r.start(Limits{MaxLane: 2, MaxWaiting: 3, MaxWaiters: 1})
	r.chat("a", "x", "k1")
	r.chat("a", "x", "k2")
	r.refused("chat.send", msg.ChatSend{SessionKey: "a", Message: "x", IdempotencyKey: "k3"}, bus.CodeUnavailable, "2 runs of session agent:main:a wait, its queue is full")
	if sent := r.chat("a", "x", "k2"); sent.Status != "in_flight" {
		t.Errorf("who asks again needs no place: %+v", sent)
	}
	r.chat("b", "x", "k4")
	r.refused("chat.send", msg.ChatSend{SessionKey: "c", Message: "x", IdempotencyKey: "k5"}, bus.CodeUnavailable, "3 runs wait, the queue is full")

	waited := make(chan msg.AgentDone, 1)
	go func() { waited <- r.wait("k1") }()
	r.eventually("one waits", func() bool { return len(a.waiters) == 1 })
	r.refused("agent.wait", msg.AgentWait{RunID: "k4"}, bus.CodeUnavailable, "1 requests wait for runs, more are not taken")
	for range 3 {
		g.open <- "ok"
	}
	if d := <-waited; d.Status != "ok" {
		t.Errorf("got %+v", d)
	}
}

func TestAgentRun(t *testing.T) {
	r := newRig(t)
	g := newGate()
	r.responder = g
	r.start(Limits{})
	first := must[msg.AgentAccepted](r, "agent", msg.AgentRun{
		Message: "do it", IdempotencyKey: "k1", Thinking: "high", Model: "m", ExtraSystemPrompt: "be brief", Label: "job", SpawnedBy: "agent:main:main",
	})
	if first.RunID != "k1" || first.Status != "accepted" || first.AcceptedAt == 0 {
		t.Errorf("got %+v", first)
	}
	p := g.taken(t)
	if p.SessionKey != "agent:main:main" || p.AgentID != "main" || p.Message != "do it" || p.Thinking != "high" || p.Model != "m" || p.System != "be brief" || value(p.Settings.Label) != "job" {
		t.Errorf("prompt %+v", p)
	}
	if before, err := p.History(10); err != nil || len(before) != 0 {
		t.Errorf("history %+v, %v", before, err)
	}
	if d := must[msg.AgentDone](r, "agent.wait", msg.AgentWait{RunID: "k1", TimeoutMs: 1}); d.Status != "timeout" || d.Result != nil {
		t.Errorf("while it runs: %+v", d)
	}
	if again := must[msg.AgentAccepted](r, "agent", msg.AgentRun{Message: "do it", IdempotencyKey: "k1"}); again != first {
		t.Errorf("again: %+v", again)
	}
	g.open <- "done"
	d := r.wait("k1")
	if d.Status != "ok" || d.Summary != "completed" || d.Result.Payloads[0].Text != "done" || d.StartedAt == 0 || d.EndedAt < d.StartedAt || d.Result.Meta.SessionKey != "agent:main:main" {
		t.Errorf("got %+v", d)
	}
	r.chat("main", "more", "k2")
	p = g.taken(t)
	if before, err := p.History(10); err != nil || len(before) != 2 || textOf(before[1]) != "done" {
		t.Errorf("history %+v, %v", before, err)
	}
	g.open <- ""
	r.wait("k2")
}

func TestAgentSessions(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{})
	r.mustSend("telegram", msg.In{From: "ann", Text: "/help"})
	id := must[msg.SessionList](r, "sessions.list", msg.SessionQuery{}).Sessions[0].SessionID
	for want, in := range map[string]msg.AgentRun{
		"agent:main:main":         {},
		"agent:main:x":            {SessionKey: "x", AgentID: "main"},
		"agent:main:telegram:ann": {SessionID: id},
		"agent:main:slack:bob":    {Channel: "slack", To: "bob"},
		"agent:main:made-up":      {SessionID: "made-up"},
	} {
		if key, err := a.runSession(in); err != nil || key != want {
			t.Errorf("%+v: got %s, %v, want %s", in, key, err, want)
		}
	}
	for want, in := range map[string]msg.AgentRun{
		"idempotencyKey: missing":                         {Message: "a"},
		"message: missing":                                {IdempotencyKey: "k"},
		`agentId: no agent "ops" is configured`:           {Message: "a", IdempotencyKey: "k", AgentID: "ops"},
		`sessionId: "a b" holds a blank`:                  {Message: "a", IdempotencyKey: "k", SessionID: "a b"},
		`channel: "a b" is not a word`:                    {Message: "a", IdempotencyKey: "k", Channel: "a b", To: "x"},
		"deliver: nobody is named to deliver to on":       {Message: "a", IdempotencyKey: "k", Channel: "slack", Deliver: true},
		"deliver: no channel is named, and no message of": {Message: "a", IdempotencyKey: "k", Deliver: true},
	} {
		r.refused("agent", in, bus.CodeInvalidRequest, want)
	}
	r.refused("agent.wait", msg.AgentWait{RunID: "k"}, bus.CodeInvalidRequest, `runId: no run "k" is known`)
	r.refused("agent.wait", msg.AgentWait{}, bus.CodeInvalidRequest, "runId: missing")
	if d := must[msg.AgentIdentity](r, "agent.identity.get", msg.AgentIdentityQuery{SessionKey: "main"}); d.AgentID != "main" || d.Name != "main" {
		t.Errorf("got %+v", d)
	}
	r.refused("agent.identity.get", msg.AgentIdentityQuery{AgentID: "ops"}, bus.CodeInvalidRequest, `no agent "ops"`)
	r.refused("agent.identity.get", msg.AgentIdentityQuery{AgentID: "ops", SessionKey: "main"}, bus.CodeInvalidRequest, "is not of agent ops")
}

// An answer is delivered where it is told to go, or where the last message came from.
func TestDeliver(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{MaxPending: 1})
	telegram := r.connect("telegram")
	r.mustSend("telegram", msg.In{From: "ann", To: "room", Thread: "7", Text: "/help"})
	r.receive(telegram)
	try := 0
	r.eventually("its answer is acknowledged", func() bool { // until then the queue is full
		try++
		id := fmt.Sprint("try", try)
		_, err := call[msg.AgentAccepted](r, "agent", msg.AgentRun{SessionKey: "telegram:ann", Message: "/peers", IdempotencyKey: id, Deliver: true, Channel: "last"})
		return err == nil && r.wait(id).Status == "ok"
	})
	if out := r.receive(telegram); out.To != "room" || out.Thread != "7" || out.InReply != 0 || out.Text != "main has seen no peer." {
		t.Errorf("got %+v", out)
	}
	must[msg.AgentAccepted](r, "agent", msg.AgentRun{Message: "/peers", IdempotencyKey: "k2", Deliver: true, Channel: "slack", To: "bob"})
	r.wait("k2")
	must[msg.AgentAccepted](r, "agent", msg.AgentRun{Message: "/peers", IdempotencyKey: "k3", Deliver: true, Channel: "slack", To: "bob"})
	if d := r.wait("k3"); d.Status != "error" || d.Error != "the answer is not delivered: 1 messages of channel slack wait, its queue is full" {
		t.Errorf("got %+v", d)
	}
	for rec, err := range a.out.From(1) {
		if err != nil || rec.Value.Channel != "slack" || rec.Seq != 3 {
			t.Errorf("what is not delivered is stored: %+v, %v", rec, err)
		}
	}
	slack := r.connect("slack")
	if out := r.receive(slack); out.To != "bob" {
		t.Errorf("got %+v", out)
	}
	must[msg.AgentAccepted](r, "agent", msg.AgentRun{Message: "/peers", IdempotencyKey: "k4", Deliver: true, BestEffortDeliver: true})
	if d := r.wait("k4"); d.Status != "ok" {
		t.Errorf("best effort: %+v", d)
	}
}

// What a restart finds: a run under way is told as interrupted, one that waited
// is begun, a channel's message is answered, and keys are known.
func TestRestart(t *testing.T) {
	r := newRig(t)
	g := newGate()
	r.responder = g
	_, stop := r.start(quick)
	r.chat("main", "one", "k1")
	r.chat("main", "two", "k2")
	r.mustSend("telegram", msg.In{From: "ann", Text: "three"})
	g.taken(t)
	g.taken(t)
	stop()

	chats := r.events("chat")
	r.start(quick)
	if e := next[msg.ChatEvent](r, chats); e.RunID != "k1" || e.State != "error" || e.ErrorMessage != interrupted {
		t.Errorf("got %+v", e)
	}
	again := []string{g.taken(t).Message, g.taken(t).Message}
	slices.Sort(again)
	if !slices.Equal(again, []string{"three", "two"}) {
		t.Errorf("begun: %q", again)
	}
	g.open <- "done"
	g.open <- "done"
	telegram := r.connect("telegram")
	if out := r.receive(telegram); out.Text != "done" || out.InReply != 1 || out.To != "ann" {
		t.Errorf("got %+v", out)
	}
	r.wait("k2")
	if got := r.history("telegram:ann"); !slices.Equal(got, []string{"user: three", "assistant: done"}) {
		t.Errorf("history %q", got)
	}
	if got := r.history("main"); !slices.Equal(got, []string{"user: one", "user: two", "assistant:  (error interrupted by a restart)", "assistant: done"}) {
		t.Errorf("history %q", got)
	}
	for id, want := range map[string]string{"k1": "error", "k2": "ok"} {
		if sent := r.chat("main", "again", id); sent.Status != want {
			t.Errorf("got %+v, want %s", sent, want)
		}
	}
}

func TestRunsAreForgotten(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{MaxRuns: 8})
	for i := range 20 {
		id := fmt.Sprint(i)
		r.chat("main", "/peers", id)
		r.wait(id)
	}
	r.eventually("old runs are forgotten", func() bool {
		_, err := call[msg.AgentDone](r, "agent.wait", msg.AgentWait{RunID: "0"})
		return err != nil
	})
	r.wait("19")
	if err := a.forgetRuns(time.Now().Add(a.limits.RunAge + time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.refused("agent.wait", msg.AgentWait{RunID: "19"}, bus.CodeInvalidRequest, "no run")
	for i := range 20 { // runs that end at once count too
		must[msg.Woken](r, "wake", msg.Wake{Mode: "next-heartbeat", Text: "same", IdempotencyKey: fmt.Sprint(i)})
	}
	r.eventually("those are forgotten", func() bool { _, err := a.runs.Get("wake:0"); return err != nil })
}

// A chat whose answer takes long does not hold up another of the same channel.
func TestChatsOfAChannelAreIndependent(t *testing.T) {
	r := newRig(t)
	g := newGate()
	r.responder = script(func(ctx context.Context, p Prompt, emit func(string)) (string, error) {
		if p.Message == "slow" {
			return g.Respond(ctx, p, emit)
		}
		return "quick", nil
	})
	r.start(Limits{})
	telegram := r.connect("telegram")
	r.mustSend("telegram", msg.In{From: "ann", Text: "slow"})
	g.taken(t)
	r.mustSend("telegram", msg.In{From: "bob", Text: "hello"})
	if out := r.receive(telegram); out.To != "bob" || out.InReply != 2 {
		t.Errorf("got %+v", out)
	}
	g.open <- "done"
	if out := r.receive(telegram); out.To != "ann" || out.InReply != 1 || out.Seq != 2 {
		t.Errorf("got %+v", out)
	}
}

// A message that was taken before there were runs is answered.
func TestMessageWithoutARun(t *testing.T) {
	r := newRig(t)
	s, err := store.Open(store.Config{Dir: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	old := inbound{Channel: "telegram", At: 1, In: msg.In{From: "ann", Text: "/peers"}}
	if _, err := store.NewLog[inbound](s, name, "in").Append(old); err != nil {
		t.Fatal(err)
	}
	r.startOn(s, quick)
	if out := r.receive(r.connect("telegram")); out.InReply != 1 || out.To != "ann" {
		t.Errorf("got %+v", out)
	}
	if got := r.history("telegram:ann"); len(got) != 2 {
		t.Errorf("history %q", got)
	}
}
