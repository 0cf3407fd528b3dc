package openai_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/gateway/openai"
	"clawdbot/profile/config"
)

// agent speaks the contract of the agent's methods on a real bus. Its runs do
// what the test says.
type agent struct {
	t   *testing.T
	bus *bustest.Bus
	nc  *nats.Conn

	do func(a *agent, run msg.AgentRun) msg.AgentDone // on its own goroutine

	mu      sync.Mutex
	asked   []msg.AgentRun
	refuse  error
	endings map[string]chan msg.AgentDone
	aborted chan msg.ChatAbort
	running sync.WaitGroup
}

// echo says the message in two pieces.
func echo(a *agent, run msg.AgentRun) msg.AgentDone {
	a.says(run, "You said: ")
	a.says(run, "You said: "+run.Message)
	return done("You said: " + run.Message)
}

func done(texts ...string) msg.AgentDone {
	d := msg.AgentDone{Status: "ok", Result: &msg.AgentResult{}}
	for _, text := range texts {
		d.Result.Payloads = append(d.Result.Payloads, msg.AgentPayload{Text: text})
	}
	return d
}

// says publishes what a run has said so far.
func (a *agent) says(run msg.AgentRun, text string) {
	a.publish(msg.AgentEvent{RunID: run.IdempotencyKey, Stream: "assistant", Data: msg.AgentEventData{Text: text}})
}

func (a *agent) publish(e msg.AgentEvent) {
	subj, err := a.bus.Subjects.Event("agent")
	body, encodeErr := json.Marshal(e)
	if err != nil || encodeErr != nil {
		a.t.Error(err, encodeErr)
	}
	if err := a.nc.Publish(subj, body); err != nil {
		a.t.Error(err)
	}
}

// last is the run that was asked for last.
func (a *agent) last() msg.AgentRun {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) == 0 {
		a.t.Fatal("no run was asked for")
	}
	return a.asked[len(a.asked)-1]
}

func (a *agent) serve() {
	var endpoints []bus.Endpoint
	for method, handle := range map[string]bus.Handler{
		"agent": a.run, "agent.wait": a.wait, "chat.abort": a.abort,
		"agents.list": func(context.Context, *bus.Request) (any, error) {
			return msg.AgentList{DefaultID: "main", Agents: []msg.AgentRow{{ID: "main"}, {ID: "coder"}}}, nil
		},
	} {
		subj, err := a.bus.Subjects.RPC(method)
		if err != nil {
			a.t.Fatal(err)
		}
		endpoints = append(endpoints, bus.Endpoint{Name: strings.ReplaceAll(method, ".", "-"), Subject: subj, Handle: handle})
	}
	svc, err := bus.Serve(bus.ServiceConfig{Name: "agent", Version: "1.0.0", Conn: a.nc, Endpoints: endpoints})
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		_ = svc.Stop()
		a.running.Wait()
	})
}

func (a *agent) run(_ context.Context, r *bus.Request) (any, error) {
	var run msg.AgentRun
	if err := r.Decode(&run); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != nil {
		return nil, a.refuse
	}
	a.asked = append(a.asked, run)
	ending := make(chan msg.AgentDone, 1)
	a.endings[run.IdempotencyKey] = ending
	a.running.Go(func() { ending <- a.do(a, run) })
	return msg.AgentAccepted{RunID: run.IdempotencyKey, Status: "accepted"}, nil
}

func (a *agent) wait(ctx context.Context, r *bus.Request) (any, error) {
	var w msg.AgentWait
	if err := r.Decode(&w); err != nil {
		return nil, err
	}
	a.mu.Lock()
	ending := a.endings[w.RunID]
	a.mu.Unlock()
	select {
	case d := <-ending:
		return d, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *agent) abort(_ context.Context, r *bus.Request) (any, error) {
	var c msg.ChatAbort
	err := r.Decode(&c)
	a.aborted <- c
	return msg.ChatAborted{OK: true}, err
}

// fixture is the endpoints before that agent.
type fixture struct {
	t     *testing.T
	agent *agent
	url   string
	log   *bytes.Buffer
}

func start(t *testing.T, do func(*agent, msg.AgentRun) msg.AgentDone) *fixture {
	t.Helper()
	return startWith(t, do, config.HTTPEndpoints{ChatCompletions: config.HTTPEndpoint{Enabled: true}, Responses: config.HTTPEndpoint{Enabled: true}})
}

func startWith(t *testing.T, do func(*agent, msg.AgentRun) msg.AgentDone, on config.HTTPEndpoints) *fixture {
	t.Helper()
	b := bustest.Start(t, "main")
	a := &agent{t: t, bus: b, nc: b.Conn(t), do: do, endings: map[string]chan msg.AgentDone{}, aborted: make(chan msg.ChatAbort, 8)}
	a.serve()
	f := &fixture{t: t, agent: a, log: &bytes.Buffer{}}
	s := openai.New(openai.Config{Endpoints: on, Subjects: b.Subjects, Conn: b.Conn(t), Log: slog.New(slog.NewTextHandler(f.log, nil))})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.Chat)
	mux.HandleFunc("POST /v1/responses", s.Responses)
	mux.HandleFunc("GET /v1/models", s.Models)
	mux.HandleFunc("GET /v1/models/{id}", s.Model)
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ReadTimeout = 5 * time.Second
	srv.Start()
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

func (f *fixture) open(ctx context.Context, path, body string, header ...string) *http.Response {
	f.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// hangUp sends a request whose answer is not waited for once ctx has ended.
func (f *fixture) hangUp(ctx context.Context, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return // before the answer began
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}

// ask returns the status and the JSON of an answer.
func (f *fixture) ask(path, body string, header ...string) (int, map[string]any) {
	f.t.Helper()
	resp := f.open(f.t.Context(), path, body, header...)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		f.t.Fatalf("%s: %s", resp.Status, text)
	}
	return resp.StatusCode, out
}

// sent is one server-sent event.
type sent struct{ name, data string }

// events reads a stream to its end, which must be [DONE].
func (f *fixture) events(resp *http.Response) []sent {
	f.t.Helper()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		f.t.Fatalf("%s is %s", resp.Status, kind)
	}
	var list []sent
	var now sent
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "event":
			now.name = value
		case "data":
			now.data = value
		case "":
			list = append(list, now)
			now = sent{}
		}
	}
	if err := lines.Err(); err != nil || len(list) == 0 || list[len(list)-1].data != "[DONE]" {
		f.t.Fatalf("the stream ended with %v, %v", list, err)
	}
	return list[:len(list)-1]
}
