package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

func TestChat(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	chats, acts := r.events("chat"), r.events("agent")
	if sent := r.chat("main", "/peers", "k1"); sent != (msg.ChatSent{RunID: "k1", Status: "started"}) {
		t.Errorf("got %+v", sent)
	}
	const key, answer = "agent:main:main", "main has seen no peer."
	if e := next[msg.ChatEvent](r, chats); e.RunID != "k1" || e.SessionKey != key || e.Seq != 1 || e.State != "final" || textOf(*e.Message) != answer || e.Message.Role != "assistant" {
		t.Errorf("chat event %+v", e)
	}
	for i, want := range []string{"lifecycle start  ", "assistant  " + answer + " " + answer, "lifecycle end  "} {
		e := next[msg.AgentEvent](r, acts)
		got := fmt.Sprintf("%s %s %s %s", e.Stream, e.Data.Phase, e.Data.Text, e.Data.Delta)
		if got != want || e.Seq != uint64(i+1) || e.RunID != "k1" || e.SessionKey != key || e.TS == 0 {
			t.Errorf("agent event %+v, want %s", e, want)
		}
	}
	if sent := r.chat("agent:main:main", "/peers", "k1"); sent != (msg.ChatSent{RunID: "k1", Status: "ok"}) {
		t.Errorf("again: %+v", sent)
	}
	if got := r.history("main"); !slices.Equal(got, []string{"user: /peers", "assistant: " + answer}) {
		t.Errorf("history %q", got)
	}
	h := must[msg.ChatHistory](r, "chat.history", msg.ChatQuery{SessionKey: "main", Limit: 1})
	if len(h.Messages) != 1 || !h.Truncated || h.SessionKey != key || h.SessionID == "" || h.Messages[0].RunID != "k1" || h.Messages[0].ID != "2" {
		t.Errorf("the last one: %+v", h)
	}
	if h := must[msg.ChatHistory](r, "chat.history", msg.ChatQuery{SessionKey: "nobody"}); h.SessionID != "" || h.Messages == nil || h.Truncated {
		t.Errorf("a session that is not there: %+v", h)
	}
}

func TestChatRefused(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	long := strings.Repeat("a", maxText+1)
	for want, in := range map[string]msg.ChatSend{
		"sessionKey: missing":                                     {Message: "a", IdempotencyKey: "k"},
		"sessionKey: no agent \"x\" is configured":                {SessionKey: "agent:x:main", Message: "a", IdempotencyKey: "k"},
		"sessionKey: \"agent:main\" is not agent:<agent>:<key>":   {SessionKey: "agent:main", Message: "a", IdempotencyKey: "k"},
		"sessionKey: \"a b\" holds a blank or":                    {SessionKey: "a b", Message: "a", IdempotencyKey: "k"},
		"sessionKey: 513 bytes, at most 512":                      {SessionKey: long[:513], Message: "a", IdempotencyKey: "k"},
		"idempotencyKey: missing":                                 {SessionKey: "main", Message: "a"},
		"idempotencyKey: 257 bytes, at most 256":                  {SessionKey: "main", Message: "a", IdempotencyKey: long[:257]},
		"idempotencyKey: \"in:1\" begins as the gateway's own do": {SessionKey: "main", Message: "a", IdempotencyKey: "in:1"},
		"message: missing":                                        {SessionKey: "main", Message: " \n", IdempotencyKey: "k"},
		"message: 65537 bytes, at most 65536":                     {SessionKey: "main", Message: long, IdempotencyKey: "k"},
		"attachments: each must be an object":                     {SessionKey: "main", Message: "a", IdempotencyKey: "k", Attachments: []json.RawMessage{[]byte("5")}},
		"deliver: no channel is named, and no message of":         {SessionKey: "main", Message: "a", IdempotencyKey: "k", Deliver: true},
	} {
		r.refused("chat.send", in, bus.CodeInvalidRequest, want)
	}
	r.chat("main", "/help", "k")
	r.wait("k")
	r.refused("chat.send", msg.ChatSend{SessionKey: "other", Message: "a", IdempotencyKey: "k"}, bus.CodeInvalidRequest, "was used in session agent:main:main before")
	r.refused("agent", msg.AgentRun{Message: "a", IdempotencyKey: "k"}, bus.CodeInvalidRequest, "was used for chat.send before")
	deny := "deny"
	must[msg.SessionPatched](r, "sessions.patch", msg.SessionPatch{Key: "main", SessionSettings: msg.SessionSettings{SendPolicy: &deny}})
	r.refused("chat.send", msg.ChatSend{SessionKey: "main", Message: "a", IdempotencyKey: "k2"}, bus.CodeInvalidRequest, "its sendPolicy is deny")
	r.refused("chat.inject", msg.ChatInject{SessionKey: "nobody", Message: "a"}, bus.CodeInvalidRequest, "session not found: agent:main:nobody")
	r.refused("chat.inject", msg.ChatInject{SessionKey: "main"}, bus.CodeInvalidRequest, "message: missing")
	if n := len(r.history("main")); n != 2 {
		t.Errorf("what was refused left %d messages", n)
	}
}

func TestAttachmentsAreNamed(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	must[msg.ChatSent](r, "chat.send", msg.ChatSend{SessionKey: "main", IdempotencyKey: "k", Attachments: []json.RawMessage{
		[]byte(`{"type":"image","mimeType":"image/png","fileName":"cat.png","content":"aGk="}`),
	}})
	r.wait("k")
	if got := r.history("main")[0]; got != "user: [attachment not kept: cat.png, image/png, image]" {
		t.Errorf("got %q", got)
	}
}

func TestInject(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	r.chat("main", "/peers", "k")
	r.wait("k")
	chats := r.events("chat")
	in := must[msg.ChatInjected](r, "chat.inject", msg.ChatInject{SessionKey: "main", Message: "note", Label: "ops"})
	if e := next[msg.ChatEvent](r, chats); e.State != "final" || textOf(*e.Message) != "[ops]\n\nnote" || e.Message.ID != in.MessageID || e.Seq != 1 {
		t.Errorf("got %+v", e)
	}
	if got := r.history("main"); got[2] != "assistant: [ops]\n\nnote (injected)" {
		t.Errorf("got %q", got)
	}
}

func TestAbort(t *testing.T) {
	r := newRig(t)
	g := newGate()
	r.responder = g
	r.start(Limits{})
	chats := r.events("chat")
	r.chat("main", "one", "k1")
	r.chat("main", "two", "k2")
	r.chat("other", "three", "k3")
	began := []string{g.taken(t).RunID, g.taken(t).RunID}
	slices.Sort(began)
	if !slices.Equal(began, []string{"k1", "k3"}) {
		t.Errorf("under way: %q", began)
	}
	if sent := r.chat("main", "one", "k1"); sent.Status != "in_flight" {
		t.Errorf("got %+v", sent)
	}
	r.refused("chat.abort", msg.ChatAbort{SessionKey: "other", RunID: "k1"}, bus.CodeInvalidRequest, `runId: "k1" is a run of another session`)
	if got := must[msg.ChatAborted](r, "chat.abort", msg.ChatAbort{SessionKey: "main", RunID: "nothing"}); got.Aborted || got.RunIDs == nil {
		t.Errorf("got %+v", got)
	}
	if got := must[msg.ChatAborted](r, "chat.abort", msg.ChatAbort{SessionKey: "main"}); !got.Aborted || !slices.Equal(got.RunIDs, []string{"k1", "k2"}) {
		t.Errorf("got %+v", got)
	}
	for _, want := range []string{"k1 half", "k2 "} {
		e := next[msg.ChatEvent](r, chats)
		text := ""
		if e.Message != nil {
			text = textOf(*e.Message)
		}
		if e.State != "aborted" || e.RunID+" "+text != want {
			t.Errorf("got %+v, want %s", e, want)
		}
	}
	if d := r.wait("k2"); d.Status != "error" || d.Error != "aborted" || d.StartedAt != 0 {
		t.Errorf("got %+v", d)
	}
	if sent := r.chat("main", "one", "k1"); sent.Status != "aborted" {
		t.Errorf("got %+v", sent)
	}
	if list := must[msg.SessionList](r, "sessions.list", msg.SessionQuery{Search: "MAIN:main"}); !list.Sessions[0].AbortedLastRun {
		t.Errorf("got %+v", list)
	}
	g.open <- "done"
	if d := r.wait("k3"); d.Status != "ok" || d.Result.Payloads[0].Text != "done" {
		t.Errorf("the other session's: %+v", d)
	}
}

// The command ends what runs in the chat, also from a channel.
func TestStop(t *testing.T) {
	r := newRig(t)
	began := make(chan string, 10)
	r.responder = script(func(ctx context.Context, p Prompt, _ func(string)) (string, error) {
		if isStop(p.Message) {
			return "stopped", nil
		}
		began <- p.SessionKey
		<-ctx.Done()
		return "", ctx.Err()
	})
	r.start(Limits{})
	telegram := r.connect("telegram")
	r.chat("main", "hello", "k1")
	r.mustSend("telegram", msg.In{From: "ann", Text: "hello"})
	keys := []string{<-began, <-began}
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"agent:main:main", "agent:main:telegram:ann"}) {
		t.Errorf("sessions %q", keys)
	}
	r.chat("main", "/stop", "k2")
	r.mustSend("telegram", msg.In{From: "ann", Text: "/stop@bot now"})
	if d := r.wait("k2"); d.Status != "ok" {
		t.Errorf("got %+v", d)
	}
	if out := r.receive(telegram); out.Text != "stopped" || out.InReply != 2 {
		t.Errorf("got %+v", out)
	}
	r.chat("main", "hello", "k3")
	<-began
	r.chat("main", "/stop", "k2") // the same as before: it ends nothing anew
	if got := must[msg.ChatAborted](r, "chat.abort", msg.ChatAbort{SessionKey: "main"}); !slices.Equal(got.RunIDs, []string{"k3"}) {
		t.Errorf("got %+v", got)
	}
	if d := r.wait("k3"); d.Error != "aborted" {
		t.Errorf("got %+v", d)
	}
	if got := r.history("main")[:4]; !slices.Equal(got, []string{"user: hello", "user: /stop", "assistant:  (aborted)", "assistant: stopped"}) {
		t.Errorf("history %q", got)
	}
}

func TestStreaming(t *testing.T) {
	r := newRig(t)
	r.responder = script(func(_ context.Context, _ Prompt, emit func(string)) (string, error) {
		emit("Hel")
		time.Sleep(2 * tellEvery) // as a model takes its time
		emit("lo ")
		emit("you")
		return "Hello you", nil
	})
	r.start(Limits{})
	chats, acts := r.events("chat"), r.events("agent")
	r.chat("main", "hi", "k")
	for i, want := range []string{"delta Hel", "delta Hello ", "final Hello you"} {
		if e := next[msg.ChatEvent](r, chats); e.State+" "+textOf(*e.Message) != want || e.Seq != uint64(i+1) {
			t.Errorf("got %+v, want %s", e, want)
		}
	}
	text := ""
	for e := next[msg.AgentEvent](r, acts); e.Data.Phase != "end"; e = next[msg.AgentEvent](r, acts) {
		if text += e.Data.Delta; e.Data.Text != text {
			t.Errorf("%+v after %q", e, text)
		}
	}
	if text != "Hello you" {
		t.Errorf("deltas %q", text)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	r := newRig(t)
	endless := strings.Repeat("ü<", maxAnswer)
	r.responder = script(func(_ context.Context, _ Prompt, emit func(string)) (string, error) {
		emit(endless)
		emit(endless)
		return "x" + endless, nil
	})
	r.start(Limits{})
	acts := r.events("agent")
	r.chat("main", "hi", "k")
	d := r.wait("k")
	if text := d.Result.Payloads[0].Text; len(text) > maxAnswer || !strings.HasSuffix(text, wasCut) || strings.ContainsRune(text, 0xFFFD) {
		t.Errorf("an answer of %d bytes", len(text))
	}
	for e := next[msg.AgentEvent](r, acts); e.Data.Phase != "end"; e = next[msg.AgentEvent](r, acts) {
		if len(e.Data.Text) > maxAnswer {
			t.Errorf("an event with %d bytes", len(e.Data.Text))
		}
	}
	if n := len(r.history("main")); n != 2 {
		t.Errorf("the history has %d messages", n)
	}
}

func TestFailedRun(t *testing.T) {
	r := newRig(t)
	r.responder = script(func(ctx context.Context, p Prompt, _ func(string)) (string, error) {
		if p.Message == "slow" {
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "partly", errors.New("provider is away")
	})
	r.start(Limits{})
	chats := r.events("chat")
	r.chat("main", "hi", "k1")
	if e := next[msg.ChatEvent](r, chats); e.State != "error" || e.ErrorMessage != "provider is away" || textOf(*e.Message) != "partly" {
		t.Errorf("got %+v", e)
	}
	if d := r.wait("k1"); d.Status != "error" || d.Summary != "failed" || d.Error != "provider is away" {
		t.Errorf("got %+v", d)
	}
	if sent := r.chat("main", "hi", "k1"); sent.Status != "error" || sent.Error != "provider is away" {
		t.Errorf("again: %+v", sent)
	}
	must[msg.ChatSent](r, "chat.send", msg.ChatSend{SessionKey: "main", Message: "slow", IdempotencyKey: "k2", TimeoutMs: 20})
	if d := r.wait("k2"); d.Status != "error" || d.Error != "no answer within 20ms" {
		t.Errorf("got %+v", d)
	}
	want := []string{"user: hi", "assistant: partly (error provider is away)", "user: slow", "assistant:  (error no answer within 20ms)"}
	if got := r.history("main"); !slices.Equal(got, want) {
		t.Errorf("history %q", got)
	}
	telegram := r.connect("telegram") // who wrote on a channel is told
	r.mustSend("telegram", msg.In{Text: "hi"})
	if out := r.receive(telegram); out.Text != "partly\nThis could not be answered: provider is away" {
		t.Errorf("got %+v", out)
	}
}
