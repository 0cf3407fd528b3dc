package agent

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// script is a responder that does what a test says.
type script func(ctx context.Context, p Prompt, emit func(string)) (string, error)

func (s script) Respond(ctx context.Context, p Prompt, emit func(string)) (string, error) {
	return s(ctx, p, emit)
}

// gate is a responder whose answers wait until the test lets them go.
type gate struct {
	began chan Prompt
	open  chan string
}

func newGate() gate { return gate{make(chan Prompt, 100), make(chan string)} }

func (g gate) Respond(ctx context.Context, p Prompt, _ func(string)) (string, error) {
	g.began <- p
	select {
	case text := <-g.open:
		return text, nil
	case <-ctx.Done():
		return "half", ctx.Err()
	}
}

// call asks a method of the control plane.
func call[Out any](r *rig, method string, in any) (Out, error) {
	r.Helper()
	subj, err := r.bus.Subjects.RPC(method)
	if err != nil {
		r.Fatal(err)
	}
	var out Out
	return out, bus.Call(r.Context(), r.nc, subj, in, &out)
}

func must[Out any](r *rig, method string, in any) Out {
	r.Helper()
	out, err := call[Out](r, method, in)
	if err != nil {
		r.Fatalf("%s: %v", method, err)
	}
	return out
}

// refused fails unless the method refuses with the code and the words.
func (r *rig) refused(method string, in any, code, want string) {
	r.Helper()
	_, err := call[json.RawMessage](r, method, in)
	e, ok := errors.AsType[*bus.Error](err)
	if !ok || e.Code != code || !strings.Contains(e.Message, want) {
		r.Errorf("%s %+v: got %v, want %s %s", method, in, err, code, want)
	}
}

func (r *rig) chat(key, text, id string) msg.ChatSent {
	r.Helper()
	return must[msg.ChatSent](r, "chat.send", msg.ChatSend{SessionKey: key, Message: text, IdempotencyKey: id})
}

// wait waits for the end of a run.
func (r *rig) wait(id string) msg.AgentDone {
	r.Helper()
	return must[msg.AgentDone](r, "agent.wait", msg.AgentWait{RunID: id, TimeoutMs: 10_000})
}

// history is a session's messages, each as role, text and why it stopped.
func (r *rig) history(key string) []string {
	r.Helper()
	lines := []string{}
	for _, m := range must[msg.ChatHistory](r, "chat.history", msg.ChatQuery{SessionKey: key}).Messages {
		line := m.Role + ": " + textOf(m)
		if m.StopReason != "" {
			line += " (" + strings.TrimSpace(m.StopReason+" "+m.ErrorMessage) + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// events subscribes to an event of the control plane.
func (r *rig) events(name string) *nats.Subscription {
	r.Helper()
	subj, err := r.bus.Subjects.Event(name)
	if err != nil {
		r.Fatal(err)
	}
	sub, err := r.nc.SubscribeSync(subj)
	if err == nil {
		err = r.nc.Flush()
	}
	if err != nil {
		r.Fatal(err)
	}
	return sub
}

// next is the next event of the subscription.
func next[E any](r *rig, sub *nats.Subscription) (e E) {
	r.Helper()
	m, err := sub.NextMsg(10 * time.Second)
	if err == nil {
		err = json.Unmarshal(m.Data, &e)
	}
	if err != nil {
		r.Fatal(err)
	}
	return e
}

// taken is the next prompt that reaches the gate.
func (g gate) taken(t *testing.T) Prompt {
	t.Helper()
	select {
	case p := <-g.began:
		return p
	case <-time.After(10 * time.Second):
		t.Fatal("no run began in 10 s")
		return Prompt{}
	}
}
