package hooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/gateway/hooks"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
)

const (
	token        = "the-token-of-webhooks"
	gatewayToken = "the-token-of-the-gateway"
)

// fixture is webhooks before an agent of the contract's shapes on a real bus.
type fixture struct {
	t   *testing.T
	url string
	log bytes.Buffer

	mu    sync.Mutex
	runs  []msg.AgentRun
	wakes []msg.Wake
	fail  error // what the agent answers
}

func settings() config.Hooks {
	h := config.Default().Hooks
	h.Enabled, h.Token = true, token
	return h
}

func start(t *testing.T, cfg config.Hooks) *fixture {
	t.Helper()
	b := bustest.Start(t, "main")
	f := &fixture{t: t}
	f.serveAgent(b)
	h, err := hooks.New(hooks.Config{
		Settings: cfg, Gateway: gatewayGate(t), Known: func(*http.Request) {}, Subjects: b.Subjects, Conn: b.Conn(t), Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		srv.Close()
		if strings.Contains(f.log.String(), token) {
			t.Error("the token is in the log")
		}
	})
	f.url = srv.URL
	return f
}

// gatewayGate trusts a proxy on this host.
func gatewayGate(t *testing.T) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Config{Token: gatewayToken, TrustedProxies: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (f *fixture) serveAgent(b *bustest.Bus) {
	f.t.Helper()
	var endpoints []bus.Endpoint
	for method, handle := range map[string]bus.Handler{"agent": f.agent, "wake": f.wake} {
		subj, err := b.Subjects.RPC(method)
		if err != nil {
			f.t.Fatal(err)
		}
		endpoints = append(endpoints, bus.Endpoint{Name: method, Subject: subj, Handle: handle})
	}
	svc, err := bus.Serve(bus.ServiceConfig{Name: "agent", Version: "1.0.0", Conn: b.Conn(f.t), Endpoints: endpoints})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = svc.Stop() })
}

func (f *fixture) agent(_ context.Context, r *bus.Request) (any, error) {
	var run msg.AgentRun
	if err := r.Decode(&run); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs = append(f.runs, run)
	return msg.AgentAccepted{RunID: run.IdempotencyKey, Status: "accepted"}, f.fail
}

func (f *fixture) wake(_ context.Context, r *bus.Request) (any, error) {
	var w msg.Wake
	if err := r.Decode(&w); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wakes = append(f.wakes, w)
	return msg.Woken{OK: true}, f.fail
}

// last returns the run that was asked for last.
func (f *fixture) last() msg.AgentRun {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.runs) == 0 {
		f.t.Fatal("no run was asked for")
	}
	return f.runs[len(f.runs)-1]
}

// post sends a body with the right token unless a header says otherwise.
func (f *fixture) post(path, body string, header ...string) (*http.Response, map[string]any) {
	f.t.Helper()
	r, err := http.NewRequest(http.MethodPost, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		f.t.Fatalf("%s answered %s: %s", path, resp.Status, text)
	}
	return resp, answer
}

func TestNewRefusesASharedToken(t *testing.T) {
	b := bustest.Start(t, "main")
	cfg := hooks.Config{Gateway: gatewayGate(t), Subjects: b.Subjects, Conn: b.Conn(t), Log: slog.New(slog.DiscardHandler)}
	cfg.Settings = settings()
	cfg.Settings.Token = gatewayToken
	if _, err := hooks.New(cfg); !errors.Is(err, hooks.ErrShared) || strings.Contains(err.Error(), gatewayToken) {
		t.Errorf("the gateway's token: %v", err)
	}
	cfg.Settings.Token = ""
	if _, err := hooks.New(cfg); err == nil || !strings.Contains(err.Error(), "hooks.token") {
		t.Errorf("no token: %v", err)
	}
}

func TestWake(t *testing.T) {
	f := start(t, settings())
	resp, answer := f.post("/hooks/wake", `{"text": "look", "mode": "next-heartbeat"}`)
	if resp.StatusCode != 200 || answer["ok"] != true || answer["mode"] != "next-heartbeat" {
		t.Fatalf("%s %v", resp.Status, answer)
	}
	if f.wakes[0].Text != "look" || f.wakes[0].Mode != "next-heartbeat" {
		t.Errorf("%+v", f.wakes)
	}
	if _, answer = f.post("/hooks/wake", `{"text": "now then"}`); answer["mode"] != "now" {
		t.Errorf("%v", answer)
	}
}

func TestAgent(t *testing.T) {
	f := start(t, settings())
	resp, answer := f.post("/hooks/agent", `{"message": "do it", "name": "CI", "sessionKey": "hook:ci", "channel": "telegram", "to": "5",
		"model": "m/x", "thinking": "low", "timeoutSeconds": 60, "wakeMode": "now", "somethingElse": 1}`, "Idempotency-Key", "same")
	if resp.StatusCode != 202 || answer["ok"] != true || answer["runId"] != "hook:same" {
		t.Fatalf("%s %v", resp.Status, answer)
	}
	got := f.last()
	if !strings.Contains(got.ExtraSystemPrompt, `webhook "CI"`) {
		t.Errorf("the origin is not told: %q", got.ExtraSystemPrompt)
	}
	got.ExtraSystemPrompt = ""
	want := msg.AgentRun{
		Message: "do it", IdempotencyKey: "hook:same", SessionKey: "hook:ci", Channel: "telegram", To: "5", Model: "m/x", Thinking: "low", Timeout: 60,
		Deliver: true, BestEffortDeliver: true,
	}
	if a, b := encode(t, got), encode(t, want); a != b {
		t.Errorf("got  %s\nwant %s", a, b)
	}
	f.post("/hooks/agent", `{"message": "quietly", "deliver": false}`)
	first := f.last()
	f.post("/hooks/agent", `{"message": "quietly", "deliver": false}`)
	if second := f.last(); first.Deliver || first.SessionKey == "" || first.SessionKey == second.SessionKey || first.IdempotencyKey == second.IdempotencyKey {
		t.Errorf("two webhooks share something: %+v %+v", first, second)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMappings(t *testing.T) {
	cfg := settings()
	cfg.Presets = []string{"gmail"}
	no := false
	cfg.Mappings = []config.HookMapping{
		{Match: config.HookMatch{Path: "git/push", Source: "other"}, MessageTemplate: "other"},
		{
			ID: "push", Match: config.HookMatch{Path: "/git/push/"}, Name: "Git", SessionKey: "hook:git:{{repo.id}}", To: "{{ query.to }}", Channel: "telegram", Deliver: &no,
			MessageTemplate: "{{headers.x-event}} by {{commits[1].author.name}} on {{payload.repo.name}}: {{commits[0]}} {{none.at[3].all}}{{headers.authorization}}{{query.api_key}} {{path}}",
		},
		{Match: config.HookMatch{Source: "alarm"}, Action: "wake", WakeMode: "next-heartbeat", TextTemplate: "alarm {{n}}"},
	}
	f := start(t, cfg)
	resp, answer := f.post("/hooks/git/push?to=me&api_key=secret", `{"repo": {"id": 12345678901234567890, "name": "clawd"},
		"commits": [{"id": "<1>"}, {"author": {"name": "Ann"}}]}`, "X-Event", "push")
	if resp.StatusCode != 202 {
		t.Fatalf("%s %v", resp.Status, answer)
	}
	got := f.last()
	if want := `push by Ann on clawd: {"id":"<1>"}  git/push`; got.Message != want {
		t.Errorf("got  %q\nwant %q", got.Message, want)
	}
	if got.SessionKey != "hook:git:12345678901234567890" || got.To != "me" || got.Deliver {
		t.Errorf("%+v", got)
	}
	if f.post("/hooks/git/push", `{"source": "other"}`); f.last().Message != "other" {
		t.Errorf("the source does not choose: %+v", f.last())
	}
	if resp, answer = f.post("/hooks/anything", `{"source": "alarm", "n": 3}`); resp.StatusCode != 200 || f.wakes[0].Text != "alarm 3" || answer["mode"] != "next-heartbeat" {
		t.Errorf("%s %v %+v", resp.Status, answer, f.wakes)
	}
	f.post("/hooks/gmail", `{"messages": [{"id": "m1", "from": "Bo", "subject": "Hi", "snippet": "s", "body": "b"}]}`)
	if got := f.last(); got.SessionKey != "hook:gmail:m1" || got.Message != "New email from Bo\nSubject: Hi\ns\nb" {
		t.Errorf("%+v", got)
	}
}

func TestRefusals(t *testing.T) {
	cfg := settings()
	cfg.Mappings = []config.HookMapping{{ID: "quiet", Match: config.HookMatch{Path: "quiet"}, MessageTemplate: "{{missing}}"}}
	f := start(t, cfg)
	long := `{"message": "` + strings.Repeat("x", 257<<10) + `"}`
	for _, c := range []struct {
		path, body string
		header     []string
		status     int
		says       string
	}{
		{"/hooks/wake", `{"text": "x"}`, []string{"Authorization", ""}, 401, "Authorization: Bearer"},
		{"/hooks/wake?token=" + token, `{"text": "x"}`, []string{"Authorization", ""}, 401, "URL"},
		{"/hooks/wake", `{"text": "x"}`, []string{"Authorization", "Bearer " + gatewayToken}, 401, "wrong token"},
		{"/hooks/wake", `{"text": "x"}`, []string{"Authorization", "", "X-Clawdbot-Token", "no"}, 401, "wrong token"},
		{"/hooks/wake", `{"text": "x"}`, []string{"Authorization", "", "X-Clawdbot-Token", token}, 200, ""},
		{"/hooks/wake", `text=x`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "send JSON"},
		{"/hooks/wake", `{"text"`, nil, 400, "not JSON at byte"},
		{"/hooks/wake", `{"text": 5}`, nil, 400, "at /text: must be a string"},
		{"/hooks/wake", `{"text": " "}`, nil, 400, "at /text: must be a string that is not empty"},
		{"/hooks/wake", `{"text": "x", "mode": "later"}`, nil, 400, "at /mode: must be now or next-heartbeat"},
		{"/hooks/wake", `{"text": "x", "text": "y"}`, nil, 400, "at /text: repeated key"},
		{"/hooks/wake", `[]`, nil, 400, "must be an object"},
		{"/hooks/wake", `{"text": "` + strings.Repeat("x", 9<<10) + `"}`, nil, 400, "/text"},
		{"/hooks/agent", `{}`, nil, 400, "at /message"},
		{"/hooks/agent", `{"message": "x", "timeoutSeconds": -1}`, nil, 400, "/timeout"},
		{"/hooks/agent", `{"message": "x", "wakeMode": "x"}`, nil, 400, "at /wakeMode"},
		{"/hooks/agent", long, nil, 413, "longer than 262144 bytes"},
		{"/hooks/agent", `{"message": "x"}`, []string{"Idempotency-Key", strings.Repeat("k", 201)}, 400, "Idempotency-Key"},
		{"/hooks", `{}`, nil, 404, "wake, agent"},
		{"/hooks/nosuch", `{}`, nil, 404, `no webhook "nosuch"`},
		{"/hooks/quiet", `{}`, nil, 400, `"quiet" makes an empty message`},
	} {
		resp, answer := f.post(c.path, c.body, c.header...)
		said, _ := answer["error"].(string)
		if resp.StatusCode != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s %.40s: got %s %q, want %d %q", c.path, c.body, resp.Status, said, c.status, c.says)
		}
	}
	f.log.Reset()
	resp, err := http.Get(f.url + "/hooks/wake")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %s, Allow %q", resp.Status, resp.Header.Get("Allow"))
	}
	if f.log.Len() > 0 {
		t.Errorf("strangers write the log: %s", &f.log)
	}
}

func TestTheBusFails(t *testing.T) {
	f := start(t, settings())
	for _, c := range []struct {
		err    error
		status int
		retry  string
	}{
		{&bus.Error{Code: bus.CodeUnavailable, Message: "busy", Retryable: true, RetryAfterMs: 1500}, 503, "2"},
		{bus.Errorf(bus.CodeInvalidRequest, "no such session"), 400, ""},
		{bus.Errorf(bus.CodeUnavailable, "the store is full"), 503, ""},
	} {
		f.mu.Lock()
		f.fail = c.err
		f.mu.Unlock()
		resp, answer := f.post("/hooks/agent", `{"message": "x"}`)
		if resp.StatusCode != c.status || resp.Header.Get("Retry-After") != c.retry || answer["ok"] != false || answer["error"] != c.err.Error() {
			t.Errorf("%v: %s, Retry-After %q, %v", c.err, resp.Status, resp.Header.Get("Retry-After"), answer)
		}
	}
}

// TestLockOut guesses from behind a proxy, which loopback does not excuse.
func TestLockOut(t *testing.T) {
	f := start(t, settings())
	behind := []string{"X-Forwarded-For", "192.0.2.7", "Authorization", "Bearer guess"}
	for range 10 {
		if resp, _ := f.post("/hooks/wake", `{"text": "x"}`, behind...); resp.StatusCode != 401 {
			t.Fatal(resp.Status)
		}
	}
	if resp, _ := f.post("/hooks/wake", `{"text": "x"}`, behind...); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("after ten guesses: %s", resp.Status)
	}
	for owner, header := range map[string][]string{
		"on loopback": nil, "behind the same proxy": {"X-Forwarded-For", "192.0.2.8"},
	} {
		if resp, _ := f.post("/hooks/wake", `{"text": "x"}`, header...); resp.StatusCode != 200 {
			t.Errorf("the owner %s: %s", owner, resp.Status)
		}
	}
}
