package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

func TestWake(t *testing.T) {
	r := newRig(t)
	_, stop := r.start(Limits{})
	if last := must[*msg.LastHeartbeat](r, "last-heartbeat", nil); last != nil {
		t.Errorf("before the first: %+v", last)
	}
	later := func(text, id string) {
		t.Helper()
		w := must[msg.Woken](r, "wake", msg.Wake{Mode: "next-heartbeat", Text: text, IdempotencyKey: id})
		if w != (msg.Woken{OK: true}) {
			t.Errorf("got %+v", w)
		}
	}
	queued := func(want ...string) {
		t.Helper()
		if got := must[msg.AgentSummary](r, "agent.summary", nil).QueuedSystemEvents; !slices.Equal(got, want) {
			t.Errorf("queued %q, want %q", got, want)
		}
	}
	later("door opened", "")
	later("door opened", "")
	later("rain", "cron:1")
	later("sun", "")
	later("rain", "cron:1")
	queued("door opened", "rain", "sun")
	stop()

	r.start(Limits{})
	queued("door opened", "rain", "sun")
	told := r.events("heartbeat")
	w := must[msg.Woken](r, "wake", msg.Wake{Mode: "now", Text: "fire", IdempotencyKey: "cron:2"})
	d := r.wait(w.RunID)
	if d.Status != "ok" || d.Result.Payloads[0].Text != noModel+", so nothing was done about: door opened; rain; sun; fire" {
		t.Errorf("got %+v", d)
	}
	if again := must[msg.Woken](r, "wake", msg.Wake{Mode: "now", Text: "fire", IdempotencyKey: "cron:2"}); again != w {
		t.Errorf("again: %+v", again)
	}
	queued()
	got := r.history("main")
	if len(got) != 5 || got[3] != "system: fire" {
		t.Errorf("history %q", got)
	}
	last := must[*msg.LastHeartbeat](r, "last-heartbeat", nil)
	if last == nil || last.Status != "ran" || last.Reason != "wake" || !strings.HasPrefix(last.Preview, noModel) || last.TS != d.EndedAt {
		t.Fatalf("got %+v", last)
	}
	if got := next[msg.LastHeartbeat](r, told); got != *last {
		t.Errorf("the event tells %+v, want %+v", got, *last)
	}
}

func TestHeartbeatsOff(t *testing.T) {
	r := newRig(t)
	_, stop := r.start(Limits{})
	if got := must[msg.HeartbeatsSet](r, "set-heartbeats", msg.Heartbeats{}); got != (msg.HeartbeatsSet{OK: true}) {
		t.Errorf("got %+v", got)
	}
	stop()
	r.start(Limits{})
	if w := must[msg.Woken](r, "wake", msg.Wake{Mode: "now", Text: "fire"}); w.RunID != "" {
		t.Errorf("a run began: %+v", w)
	}
	sum := must[msg.AgentSummary](r, "agent.summary", nil)
	if sum.Heartbeats || !slices.Equal(sum.QueuedSystemEvents, []string{"fire"}) {
		t.Errorf("got %+v", sum)
	}
	must[msg.HeartbeatsSet](r, "set-heartbeats", msg.Heartbeats{Enabled: true})
	r.say("main", "/peers") // any run of the session takes it
	if got := r.history("main"); len(got) != 3 || got[1] != "system: fire" {
		t.Errorf("history %q", got)
	}
}

func TestWakeRefused(t *testing.T) {
	r := newRig(t)
	r.start(Limits{MaxEvents: 2})
	for want, in := range map[string]msg.Wake{
		"text: missing":                    {Mode: "now", Text: " "},
		"text: 8193 bytes, at most 8192":   {Mode: "now", Text: strings.Repeat("a", 8193)},
		"mode: must be now or":             {Mode: "soon", Text: "a"},
		"idempotencyKey: \"a b\" holds a ": {Mode: "now", Text: "a", IdempotencyKey: "a b"},
	} {
		r.refused("wake", in, bus.CodeInvalidRequest, want)
	}
	for i := range 2 {
		must[msg.Woken](r, "wake", msg.Wake{Mode: "next-heartbeat", Text: fmt.Sprint(i)})
	}
	r.refused("wake", msg.Wake{Mode: "next-heartbeat", Text: "2"}, bus.CodeUnavailable, "2 system events wait in session agent:main:main, its queue is full")
	r.wait(must[msg.Woken](r, "wake", msg.Wake{Mode: "now", Text: "2"}).RunID)
}

func TestSend(t *testing.T) {
	r := newRig(t)
	_, stop := r.start(quick)
	ask := msg.Send{To: "ann", Channel: "telegram", Message: "hello", IdempotencyKey: "k1", MediaURL: "https://example.com/a.png", SessionKey: "main"}
	first := must[msg.SendAccepted](r, "send", ask)
	if first != (msg.SendAccepted{RunID: "k1", MessageID: "1", Channel: "telegram"}) {
		t.Errorf("got %+v", first)
	}
	stop()
	r.start(quick)
	if again := must[msg.SendAccepted](r, "send", ask); again != first {
		t.Errorf("again: %+v", again)
	}
	must[msg.SendAccepted](r, "send", msg.Send{Target: "bob", Channel: "telegram", Message: "bye", IdempotencyKey: "k2"})
	telegram := r.connect("telegram")
	for i, want := range []msg.Out{{Seq: 1, To: "ann", Text: "hello\nhttps://example.com/a.png"}, {Seq: 2, To: "bob", Text: "bye"}} {
		if out := r.receive(telegram); out != want {
			t.Errorf("%d: got %+v, want %+v", i, out, want)
		}
	}
	if got := r.history("main"); !slices.Equal(got, []string{"assistant: hello\nhttps://example.com/a.png (sent)"}) {
		t.Errorf("history %q", got)
	}
	r.mustSend("telegram", msg.In{From: "ann", Text: "/peers"})
	r.receive(telegram)
	if got := must[msg.SendAccepted](r, "send", msg.Send{To: "ann", SessionKey: "telegram:ann", Message: "x", IdempotencyKey: "k3"}); got.Channel != "telegram" {
		t.Errorf("the session's channel: %+v", got)
	}
}

func TestSendRefused(t *testing.T) {
	r := newRig(t)
	limits := quick
	limits.MaxPending = 1
	r.start(limits)
	for want, in := range map[string]msg.Send{
		"idempotencyKey: missing":                {To: "a", Channel: "x", Message: "a"},
		"to: missing":                            {Channel: "x", Message: "a", IdempotencyKey: "k"},
		"to: 1025 bytes":                         {To: strings.Repeat("a", 1025), Channel: "x", Message: "a", IdempotencyKey: "k"},
		"target: is the same as to, but the two": {To: "a", Target: "b", Channel: "x", Message: "a", IdempotencyKey: "k"},
		"message: missing":                       {To: "a", Channel: "x", IdempotencyKey: "k"},
		"channel: missing; without a sessionKey": {To: "a", Message: "a", IdempotencyKey: "k"},
		`channel: "a b" is not a word`:           {To: "a", Channel: "a b", Message: "a", IdempotencyKey: "k"},
		"no message of session agent:main:main":  {To: "a", SessionKey: "main", Message: "a", IdempotencyKey: "k"},
	} {
		r.refused("send", in, bus.CodeInvalidRequest, want)
	}
	must[msg.SendAccepted](r, "send", msg.Send{To: "a", Channel: "x", Message: "a", IdempotencyKey: "k"})
	r.refused("send", msg.Send{To: "a", Channel: "x", Message: "a", IdempotencyKey: "k2"}, bus.CodeUnavailable, "1 messages of channel x wait, its queue is full")
	must[msg.SendAccepted](r, "send", msg.Send{To: "a", Channel: "x", Message: "a", IdempotencyKey: "k"}) // again
	r.refused("chat.send", msg.ChatSend{SessionKey: "main", Message: "a", IdempotencyKey: "k"}, bus.CodeInvalidRequest, "was used for send before")
	r.refused("channels.logout", msg.ChannelLogout{Channel: "telegram"}, bus.CodeInvalidRequest, `channel: "telegram" is not built in`)
}
