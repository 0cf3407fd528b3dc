package cron

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
)

func TestAtRunsOnce(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	due := r.at(300 * time.Millisecond)
	j := r.add(text(msg.CronSchedule{Kind: "at", AtMs: due}))
	if !j.Enabled || j.State.NextRunAtMs != due || j.CreatedAtMs == 0 || j.ID == "" {
		t.Errorf("job %+v", j)
	}
	if e := r.next(j.ID, "added"); e.NextRunAtMs != due {
		t.Errorf("event %+v", e)
	}
	if e := r.next(j.ID, "started"); e.RunAtMs < due || e.RunAtMs > due+5000 {
		t.Errorf("due %d, event %+v", due, e)
	}
	if e := r.next(j.ID, "finished"); e.Status != "ok" || e.Summary != "tea is ready" || e.NextRunAtMs != 0 {
		t.Errorf("event %+v", e)
	}
	r.tick(time.Hour)
	got := r.requests("wake")
	if len(got) != 1 || got[0].wake.Text != "tea is ready" || got[0].wake.Mode != "now" || !strings.HasPrefix(got[0].key(), "cron:"+j.ID+":") {
		t.Errorf("the agent was asked %+v", got)
	}
	if j = r.job(j.ID); j.Enabled || j.State.NextRunAtMs != 0 || j.State.LastStatus != "ok" || j.State.LastRunAtMs < due || j.State.RunningAtMs != 0 {
		t.Errorf("job after its run: %+v", j)
	}
	if h := r.history(j.ID); len(h) != 1 || h[0].Status != "ok" || h[0].RunAtMs < due || h[0].TS == 0 {
		t.Errorf("history %+v", h)
	}
}

func TestDeleteAfterRun(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	def := text(msg.CronSchedule{Kind: "at", AtMs: r.at(0)})
	def.DeleteAfterRun = true
	j := r.add(def)
	r.next(j.ID, "finished")
	r.next(j.ID, "removed")
	var st msg.CronStatus
	r.must("cron.status", nil, &st)
	if !st.Enabled || st.Jobs != 0 || st.NextWakeAtMs != nil || st.StorePath != "/a/store" {
		t.Errorf("status %+v", st)
	}
	if h := r.history(j.ID); len(h) != 1 {
		t.Errorf("history %+v", h)
	}
}

func TestTurnIsWaitedForAndTold(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	polls := 0
	r.answer(func() msg.AgentDone {
		if polls++; polls < 3 {
			return msg.AgentDone{Status: "timeout"}
		}
		return msg.AgentDone{Status: "ok", Result: &msg.AgentResult{Payloads: []msg.AgentPayload{{Text: "it is"}, {Text: "warm"}}}}
	})
	def := turn(hourly())
	def.Isolation = &msg.CronIsolation{PostToMainPrefix: "Weather", PostToMainMode: "full", PostToMainMaxChars: 5}
	j := r.add(def)
	r.must("cron.run", msg.CronRun{JobID: j.ID}, nil)
	if e := r.next(j.ID, "finished"); e.Status != "ok" || e.Summary != "it is\n\nwarm" || e.NextRunAtMs != j.State.NextRunAtMs {
		t.Errorf("event %+v", e)
	}
	turns := r.requests("agent")
	if len(turns) != 1 {
		t.Fatalf("turns %+v", turns)
	}
	p := turns[0].turn
	if p.Message != "what is the weather?" || p.SessionKey != "cron:"+j.ID || !p.Deliver || p.To != "42" || p.Channel != "telegram" || p.Timeout != 600 {
		t.Errorf("the agent was asked %+v", p)
	}
	if wakes := r.requests("wake"); len(wakes) != 1 || wakes[0].wake.Text != "Weather: it i…" || wakes[0].wake.Mode != "next-heartbeat" || wakes[0].key() != p.IdempotencyKey+":post" {
		t.Errorf("the main session was told %+v", wakes)
	}
}

func TestTurnThatFails(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	r.answer(func() msg.AgentDone { return msg.AgentDone{Status: "error", Error: "no such model"} })
	def := turn(msg.CronSchedule{Kind: "at", AtMs: r.at(0)})
	def.DeleteAfterRun = true
	j := r.add(def)
	if e := r.next(j.ID, "finished"); e.Status != "error" || e.Error != "no such model" {
		t.Errorf("event %+v", e)
	}
	if j = r.job(j.ID); j.Enabled || j.State.LastStatus != "error" || j.State.LastError != "no such model" {
		t.Errorf("job %+v", j) // it stays, for it did not go well
	}
	if wakes := r.requests("wake"); len(wakes) != 1 || wakes[0].wake.Text != "Cron (error): no such model" {
		t.Errorf("the main session was told %+v", wakes)
	}
}

func TestMissedWhileTheGatewayWasOff(t *testing.T) {
	r := newRig(t)
	r.agent()
	stop := r.start(r.config())
	late := r.add(text(msg.CronSchedule{Kind: "at", AtMs: r.at(time.Hour)}))
	every := r.add(text(msg.CronSchedule{Kind: "every", EveryMs: 600_000}))
	cron := r.add(text(hourly()))
	once := r.add(text(msg.CronSchedule{Kind: "cron", Expr: "0 0 1 1 *"})) // not missed
	stop()
	r.ahead.Add((3*time.Hour + 5*time.Minute).Milliseconds())
	r.start(r.config())
	if e := r.next(late.ID, "finished"); e.Status != "ok" {
		t.Errorf("the job of kind at: %+v", e)
	}
	for _, j := range []msg.CronJob{every, cron} {
		h := r.history(j.ID)
		if len(h) != 1 || h[0].Status != "skipped" || !strings.HasPrefix(h[0].Error, "the gateway did not run then") || h[0].RunAtMs != j.State.NextRunAtMs {
			t.Errorf("%s: history %+v", j.Schedule.Kind, h)
		}
		if got := r.job(j.ID); got.State.LastStatus != "skipped" || got.State.NextRunAtMs <= r.at(0) || !got.Enabled {
			t.Errorf("%s: job %+v", j.Schedule.Kind, got)
		}
	}
	if h := r.history(every.ID); len(h) != 1 || !strings.Contains(h[0].Error, "(18 times)") {
		t.Errorf("history %+v", h)
	}
	if h := r.history(once.ID); len(h) != 0 {
		t.Errorf("history %+v", h)
	}
	if n := len(r.requests("wake")); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestSuspendAndClockAhead(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	j := r.add(text(hourly()))
	r.tick(time.UnixMilli(j.State.NextRunAtMs).Sub(r.now()) + 90*time.Second) // late, but seen in time
	if e := r.next(j.ID, "finished"); e.Status != "ok" {
		t.Errorf("event %+v", e)
	}
	r.tick(30 * time.Hour)
	if e := r.next(j.ID, "finished"); e.Status != "skipped" || !strings.Contains(e.Error, "(30 times)") {
		t.Errorf("event %+v", e)
	}
	if next := r.job(j.ID).State.NextRunAtMs; next <= r.at(0) || next > r.at(time.Hour) {
		t.Errorf("next %s at %s", rfc(next), rfc(r.at(0)))
	}
	if n := len(r.requests("wake")); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestClockBack(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	j := r.add(text(hourly()))
	at := r.add(text(msg.CronSchedule{Kind: "at", AtMs: r.at(48 * time.Hour)}))
	r.tick(time.UnixMilli(j.State.NextRunAtMs).Sub(r.now()) + time.Second)
	r.next(j.ID, "finished")
	r.tick(-time.Minute) // the due time comes again
	if next := r.job(j.ID).State.NextRunAtMs; next != j.State.NextRunAtMs+3600_000 {
		t.Errorf("next %s, %s was run", rfc(next), rfc(j.State.NextRunAtMs))
	}
	r.tick(-24 * time.Hour)
	if next := r.job(j.ID).State.NextRunAtMs; next <= r.at(0) || next > r.at(time.Hour) {
		t.Errorf("next %s at %s", rfc(next), rfc(r.at(0)))
	}
	if got := r.job(at.ID).State.NextRunAtMs; got != at.State.NextRunAtMs {
		t.Errorf("the job of kind at moved to %s", rfc(got))
	}
}

// A run that the end of the gateway cuts off is asked for again, under the same key.
func TestCutOffRun(t *testing.T) {
	r := newRig(t)
	r.agent()
	stop := r.start(r.config())
	r.answer(func() msg.AgentDone { return msg.AgentDone{Status: "timeout"} })
	j := r.add(turn(msg.CronSchedule{Kind: "at", AtMs: r.at(0)}))
	r.next(j.ID, "started")
	until(t, "the agent is asked", func() bool { return len(r.requests("agent")) == 1 })
	if got := r.job(j.ID); got.State.RunningAtMs == 0 {
		t.Errorf("job %+v", got)
	}
	stop()
	if h := len(r.requests("wake")); h != 0 {
		t.Errorf("%d wakes", h)
	}
	r.answer(nil)
	r.start(r.config())
	if e := r.next(j.ID, "finished"); e.Status != "ok" {
		t.Errorf("event %+v", e)
	}
	turns := r.requests("agent")
	if len(turns) != 2 || turns[0].key() != turns[1].key() {
		t.Errorf("turns %+v", turns)
	}
	if got := r.job(j.ID); got.Enabled || got.State.LastStatus != "ok" {
		t.Errorf("job %+v", got)
	}
}

// A turn that may still go on is taken up, one of a job that comes again and is
// older is not.
func TestCutOffRunOfRecurringJob(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.answer(func() msg.AgentDone { return msg.AgentDone{Status: "timeout"} })
	stop := r.start(r.config())
	j := r.add(turn(hourly()))
	r.must("cron.run", msg.CronRun{ID: j.ID}, nil)
	for i, away := range []time.Duration{5 * time.Minute, 6 * time.Minute} {
		until(t, "the agent is asked", func() bool { return len(r.requests("agent")) == i+1 })
		stop()
		r.ahead.Add(away.Milliseconds())
		stop = r.start(r.config())
	}
	if e := r.next(j.ID, "finished"); e.Status != "error" || e.Error != "the gateway ended while the job ran" {
		t.Errorf("event %+v", e)
	}
	if got := r.job(j.ID); !got.Enabled || got.State.NextRunAtMs == 0 || len(r.requests("agent")) != 2 {
		t.Errorf("job %+v", got)
	}
}

// After days nobody knows the key any more.
func TestCutOffRunThatIsOld(t *testing.T) {
	r := newRig(t)
	stop := r.start(r.config()) // there is no agent
	j := r.add(text(msg.CronSchedule{Kind: "at", AtMs: r.at(0)}))
	r.next(j.ID, "started")
	stop()
	r.ahead.Add((25 * time.Hour).Milliseconds())
	r.agent()
	r.start(r.config())
	if e := r.next(j.ID, "finished"); e.Status != "error" || e.Error != "the gateway ended while the job ran" {
		t.Errorf("event %+v", e)
	}
	if n := len(r.requests("wake")); n != 0 {
		t.Errorf("%d requests", n)
	}
	if j := r.job(j.ID); j.Enabled || j.State.LastStatus != "error" {
		t.Errorf("job %+v", j)
	}
}

func TestAgentThatComesLater(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	j := r.add(text(msg.CronSchedule{Kind: "at", AtMs: r.at(0)}))
	r.next(j.ID, "started")
	r.agent()
	if e := r.next(j.ID, "finished"); e.Status != "ok" {
		t.Errorf("event %+v", e)
	}
}

func TestRunsWaitForTheirTurn(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	r.answer(func() msg.AgentDone { return msg.AgentDone{Status: "timeout"} })
	first := r.add(turn(hourly()))
	second := r.add(turn(hourly()))
	r.must("cron.run", msg.CronRun{ID: first.ID}, nil)
	r.next(first.ID, "started")
	var ran msg.CronRan
	r.must("cron.run", msg.CronRun{ID: second.ID}, &ran)
	if !ran.Ran {
		t.Errorf("ran %+v", ran)
	}
	ran = msg.CronRan{}
	if r.must("cron.run", msg.CronRun{ID: first.ID}, &ran); ran.Ran || ran.Reason != "already-running" {
		t.Errorf("ran %+v", ran)
	}
	r.tick(2*time.Hour + time.Minute) // the first one's time comes twice while it runs
	if got := r.job(second.ID); got.State.RunningAtMs != 0 {
		t.Errorf("the second one runs: %+v", got)
	}
	r.answer(nil)
	if e := r.next(first.ID, "finished"); e.Status != "ok" {
		t.Errorf("event %+v", e)
	}
	if e := r.next(second.ID, "finished"); e.Status != "ok" {
		t.Errorf("event %+v", e)
	}
	h := r.history(first.ID)
	if len(h) != 2 || h[1].Status != "skipped" || !strings.HasPrefix(h[1].Error, "the run before it had not ended (") {
		t.Errorf("history %+v", h)
	}
	if got := r.job(first.ID); got.State.LastStatus != "ok" || got.State.NextRunAtMs <= r.at(0) {
		t.Errorf("job %+v", got)
	}
}

func TestStoreThatRefuses(t *testing.T) {
	r := newRig(t)
	r.agent()
	states := make(chan msg.Component, 16)
	_, err := r.nc.Subscribe("clawdbot.main.health.cron", func(m *nats.Msg) {
		var c msg.Component
		if json.Unmarshal(m.Data, &c) == nil {
			states <- c
		}
	})
	if err = errors.Join(err, r.nc.Flush()); err != nil {
		t.Fatal(err)
	}
	r.start(r.config())
	j := r.add(text(hourly()))
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.call("cron.add", text(hourly()), nil); err == nil || !strings.Contains(err.Error(), "not stored") {
		t.Errorf("a job that cannot be stored: %v", err)
	}
	if err := r.call("cron.run", msg.CronRun{ID: j.ID}, nil); err == nil {
		t.Error("a run that cannot be claimed is begun")
	}
	if _, err := r.bus.Probe("cron"); err == nil {
		t.Error("the probe does not see it")
	}
	if got := r.job(j.ID); got.State.RunningAtMs != 0 || len(r.requests("wake")) != 0 {
		t.Errorf("job %+v", got)
	}
	for late := time.After(long); ; {
		select {
		case c := <-states:
			if c.State == msg.StateFailed {
				if !strings.HasPrefix(c.Detail, "jobs cannot be stored") {
					t.Errorf("state %+v", c)
				}
				return
			}
		case <-late:
			t.Fatal("the health does not tell")
		}
	}
}

func TestRunEndsWhenTheBusDoes(t *testing.T) {
	r := newRig(t)
	s, err := New(r.config())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	r.must("cron.status", nil, nil)
	r.bus.Close()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "bus ended the connection") {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(long):
		t.Fatal("Run does not end")
	}
}

func TestNewUndoesItself(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.Version = "no version"
	if _, err := New(cfg); err == nil {
		t.Error("a bad version is accepted")
	}
	cfg = r.config()
	cfg.Dial = func() (*nats.Conn, error) { return nil, errors.New("no bus") }
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "no bus") {
		t.Errorf("without a bus: %v", err)
	}
}

// until waits for a condition that others bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(long); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestOrderOfTimes(t *testing.T) {
	for _, tt := range [][3]int64{{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {5, 3, 3}, {3, 5, 3}} {
		if got := earliest(tt[0], tt[1]); got != tt[2] {
			t.Errorf("earliest(%d, %d) = %d", tt[0], tt[1], got)
		}
	}
}
