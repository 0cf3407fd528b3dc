package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const long = 20 * time.Second

// rig is a bus with an approval component on it.
type rig struct {
	*testing.T
	bus      *bustest.Bus
	nc       *nats.Conn
	path     string
	pending  chan msg.ExecPending
	resolved chan msg.ExecResolved
	stop     func()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	b := bustest.Start(t, "main")
	r := &rig{
		T: t, bus: b, nc: b.Conn(t), path: filepath.Join(t.TempDir(), "exec-approvals.json"),
		pending: make(chan msg.ExecPending, 64), resolved: make(chan msg.ExecResolved, 64),
	}
	listen(r, "clawdbot.main.event.exec.approval.requested", r.pending)
	listen(r, "clawdbot.main.event.exec.approval.resolved", r.resolved)
	return r
}

func listen[T any](r *rig, subj string, to chan T) {
	r.Helper()
	_, err := r.nc.Subscribe(subj, func(m *nats.Msg) {
		var v T
		if json.Unmarshal(m.Data, &v) == nil {
			to <- v
		}
	})
	if err = errors.Join(err, r.nc.Flush()); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) config() Config {
	return Config{
		Subjects: r.bus.Subjects, Dial: r.bus.Dial, Version: "1.2.3", Path: r.path, Log: slog.New(slog.NewTextHandler(r.Output(), nil)),
	}
}

func (r *rig) start(cfg Config) *rig {
	r.Helper()
	s, err := New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("Run: %v", err)
		}
	})
	r.Cleanup(r.stop)
	return r
}

// call asks as a client does: by the table's rules.
func (r *rig) call(method, params string, out any) error {
	r.Helper()
	m, ok := rpc.Find(method)
	if !ok {
		r.Fatalf("no method %s in the table", method)
	}
	if err := m.Check([]byte(params)); err != nil {
		return err
	}
	return r.raw(method, json.RawMessage(params), out)
}

// raw asks as a service on the bus does.
func (r *rig) raw(method string, params, out any) error {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	subj, err := r.bus.Subjects.RPC(method)
	if err != nil {
		r.Fatal(err)
	}
	return bus.Call(ctx, r.nc, subj, params, out)
}

// reply is what a request ended with.
type reply struct {
	answer msg.ExecAnswer
	err    error
}

// ask sends a request and returns when it waits.
func (r *rig) ask(params string) (msg.ExecPending, <-chan reply) {
	r.Helper()
	done := make(chan reply, 1)
	go func() {
		var got reply
		got.err = r.call("exec.approval.request", params, &got.answer)
		done <- got
	}()
	select {
	case p := <-r.pending:
		return p, done
	case got := <-done:
		r.Fatalf("request: %+v", got)
	case <-time.After(long):
		r.Fatal("nobody is asked")
	}
	return msg.ExecPending{}, nil
}

func (r *rig) decide(id, decision string) error {
	return r.call("exec.approval.resolve", fmt.Sprintf(`{"id":%q,"decision":%q}`, id, decision), nil)
}

func (r *rig) document() msg.ExecApprovals {
	r.Helper()
	var doc msg.ExecApprovals
	if err := r.call("exec.approvals.get", `{}`, &doc); err != nil {
		r.Fatal(err)
	}
	return doc
}

func TestFirstDecisionCounts(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	p, done := r.ask(`{"id":"a1","command":"rm -r build","cwd":"/src","host":"gateway","security":"allowlist","ask":"on-miss","agentId":null,
		"resolvedPath":null,"sessionKey":null,"timeoutMs":60000}`)
	want := msg.ExecCommand{Command: "rm -r build", CWD: "/src", Host: "gateway", Security: "allowlist", Ask: "on-miss"}
	if p.ID != "a1" || p.Request != want || p.ExpiresAtMs-p.CreatedAtMs != 60000 {
		t.Errorf("pending %+v", p)
	}
	var deciders sync.WaitGroup
	errs := make(chan error, 8)
	for i := range 8 {
		deciders.Go(func() { errs <- r.decide("a1", []string{"deny", "allow-once"}[i%2]) })
	}
	deciders.Wait()
	close(errs)
	agreed := 0
	for err := range errs {
		if err == nil {
			agreed++
		} else if !strings.Contains(err.Error(), "unknown approval id: a1") {
			t.Error(err)
		}
	}
	got, told := <-done, <-r.resolved
	if agreed != 1 || got.err != nil || got.answer.Decision == nil || *got.answer.Decision != told.Decision || told.ID != "a1" {
		t.Errorf("%d agreed, reply %+v, event %+v", agreed, got, told)
	}
	if got.answer.CreatedAtMs != p.CreatedAtMs || got.answer.ExpiresAtMs != p.ExpiresAtMs {
		t.Errorf("reply %+v, event %+v", got.answer, p)
	}
}

func TestNobodyDecides(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	p, done := r.ask(`{"command":"ls","timeoutMs":1}`)
	got := <-done
	if got.err != nil || got.answer.Decision != nil || got.answer.ID != p.ID || p.ID == "" {
		t.Errorf("reply %+v", got)
	}
	if err := r.decide(p.ID, "deny"); err == nil || !strings.Contains(err.Error(), "unknown approval id") {
		t.Errorf("a late decision: %v", err)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.MaxWaiting = 2
	r.start(cfg)
	first, done := r.ask(`{"command":"one"}`)
	_, _ = r.ask(`{"command":"two"}`)
	var refused *bus.Error
	err := r.call("exec.approval.request", `{"command":"three"}`, nil)
	if !errors.As(err, &refused) || refused.Code != bus.CodeUnavailable || !refused.Retryable {
		t.Errorf("one too many: %v", err)
	}
	err = r.call("exec.approval.request", `{"command":"again","id":"`+first.ID+`"}`, nil)
	if err == nil || !strings.Contains(err.Error(), "already pending") {
		t.Errorf("an id twice: %v", err)
	}
	if err := r.decide(first.ID, "allow-once"); err != nil {
		t.Error(err)
	}
	<-done
	_, third := r.ask(`{"command":"three"}`)
	r.stop() // two still wait
	got := <-third
	if !errors.As(got.err, &refused) || !refused.Retryable || !strings.Contains(refused.Message, "the gateway stops") {
		t.Errorf("at the end: %+v", got)
	}
}

func TestAllowAlways(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	if doc := r.document(); doc.Exists || doc.Path != r.path || doc.Hash == "" || doc.File.Version != 1 {
		t.Errorf("document %+v", doc)
	}
	always := func(params string) {
		t.Helper()
		p, done := r.ask(params)
		if err := r.decide(p.ID, "allow-always"); err != nil {
			t.Fatal(err)
		}
		if got := <-done; got.answer.Decision == nil || *got.answer.Decision != "allow-always" {
			t.Errorf("reply %+v", got)
		}
	}
	always(`{"command":"git status","resolvedPath":"/usr/bin/git"}`)
	first := r.document().File.Agents["main"].Allowlist
	always(`{"command":"git log","resolvedPath":"/usr/bin/git"}`)
	always(`{"command":"make","resolvedPath":"/usr/bin/make","agentId":"ops"}`)
	always(`{"command":"echo"}`)
	always(`{"command":"node","resolvedPath":"node"}`)
	doc := r.document()
	list := doc.File.Agents["main"].Allowlist
	if len(first) != 1 || len(list) != 1 || list[0].Pattern != "/usr/bin/git" || list[0].LastUsedCommand != "git log" || list[0].ID != first[0].ID {
		t.Errorf("allowlist %+v, then %+v", first, list)
	}
	if ops := doc.File.Agents["ops"].Allowlist; len(ops) != 1 || ops[0].Pattern != "/usr/bin/make" || len(doc.File.Agents) != 2 {
		t.Errorf("document %+v", doc)
	}
	info, err := os.Stat(r.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file %v, %v", info, err)
	}
	p, done := r.ask(`{"command":"x","resolvedPath":"/tmp/*"}`)
	if err := r.decide(p.ID, "allow-always"); err == nil || !strings.Contains(err.Error(), "holds a wildcard") {
		t.Errorf("a wildcard: %v", err)
	}
	if err := r.decide(p.ID, "deny"); err != nil { // it still waits
		t.Error(err)
	}
	<-done
}

func TestSet(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	const first = `{"version":1,"socket":{"path":"/s","token":"hidden"},"defaults":{"security":"allowlist","ask":"on-miss","autoAllowSkills":true},"agents":{"main":{"ask":"always","allowlist":[{"pattern":"/bin/ls"}]}}}`
	var doc msg.ExecApprovals
	if err := r.call("exec.approvals.set", `{"file":`+first+`}`, &doc); err != nil {
		t.Fatal(err)
	}
	if !doc.Exists || doc.File.Socket.Path != "/s" || doc.File.Socket.Token != "" || doc.File.Agents["main"].Ask != "always" {
		t.Errorf("document %+v", doc)
	}
	if got := r.document(); got.Hash != doc.Hash || got.File.Socket.Token != "" {
		t.Errorf("document %+v, then %+v", doc, got)
	}
	for params, want := range map[string]string{
		`{"file":` + first + `}`:                                     "baseHash: missing",
		`{"file":` + first + `,"baseHash":"00"}`:                     "baseHash: exec approvals changed",
		`{"file":{"version":2}}`:                                     "at /file/version: ",
		`{"file":{"version":1,"defaults":{"security":"some"}}}`:      "at /file/defaults/security: must be one of",
		`{"file":{"version":1,"agents":{"main":{"allow":[]}}}}`:      "at /file/agents/main/allow: unknown key",
		`{"file":{"version":1,"agents":{"":{"ask":"always"}}}}`:      `file.agents: "" is no agent's id`,
		`{"file":{"version":1,"agents":{"m":{"allowlist":[{}]}}}}`:   "at /file/agents/m/allowlist/0/pattern: is required",
		`{"baseHash":"` + doc.Hash + `"}`:                            "at /file: is required",
		`{"file":{"version":1,"socket":{"path":"/s","mode":"777"}}}`: "unknown key",
	} {
		if err := r.call("exec.approvals.set", params, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", params, err, want)
		}
	}
	for _, bad := range []msg.ExecFile{ // a service on the bus is not checked by the table
		{}, {Version: 1, Defaults: &msg.ExecPolicy{Ask: "never"}},
		{Version: 1, Agents: map[string]msg.ExecAgent{"m": {Allowlist: make([]msg.ExecAllowed, 1)}}},
		{Version: 1, Agents: map[string]msg.ExecAgent{"m": {Allowlist: make([]msg.ExecAllowed, maxAllowed+1)}}},
	} {
		if err := r.raw("exec.approvals.set", msg.ExecSet{File: bad, BaseHash: doc.Hash}, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	var emptied msg.ExecApprovals
	if err := r.call("exec.approvals.set", `{"file":{"version":1},"baseHash":"`+doc.Hash+`"}`, &emptied); err != nil || emptied.File.Agents != nil || emptied.Hash == doc.Hash {
		t.Errorf("document %+v, %v", emptied, err)
	}
	raw, err := os.ReadFile(r.path)
	if err != nil || !strings.Contains(string(raw), `"hidden"`) {
		t.Errorf("the socket's secret is lost: %s, %v", raw, err)
	}
}

// A document that cannot be read is told of and never replaced.
func TestDocumentThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":1`:              "is not JSON of the right types",
		`{"version":"1"}`:           "is not JSON of the right types",
		`{"version":2}`:             "has the version 2",
		`{"version":1,"agents":[]}`: "is not JSON of the right types",
	} {
		r := newRig(t)
		if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		states := make(chan msg.Component, 8)
		listen(r, "clawdbot.main.health.approval", states)
		r.start(r.config())
		if c := <-states; c.State != msg.StateDegraded || !strings.Contains(c.Detail, want) {
			t.Errorf("%s: %+v", text, c)
		}
		for _, err := range []error{
			r.call("exec.approvals.get", `{}`, nil), r.call("exec.approvals.set", `{"file":{"version":1}}`, nil),
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", text, err)
			}
		}
		if _, err := r.bus.Probe("approval"); err == nil {
			t.Errorf("%s: the probe does not see it", text)
		}
		p, done := r.ask(`{"command":"ls","resolvedPath":"/bin/ls"}`)
		if err := r.decide(p.ID, "allow-always"); err == nil {
			t.Errorf("%s: it is remembered", text)
		}
		if err := r.decide(p.ID, "allow-once"); err != nil {
			t.Error(err)
		}
		<-done
		if raw, err := os.ReadFile(r.path); err != nil || string(raw) != text {
			t.Errorf("%s became %s, %v", text, raw, err)
		}
		if err := os.Remove(r.path); err != nil {
			t.Fatal(err)
		}
		if did, err := r.bus.Probe("approval"); err != nil || did.Did == "" {
			t.Errorf("when it is gone: %+v, %v", did, err)
		}
		if c := <-states; c.State != msg.StateOK {
			t.Errorf("when it is gone: %+v", c)
		}
	}
}

func TestBadRequests(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	for _, tt := range []struct{ method, params, want string }{
		{"exec.approval.request", `{}`, "at /command: is required"},
		{"exec.approval.request", `{"command":" "}`, "command: missing"},
		{"exec.approval.request", `{"command":"x","timeoutMs":0}`, "at /timeoutMs: "},
		{"exec.approval.request", `{"command":"x","timeoutMs":99999999}`, "at /timeoutMs: "},
		{"exec.approval.request", `{"command":"x","env":{}}`, "at /env: unknown key"},
		{"exec.approval.resolve", `{"id":"x","decision":"maybe"}`, "at /decision: must be one of"},
		{"exec.approval.resolve", `{"id":"x","decision":"deny"}`, "unknown approval id: x"},
		{"exec.approvals.node.get", `{}`, "at /nodeId: is required"},
		{"exec.approvals.node.set", `{"nodeId":"n"}`, "at /file: is required"},
		{"exec.approvals.node.get", `{"nodeId":"n"}`, "nobody serves"},
	} {
		if err := r.call(tt.method, tt.params, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %s", tt.method, tt.params, err, tt.want)
		}
	}
	for method, bad := range map[string]any{ // a service on the bus is not checked by the table
		"exec.approval.request": msg.ExecRequest{ExecCommand: msg.ExecCommand{Command: "x"}, TimeoutMs: -1},
		"exec.approval.resolve": msg.ExecResolve{ID: "x", Decision: "perhaps"},
	} {
		if err := r.raw(method, bad, nil); err == nil {
			t.Errorf("%s %+v is taken", method, bad)
		}
	}
	if err := r.raw("exec.approval.request", msg.ExecRequest{ExecCommand: msg.ExecCommand{Command: strings.Repeat("x", maxCommand+1)}}, nil); err == nil {
		t.Error("a long command is taken")
	}
	if err := r.raw("exec.approval.request", msg.ExecRequest{ExecCommand: msg.ExecCommand{Command: "x"}, ID: strings.Repeat("x", maxID+1)}, nil); err == nil {
		t.Error("a long id is taken")
	}
}

func TestNodes(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	var asked []msg.NodeInvoke
	var mu sync.Mutex
	nc := r.bus.Conn(t)
	svc, err := bus.Serve(bus.ServiceConfig{Name: "gateway", Version: "1.2.3", Conn: nc, Endpoints: []bus.Endpoint{{
		Name: "invoke", Subject: "clawdbot.main.rpc.node.invoke", Handle: func(_ context.Context, req *bus.Request) (any, error) {
			var p msg.NodeInvoke
			if err := req.Decode(&p); err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			if asked = append(asked, p); p.NodeID == "odd" {
				return msg.NodeInvoked{OK: true, PayloadJSON: `[]`}, nil
			}
			return msg.NodeInvoked{OK: true, PayloadJSON: `{"path":"/n","exists":true,"hash":"h","file":{"version":1,"socket":{"path":"/s","token":"hidden"}}}`}, nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := svc.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var doc msg.ExecApprovals
	if err := r.call("exec.approvals.node.get", `{"nodeId":"phone"}`, &doc); err != nil || doc.Path != "/n" || doc.Hash != "h" || doc.File.Socket.Token != "" {
		t.Errorf("document %+v, %v", doc, err)
	}
	if err := r.call("exec.approvals.node.set", `{"nodeId":"phone","file":{"version":1},"baseHash":"h"}`, &doc); err != nil {
		t.Error(err)
	}
	if err := r.call("exec.approvals.node.get", `{"nodeId":"odd"}`, nil); err == nil || !strings.Contains(err.Error(), "node odd gave no approvals") {
		t.Errorf("an odd answer: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 3 || asked[0].Command != commandGet || asked[1].Command != commandSet || asked[1].NodeID != "phone" ||
		string(asked[1].Params) != `{"file":{"version":1},"baseHash":"h"}` || asked[0].IdempotencyKey == asked[1].IdempotencyKey {
		t.Errorf("the node was asked %+v", asked)
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

func TestRunEndsWhenTheBusDoes(t *testing.T) {
	r := newRig(t)
	s, err := New(r.config())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	r.document()
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
