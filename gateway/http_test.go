package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/gateway"
	"clawdbot/gateway/hooks"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
)

const hookToken = "the-token-of-the-webhooks"

// web starts a gateway that serves HTTP as configured.
func web(t *testing.T, h gateway.HTTP) *fixture {
	t.Helper()
	return begin(t, gateway.Limits{}, func(f *fixture) { f.configure = func(c *gateway.Config) { c.HTTP = h } })
}

// serve puts a service on the bus; subjects are those of methods.
func (f *fixture) serveMethods(name string, methods map[string]bus.Handler) {
	f.t.Helper()
	subjects := map[string]bus.Handler{}
	for method, handle := range methods {
		subj, err := f.bus.Subjects.RPC(method)
		if err != nil {
			f.t.Fatal(err)
		}
		subjects[subj] = handle
	}
	f.serveAt(name, subjects)
}

func (f *fixture) serveAt(name string, subjects map[string]bus.Handler) {
	f.t.Helper()
	var list []bus.Endpoint
	for subj, handle := range subjects {
		short := subj[strings.LastIndexByte(subj, '.')+1:]
		list = append(list, bus.Endpoint{Name: short, Subject: subj, Handle: handle})
	}
	svc, err := bus.Serve(bus.ServiceConfig{Name: name, Version: "1.0.0", Conn: f.nc, Endpoints: list})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = svc.Stop() })
}

// send makes a request with a JSON body and returns the response, its body read.
func (f *fixture) send(method, path, body string, header ...string) (*http.Response, string) {
	f.t.Helper()
	r, err := http.NewRequest(method, "http://"+f.addr+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp, string(text)
}

func page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "its own")
	fmt.Fprintf(w, "page %s", r.URL.Path)
}

func TestRouting(t *testing.T) {
	hookCfg := config.Hooks{Enabled: true, Path: "/ui/hooks/", Token: hookToken}
	for _, c := range []struct {
		base         string
		method, path string
		status       int
		body, allow  string
	}{
		{"/", "GET", "/", 200, "page /", ""},
		{"/", "GET", "/a/b.js", 200, "page /a/b.js", ""},
		{"/", "HEAD", "/", 200, "", ""},
		{"/", "POST", "/a/b.js", 404, `{"error":"nothing is served at POST /a/b.js"}`, ""},
		{"/", "GET", "/healthz", 503, "the supervised loop", ""},
		{"/", "POST", "/healthz", 405, `{"error":"/healthz takes GET, HEAD only"}`, "GET, HEAD"},
		{"/", "GET", "/tools/invoke", 405, "takes POST only", "POST"},
		{"/", "DELETE", "/v1/models", 405, "takes GET, HEAD only", "GET, HEAD"},
		{"/", "GET", "/ui/hooks/x", 405, "webhooks take POST only", "POST"},
		{"/ui/", "GET", "/ui/x", 200, "page /ui/x", ""},
		{"/ui", "GET", "/ui", 301, "", ""},
		{"/ui", "GET", "/ui/hooks/wake", 405, "webhooks", "POST"},
		{"/ui", "GET", "/uix", 404, `{"error":"nothing is served at GET /uix"}`, ""},
		{"/ui", "GET", "/", 200, "clawdbot gateway main", ""},
		{"/healthz", "GET", "/healthz", 503, "the supervised loop", ""},
		{"/{x}", "GET", "/y", 404, "nothing is served", ""},
	} {
		t.Run(c.base+" "+c.method+" "+c.path, func(t *testing.T) {
			f := web(t, gateway.HTTP{UI: http.HandlerFunc(page), BasePath: c.base, Hooks: hookCfg})
			resp, body := f.send(c.method, c.path, "")
			if resp.StatusCode != c.status || !strings.Contains(body, c.body) || resp.Header.Get("Allow") != c.allow {
				t.Errorf("got %s, Allow %q, %s", resp.Status, resp.Header.Get("Allow"), body)
			}
			policy := "default-src 'none'; frame-ancestors 'none'"
			if strings.HasPrefix(body, "page") || c.method == "HEAD" {
				policy = "its own"
			}
			if h := resp.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Content-Security-Policy") != policy {
				t.Errorf("headers %v", h)
			}
			if strings.HasPrefix(body, "{") && resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s is %s", body, resp.Header.Get("Content-Type"))
			}
		})
	}
}

func TestWithoutADashboard(t *testing.T) {
	f := web(t, gateway.HTTP{})
	for path, status := range map[string]int{"/": 200, "/index.html": 404, "/hooks/wake": 404} {
		if resp, body := f.send("GET", path, ""); resp.StatusCode != status {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	f.dial() // a WebSocket is taken on any path
}

func TestTheGateStandsBeforeEverything(t *testing.T) {
	on := config.HTTPEndpoints{ChatCompletions: config.HTTPEndpoint{Enabled: true}}
	f := web(t, gateway.HTTP{UI: http.HandlerFunc(page), Hooks: config.Hooks{Enabled: true, Path: "/hooks", Token: hookToken}, Endpoints: on})
	for _, c := range []struct{ method, path, shape string }{
		{"GET", "/metrics", `{"error":"unauthorized`},
		{"GET", "/v1/models", `{"error":{"message":"unauthorized`},
		{"POST", "/v1/chat/completions", `{"error":{"message":"unauthorized`},
		{"POST", "/tools/invoke", `{"error":{"message":"unauthorized`},
		{"POST", "/hooks/wake", `{"error":"unauthorized`},
	} {
		for _, header := range [][]string{nil, {"Authorization", "Bearer nope"}} {
			if resp, body := f.send(c.method, c.path, "{}", header...); resp.StatusCode != 401 || !strings.HasPrefix(body, c.shape) {
				t.Errorf("%s with %v: %s %s", c.path, header, resp.Status, body)
			}
		}
		if resp, body := f.send(c.method, c.path+"?token="+token, "{}"); resp.StatusCode != 401 || !strings.Contains(body, "URL") {
			t.Errorf("%s with the token in the URL: %s %s", c.path, resp.Status, body)
		}
		for _, header := range [][]string{{"Origin", "http://evil.example"}} {
			if resp, body := f.send(c.method, c.path, "{}", append(header, "Authorization", "Bearer "+token)...); resp.StatusCode != 403 {
				t.Errorf("%s with %v: %s %s", c.path, header, resp.Status, body)
			}
		}
	}
	if resp, _ := f.send("POST", "/hooks/wake", "{}", "Authorization", "Bearer "+token); resp.StatusCode != 401 {
		t.Errorf("the gateway's token at a webhook: %s", resp.Status)
	}
	if resp, _ := f.send("POST", "/tools/invoke", "{}", "Authorization", "Bearer "+hookToken); resp.StatusCode != 401 {
		t.Errorf("the webhooks' token at a tool: %s", resp.Status)
	}
}

func TestNewRefusesUnsafeWebhooks(t *testing.T) {
	b := bustest.Start(t, "main")
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = gateway.New(gateway.Config{
		Listener: l, Subjects: b.Subjects, Dial: b.Dial, Gate: g, Version: "1.0.0", Log: slog.New(slog.DiscardHandler), Store: newStore(t),
		Identity: gateway.Identity{Profile: "main"}, Generation: nothingRuns,
		HTTP: gateway.HTTP{Hooks: config.Hooks{Enabled: true, Path: "/hooks", Token: token}},
	})
	if !errors.Is(err, hooks.ErrShared) {
		t.Errorf("got %v", err)
	}
}

// TestASlowBodyIsGivenUp sends a body that never ends.
func TestASlowBodyIsGivenUp(t *testing.T) {
	f := web(t, gateway.HTTP{})
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /tools/invoke HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", f.addr, token)
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Error(resp.Status)
	}
}

// TestStopEndsAStream stops the gateway under a run that is being streamed.
func TestStopEndsAStream(t *testing.T) {
	f := web(t, gateway.HTTP{Endpoints: config.HTTPEndpoints{ChatCompletions: config.HTTPEndpoint{Enabled: true}}})
	aborted := make(chan string, 1)
	f.serveMethods("agent", map[string]bus.Handler{
		"agent": func(context.Context, *bus.Request) (any, error) { return msg.AgentAccepted{RunID: "r"}, nil },
		"agent.wait": func(ctx context.Context, _ *bus.Request) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"chat.abort": func(_ context.Context, r *bus.Request) (any, error) {
			var c msg.ChatAbort
			err := r.Decode(&c)
			aborted <- c.RunID
			return msg.ChatAborted{OK: true}, err
		},
	})
	r, err := http.NewRequest(http.MethodPost, "http://"+f.addr+"/v1/chat/completions", strings.NewReader(`{"stream": true, "messages": [{"role": "user", "content": "x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := f.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if id := <-aborted; !strings.HasPrefix(id, "openai:") {
		t.Errorf("aborted %q", id)
	}
}

func TestWebhooksReachTheBus(t *testing.T) {
	f := web(t, gateway.HTTP{Hooks: config.Hooks{Enabled: true, Path: "/hooks", Token: hookToken}})
	asked := make(chan msg.AgentRun, 1)
	f.serveMethods("agent", map[string]bus.Handler{"agent": func(_ context.Context, r *bus.Request) (any, error) {
		var run msg.AgentRun
		err := r.Decode(&run)
		asked <- run
		return msg.AgentAccepted{RunID: run.IdempotencyKey}, err
	}})
	resp, body := f.send("POST", "/hooks/agent", `{"message": "do it"}`, "X-Clawdbot-Token", hookToken)
	var answer struct{ RunID string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || resp.StatusCode != 202 || answer.RunID == "" {
		t.Fatalf("%s %s", resp.Status, body)
	}
	if run := <-asked; run.Message != "do it" || run.IdempotencyKey != answer.RunID {
		t.Errorf("%+v", run)
	}
	if resp, body = f.send("POST", "/hooks/wake", `{"text": "x"}`, "X-Clawdbot-Token", hookToken); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("without an owner: %s %s", resp.Status, body)
	}
}
