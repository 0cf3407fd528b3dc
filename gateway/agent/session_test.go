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
	"clawdbot/profile/store"
)

// say has the commands answer in a session.
func (r *rig) say(key, text string) {
	r.Helper()
	id := fmt.Sprintf("say-%s-%d", key, time.Now().UnixNano())
	r.chat(key, text, id)
	r.wait(id)
}

func (r *rig) keys(q msg.SessionQuery) []string {
	r.Helper()
	keys := []string{}
	for _, s := range must[msg.SessionList](r, "sessions.list", q).Sessions {
		keys = append(keys, strings.TrimPrefix(s.Key, "agent:main:"))
	}
	return keys
}

func TestSessionsList(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{})
	r.connect("telegram")
	r.say("main", "/peers")
	r.mustSend("telegram", msg.In{ID: "1", From: "ann", Thread: "9", Text: "hello   there\nyou"})
	r.wait("in:1")
	r.say("x:group:7", "/peers")
	label, by := "Job", "agent:main:main"
	must[msg.SessionPatched](r, "sessions.patch", msg.SessionPatch{Key: "main", SessionSettings: msg.SessionSettings{Label: &label, SpawnedBy: &by}})
	old := newSession(time.Now().Add(-time.Hour).UnixMilli())
	if err := a.sessions.Put("agent:gone:main", old); err != nil {
		t.Fatal(err)
	}
	for want, q := range map[string]msg.SessionQuery{
		"main x:group:7 telegram:ann agent:gone:main": {},
		"main x:group:7":               {Limit: 2},
		"main x:group:7 telegram:ann ": {ActiveMinutes: 5},
		"telegram:ann":                 {Search: "ANN"},
		"main":                         {Search: "job"},
		"main ":                        {Label: "Job"},
		" main":                        {SpawnedBy: "agent:main:main"},
		"agent:gone:main":              {AgentID: "gone"},
	} {
		if got := r.keys(q); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%+v: got %q, want %q", q, got, want)
		}
	}
	list := must[msg.SessionList](r, "sessions.list", msg.SessionQuery{Search: "ann", IncludeDerivedTitles: true, IncludeLastMessage: true})
	s := list.Sessions[0]
	if list.Count != 1 || s.Kind != "direct" || s.Channel != "telegram" || s.LastTo != "ann" || s.LastThreadID != "9" || s.Messages != 2 ||
		s.DerivedTitle != "hello there you" || !strings.HasPrefix(s.LastMessagePreview, "No model is configured") || !strings.HasSuffix(s.LastMessagePreview, "…") {
		t.Errorf("got %+v", s)
	}
	if s := must[msg.SessionList](r, "sessions.list", msg.SessionQuery{Search: "group"}).Sessions[0]; s.Kind != "group" {
		t.Errorf("got %+v", s)
	}
	sum := must[msg.AgentSummary](r, "agent.summary", nil)
	if sum.DefaultID != "main" || len(sum.Agents) != 1 || sum.Agents[0].Count != 3 || sum.Agents[0].Recent[0].Key != "agent:main:main" || !sum.Heartbeats || sum.QueuedSystemEvents == nil {
		t.Errorf("summary %+v", sum)
	}
}

func TestSessionsPreview(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	r.say("main", "/peers")
	got := must[msg.SessionPreviews](r, "sessions.preview", msg.SessionPreview{Keys: []string{"main", "nobody"}, Limit: 1, MaxChars: 20})
	if p := got.Previews[0]; p.Key != "main" || p.Status != "ok" || len(p.Items) != 1 || p.Items[0] != (msg.PreviewItem{Role: "assistant", Text: "main has seen no pee…"[:19] + "…"}) {
		t.Errorf("got %+v", p)
	}
	if p := got.Previews[1]; p.Status != "missing" || p.Items == nil {
		t.Errorf("got %+v", p)
	}
	r.refused("sessions.preview", msg.SessionPreview{Keys: []string{"a b"}}, bus.CodeInvalidRequest, "keys: ")
	r.refused("sessions.preview", msg.SessionPreview{Keys: make([]string, 65)}, bus.CodeInvalidRequest, "at most 64 keys")
}

func TestSessionsPatch(t *testing.T) {
	r := newRig(t)
	_, stop := r.start(Limits{})
	patch := func(body string) msg.SessionPatched {
		t.Helper()
		return must[msg.SessionPatched](r, "sessions.patch", json.RawMessage(body))
	}
	got := patch(`{"key":"main","thinkingLevel":"high","label":"Job"}`)
	if !got.OK || got.Key != "agent:main:main" || value(got.Entry.ThinkingLevel) != "high" || got.Entry.SessionID == "" {
		t.Errorf("got %+v", got)
	}
	id := got.Entry.SessionID
	got = patch(`{"key":"main","thinkingLevel":null,"model":"a/b"}`)
	if got.Entry.ThinkingLevel != nil || value(got.Entry.Label) != "Job" || value(got.Entry.Model) != "a/b" || got.Entry.SessionID != id {
		t.Errorf("got %+v", got)
	}
	for want, body := range map[string]string{
		"label: session agent:main:main has \"Job\" already": `{"key":"other","label":"Job"}`,
		"model: must have from 1 to 512 bytes":               `{"key":"main","model":""}`,
		"key: missing":                                       `{}`,
		"key: must be a string":                              `{"key":5}`,
		"must be a string, not number":                       `{"key":"main","model":5}`,
	} {
		r.refused("sessions.patch", json.RawMessage(body), bus.CodeInvalidRequest, want)
	}
	stop()
	r.start(Limits{})
	if got := patch(`{"key":"main"}`); value(got.Entry.Model) != "a/b" {
		t.Errorf("after a restart: %+v", got)
	}
}

func TestSessionsResolve(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	r.say("main", "/peers")
	label := "Job"
	is := must[msg.SessionPatched](r, "sessions.patch", msg.SessionPatch{Key: "x", SessionSettings: msg.SessionSettings{Label: &label}})
	for want, in := range map[string]msg.SessionResolve{
		"agent:main:main": {Key: "main"},
		"agent:main:x":    {Label: "Job", AgentID: "main"},
	} {
		if got := must[msg.SessionResolved](r, "sessions.resolve", in); got.Key != want {
			t.Errorf("%+v: got %s", in, got.Key)
		}
	}
	if got := must[msg.SessionResolved](r, "sessions.resolve", msg.SessionResolve{SessionID: is.Entry.SessionID}); got.Key != "agent:main:x" {
		t.Errorf("got %s", got.Key)
	}
	for want, in := range map[string]msg.SessionResolve{
		"takes exactly one of key, sessionId and label": {},
		"takes exactly one of":                          {Key: "main", Label: "Job"},
		"session not found: agent:main:y":               {Key: "y"},
		"session not found: Job":                        {Label: "Job", SpawnedBy: "z"},
	} {
		r.refused("sessions.resolve", in, bus.CodeInvalidRequest, want)
	}
}

func TestResetDeleteCompact(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{})
	r.say("main", "/peers")
	r.say("main", "/help")
	model := "a/b"
	before := must[msg.SessionPatched](r, "sessions.patch", msg.SessionPatch{Key: "main", SessionSettings: msg.SessionSettings{Model: &model}}).Entry
	c := must[msg.SessionCompacted](r, "sessions.compact", msg.SessionCompact{Key: "main", MaxLines: 3})
	if !c.Compacted || c.Kept != 3 || c.Removed != 1 || len(r.history("main")) != 3 {
		t.Errorf("got %+v", c)
	}
	if c := must[msg.SessionCompacted](r, "sessions.compact", msg.SessionCompact{Key: "main"}); c.Compacted || c.Kept != 3 {
		t.Errorf("got %+v", c)
	}
	after := must[msg.SessionReset](r, "sessions.reset", msg.SessionKey{Key: "main"}).Entry
	if after.SessionID == before.SessionID || value(after.Model) != "a/b" || len(r.history("main")) != 0 {
		t.Errorf("got %+v", after)
	}
	r.say("other", "/peers")
	no := false
	r.refused("sessions.delete", msg.SessionDelete{Key: "main"}, bus.CodeInvalidRequest, "cannot delete the main session (agent:main:main)")
	r.refused("sessions.delete", msg.SessionDelete{Key: "other", DeleteTranscript: &no}, bus.CodeInvalidRequest, "deleteTranscript: false is not offered")
	r.refused("sessions.compact", msg.SessionCompact{Key: "nobody"}, bus.CodeInvalidRequest, "session not found")
	for _, want := range []bool{true, false} {
		if d := must[msg.SessionDeleted](r, "sessions.delete", msg.SessionDelete{Key: "other"}); d.Deleted != want || d.Archived == nil {
			t.Errorf("got %+v", d)
		}
	}
	for e, err := range a.messages.All() {
		t.Errorf("left: %+v, %v", e, err)
	}
}

// A session that is reset or deleted loses its runs first.
func TestResetWhileItRuns(t *testing.T) {
	r := newRig(t)
	g := newGate()
	r.responder = g
	r.start(Limits{})
	for _, method := range []string{"sessions.reset", "sessions.delete"} {
		r.chat("x", "hello", method)
		g.taken(t)
		must[json.RawMessage](r, method, msg.SessionKey{Key: "x"})
		if d := r.wait(method); d.Error != "aborted" {
			t.Errorf("got %+v", d)
		}
		if got := r.history("x"); len(got) != 0 {
			t.Errorf("after %s: %q", method, got)
		}
	}
}

func TestTranscriptsAreBounded(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{MaxMessages: 5, MaxBytes: 200})
	for range 4 {
		r.say("many", "/peers")
	}
	if got := r.history("many"); len(got) != 5 || got[0] != "assistant: main has seen no peer." {
		t.Errorf("got %q", got)
	}
	r.say("long", "/peers "+strings.Repeat("x", 300))
	if got := r.history("long"); !slices.Equal(got, []string{"assistant: main has seen no peer."}) {
		t.Errorf("got %q", got)
	}
	for e, err := range a.sessions.All() {
		if err != nil || e.Value.Bytes < 0 || e.Value.Bytes > 200 {
			t.Errorf("%+v, %v", e, err)
		}
	}
	n := 0
	for _, err := range a.messages.All() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 6 {
		t.Errorf("%d messages are stored", n)
	}
}

// A history that does not fit in one reply is told in part.
func TestHistoryFitsTheBus(t *testing.T) {
	r := newRig(t)
	r.responder = script(nil)
	a, _ := r.start(Limits{})
	s := newSession(1)
	for i := range 40 {
		err := a.store.Update(func(tx *store.Tx) error {
			return a.put(tx, "agent:main:big", &s, message("user", fmt.Sprintf("%02d", i)+strings.Repeat("<", 60_000), 1))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h := must[msg.ChatHistory](r, "chat.history", msg.ChatQuery{SessionKey: "big"})
	if n := len(h.Messages); n == 0 || n == 40 || !h.Truncated || !strings.HasPrefix(textOf(h.Messages[n-1]), "39") {
		t.Errorf("%d messages, truncated %v", n, h.Truncated)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	r := newRig(t)
	g := newGate()
	r.responder = script(func(ctx context.Context, p Prompt, emit func(string)) (string, error) {
		if p.Message == "wait" {
			return g.Respond(ctx, p, emit)
		}
		return "ok", nil
	})
	r.start(Limits{MaxSessions: 3})
	r.say("main", "first")
	r.chat("s0", "wait", "k")
	g.taken(t)
	for i := range 6 {
		r.say(fmt.Sprintf("s%d", i+1), "hello")
	}
	r.eventually("the oldest are gone", func() bool {
		keys := r.keys(msg.SessionQuery{})
		return slices.Equal(keys, []string{"s6", "s0", "main"})
	})
	g.open <- "done"
	r.wait("k")
}

func TestKeys(t *testing.T) {
	for from, want := range map[string]string{
		"":       "agent:main:sms",
		"+4312":  "agent:main:sms:+4312",
		"a\nb":   "agent:main:sms:sha256-1a52f0e4b1eb5a4d0b2f4cbb4e3d5f5d",
		"\xff":   "agent:main:sms:sha256-a8100ae6aa1940d0b663bb31cd466142",
		"Ann:#1": "agent:main:sms:Ann:#1",
	} {
		got := chatKey("main", "sms", from)
		if strings.Contains(want, "sha256") {
			got, want = got[:22], want[:22]
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", from, got, want)
		}
	}
	if a, b := chatKey("main", "sms", "a b"), chatKey("main", "sms", "a c"); a == b || len(a) != len("agent:main:sms:sha256-")+32 {
		t.Errorf("got %s and %s", a, b)
	}
}

// A store that takes no writes refuses, with the reason.
func TestNothingIsTakenByAClosedStore(t *testing.T) {
	r := newRig(t)
	a, stop := r.start(Limits{})
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	r.refused("chat.send", msg.ChatSend{SessionKey: "main", Message: "a", IdempotencyKey: "k"}, bus.CodeUnavailable, "run not stored: store: closed")
	r.refused("wake", msg.Wake{Mode: "next-heartbeat", Text: "a"}, bus.CodeUnavailable, "store: closed")
	r.refused("send", msg.Send{Channel: "x", To: "y", Message: "a", IdempotencyKey: "k"}, bus.CodeUnavailable, "message not stored: store: closed")
	r.refused("sessions.list", nil, bus.CodeUnavailable, "store: closed")
	if _, _, err := a.submit(&run{ID: "k", SessionKey: "agent:main:main", Ask: ask{Message: "a"}}, nil); err == nil || a.busy("agent:main:main") {
		t.Errorf("a run is left: %v", err)
	}
	stop()
	if _, err := a.heartbeatState(); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

// Whatever bytes come as a session key, it is refused or is a key of the store.
func FuzzSessionKey(f *testing.F) {
	for _, seed := range []string{"main", "agent:main:main", "agent::", "agent:main:", "a b", "\x00", "agent:x:y", "telegram:ann"} {
		f.Add(seed)
	}
	a := &Agent{}
	f.Fuzz(func(t *testing.T, sent string) {
		key, err := a.sessionKey("key", sent)
		if err != nil {
			if _, ok := errors.AsType[*bus.Error](err); !ok {
				t.Errorf("%v has no code", err)
			}
			return
		}
		if again, err := a.sessionKey("key", key); len(key) <= maxKey && (err != nil || again != key) {
			t.Errorf("%q gave %q, which gives %q, %v", sent, key, again, err)
		}
	})
}
