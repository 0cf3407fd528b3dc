package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/gateway"
	"clawdbot/profile/gate"
)

func nothingRuns() msg.Generation { return msg.Generation{} }

func TestNewNamesWhatIsMissing(t *testing.T) {
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
	good := gateway.Config{
		Listener: l, Subjects: b.Subjects, Dial: b.Dial, Gate: g, Version: "1.0.0", Log: slog.New(slog.DiscardHandler),
		Identity: gateway.Identity{Profile: "main"}, Generation: nothingRuns, Store: newStore(t),
	}
	for name, remove := range map[string]func(*gateway.Config){
		"Listener":         func(c *gateway.Config) { c.Listener = nil },
		"Subjects":         func(c *gateway.Config) { c.Subjects = subject.Space{} },
		"Dial":             func(c *gateway.Config) { c.Dial = nil },
		"Gate":             func(c *gateway.Config) { c.Gate = nil },
		"Identity.Profile": func(c *gateway.Config) { c.Identity.Profile = "" },
		"Generation":       func(c *gateway.Config) { c.Generation = nil },
		"Version":          func(c *gateway.Config) { c.Version = "" },
		"Log":              func(c *gateway.Config) { c.Log = nil },
	} {
		cfg := good
		remove(&cfg)
		if _, err := gateway.New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+name+" is required") {
			t.Errorf("without %s: %v", name, err)
		}
	}
	down := errors.New("bus is down")
	good.Dial = func() (*nats.Conn, error) { return nil, down }
	if _, err := gateway.New(good); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	good.Version = "not semantic"
	var dialled *nats.Conn
	good.Dial = func() (nc *nats.Conn, err error) {
		dialled, err = b.Dial()
		return dialled, err
	}
	if _, err := gateway.New(good); err == nil || !dialled.IsClosed() {
		t.Errorf("a New that failed left its connection open: %v", err)
	}
}

func TestProbes(t *testing.T) {
	f := start(t, gateway.Limits{})
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := f.get(path); code != 503 || !strings.Contains(body, "has not beaten yet") {
			t.Errorf("%s before the first beat: %d %s", path, code, body)
		}
	}
	f.beat(msg.PhaseStarting, "opening the store")
	eventually(t, "healthz 200", func() bool { code, _ := f.get("/healthz"); return code == 200 })
	if code, body := f.get("/readyz"); code != 503 || !strings.Contains(body, "the gateway is starting: opening the store") {
		t.Errorf("readyz while starting: %d %s", code, body)
	}
	f.beat(msg.PhaseReady, "")
	eventually(t, "readyz 200", func() bool { code, _ := f.get("/readyz"); return code == 200 })
	if _, body := f.get("/healthz"); strings.TrimSpace(body) != `{"ok":true,"profile":"main","phase":"ready"}` {
		t.Errorf("healthz says %s", body)
	}
	if code, _ := f.get("/healthz", "Host", "evil.example"); code != 403 {
		t.Errorf("healthz for another Host: %d", code)
	}
	eventually(t, "healthz 503 when the loop stops beating", func() bool {
		code, body := f.get("/healthz")
		return code == 503 && strings.Contains(body, "last beat is 1")
	})
}

func TestOtherPaths(t *testing.T) {
	f := start(t, gateway.Limits{})
	if code, body := f.get("/"); code != 200 || body != "clawdbot gateway main\n" {
		t.Errorf("/: %d %s", code, body)
	}
	for _, path := range []string{"/nothing", "/index.html", "/healthz/x", "/..%2f"} {
		var e struct{ Error string }
		if code, body := f.get(path); code != 404 || json.Unmarshal([]byte(body), &e) != nil || e.Error == "" {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _ := f.get("/metrics"); code != 401 {
		t.Errorf("metrics without a token: %d", code)
	}
	if code, _ := f.get("/metrics?token=" + token); code != 401 {
		t.Errorf("metrics with the token in the query: %d", code)
	}
	if code, _ := f.get("/metrics", "Authorization", "Bearer "+token, "Origin", "http://evil.example"); code != 403 {
		t.Errorf("metrics for a hostile page: %d", code)
	}
}

func TestHealthAndMetricsTellWhatWasHeard(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, _ := f.connect()
	sp := f.bus.Subjects
	bridge := msg.Component{Name: "bridge", State: msg.StateDegraded, Detail: "no TLS certificate"}
	f.beat(msg.PhaseReady, "", bridge)
	f.publish(f.must(sp.Peer("rescue")), msg.Peer{Profile: "rescue", Verdict: msg.VerdictOK, Reason: "beats", LastBeatMs: 5, Generation: 1})
	f.publish("clawdbot.rescue.health.beat", msg.Beat{Profile: "rescue", Phase: msg.PhaseReady, Generation: 9})
	f.publish("clawdbot.stranger.health.beat", msg.Beat{Profile: "rescue", Generation: 10})
	f.generation.Store(&msg.Generation{Generation: 6, Source: "fallback", Reason: "the file has no port", Verdict: "good", Warnings: []string{"line 3"}})
	f.publish(f.must(sp.Config("fallback")), msg.ConfigChange{Generation: 6})
	f.publish(f.must(sp.Health("canvas")), msg.Component{Name: "canvas", State: msg.StateOK})
	f.publish(f.must(sp.Health("canvas")), "junk")

	var h msg.Health
	eventually(t, "a health event with all of it", func() bool {
		e := c.event("health")
		h = msg.Health{}
		if err := json.Unmarshal(e.Payload, &h); err != nil || e.StateVersion == nil || e.StateVersion.Health == 0 {
			t.Fatalf("%s %v %v", e.Payload, e.StateVersion, err)
		}
		return len(h.Components) == 2 && len(h.Peers) == 1 && h.Generation.Verdict == "good"
	})
	if !h.OK || h.Components[0] != bridge || h.Components[1].Name != "canvas" {
		t.Errorf("got %+v", h.Components)
	}
	if p := h.Peers[0]; p.Profile != "rescue" || p.Verdict != msg.VerdictOK || p.Generation != 9 || p.LastBeatMs < 0 {
		t.Errorf("got %+v", p)
	}
	if g := h.Generation; g.Generation != 6 || g.Source != "fallback" || g.Reason != "the file has no port" || len(g.Warnings) != 1 {
		t.Errorf("got %+v", g)
	}
	if g := h.Gateway; g.PID != os.Getpid() || g.Phase != msg.PhaseReady || g.LastBeatMs < 0 || g.Clients != 1 || g.StateDir != "/p" {
		t.Errorf("got %+v", g)
	}
	c.request("1", "health", nil)
	if r := c.response("1"); !r.OK {
		t.Error(r.Error)
	}
	_, metrics := f.get("/metrics", "Authorization", "Bearer "+token)
	for _, line := range []string{
		`clawdbot_beats_total{profile="main"} 1`, `clawdbot_beats_total{profile="rescue"} 1`,
		`clawdbot_peer_verdict{peer="rescue",verdict="ok"} 1`,
		`clawdbot_component_state{component="bridge",state="degraded"} 1`,
		`clawdbot_request_seconds_count{code="ok",method="health"} 1`,
		`clawdbot_info{profile="main",version="1.2.3"} 1`, `clawdbot_clients{role="operator"} 1`, "go_memstats_heap_alloc_bytes",
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	f.beat(msg.PhaseReady, "", msg.Component{Name: "bridge", State: msg.StateFailed})
	eventually(t, "health not ok with a failed component", func() bool {
		e := c.event("health")
		h = msg.Health{}
		return json.Unmarshal(e.Payload, &h) == nil && !h.OK
	})
}

// TestShapes holds the answers of a fresh gateway to the keys of the original.
func TestShapes(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, _ := f.connect()
	for method, keys := range map[string][]string{
		"health": {`"ok"`, `"ts"`, `"durationMs"`, `"channels":{}`, `"channelOrder":[]`, `"channelLabels":{}`, `"heartbeatSeconds"`,
			`"defaultAgentId":"main"`, `"agents":[{"agentId":"main","isDefault":true,"heartbeat":{"enabled":false`, `"sessions":{"path":"","count":0,"recent":[]}`,
			`"components":[`, `"peers":[]`, `"warnings":[]`},
		"status": {`"heartbeat":{"defaultAgentId":"main","agents":[{"agentId":"main","enabled":false,"every":"disabled","everyMs":null}]}`,
			`"channelSummary":[]`, `"queuedSystemEvents":[]`, `"sessions":{"paths":[],"count":0,"defaults":{"model":null,"contextTokens":null},"recent":[],"byAgent":[`},
		"system-presence": {`"mode":"gateway"`, `"reason":"self"`, `"host":"test"`, `"roles":["operator"]`, `"reason":"connect"`},
	} {
		c.request(method, method, map[string]any{})
		r := c.response(method)
		for _, k := range keys {
			if !r.OK || !strings.Contains(string(r.Payload), k) {
				t.Errorf("%s lacks %s: %s %v", method, k, r.Payload, r.Error)
			}
		}
	}
}

func TestPresenceEvents(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, hello := f.connect()
	present := func(n int) func() bool {
		return func() bool {
			e := c.event("presence")
			var p struct{ Presence []msg.Presence }
			if err := json.Unmarshal(e.Payload, &p); err != nil || e.StateVersion == nil || e.StateVersion.Presence < hello.Snapshot.StateVersion.Presence {
				t.Fatalf("%s %+v %v", e.Payload, e.StateVersion, err)
			}
			return len(p.Presence) == n
		}
	}
	other := f.dial()
	p := params()
	p.Client.InstanceID = "i-2"
	other.request("hello", "connect", p)
	eventually(t, "another client in presence", present(3))
	_ = other.ws.Close(1000, "")
	eventually(t, "it gone", present(2))
}

func TestEventsAreOnTheBus(t *testing.T) {
	f := start(t, gateway.Limits{TickInterval: 20 * time.Millisecond})
	sub, err := f.nc.SubscribeSync(f.bus.Subjects.Events())
	if err != nil {
		t.Fatal(err)
	}
	f.connect()
	want := map[string]bool{"tick": true, "presence": true}
	for len(want) > 0 {
		m, err := sub.NextMsgWithContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		delete(want, f.bus.Subjects.EventName(m.Subject))
	}
}

func TestStop(t *testing.T) {
	f := start(t, gateway.Limits{})
	sub, err := f.nc.SubscribeSync(f.must(f.bus.Subjects.Event("shutdown")))
	if err == nil {
		err = f.nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	c, _ := f.connect()
	silent := f.dial()        // in its handshake, never answers a close frame
	conn, _ := f.rawUpgrade() // reads nothing at all
	stopped := make(chan error, 1)
	go func() { stopped <- f.stop() }()
	e := c.event("shutdown")
	var s msg.Shutdown
	if err := json.Unmarshal(e.Payload, &s); err != nil || s.Reason == "" || e.Seq == 0 {
		t.Errorf("got %s", e.Payload)
	}
	if ce := c.closed(); ce.Code != 1012 || ce.Reason != "service restart" {
		t.Errorf("closed with %v", ce)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := sub.NextMsgWithContext(t.Context()); err != nil {
		t.Errorf("no shutdown event on the bus: %v", err)
	}
	if n, _, err := sub.Pending(); err != nil || n != 0 {
		t.Errorf("%d more shutdown events, %v", n, err)
	}
	if _, err := net.Dial("tcp", f.addr); err == nil {
		t.Error("the listener is still open")
	}
	_, _ = silent, conn
}

func TestRunLeavesNoGoroutine(t *testing.T) {
	b := bustest.Start(t, "main")
	nc := b.Conn(t)
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	st := newStore(t)
	ignore := goleak.IgnoreCurrent()
	s, err := gateway.New(gateway.Config{
		Listener: l, Subjects: b.Subjects, Dial: b.Dial, Gate: g, Version: "1.0.0", Log: slog.New(slog.DiscardHandler),
		Identity: gateway.Identity{Profile: "main"}, Generation: nothingRuns, Store: st,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	resp, err := http.Get("http://" + l.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	f := &fixture{t: t, bus: b, nc: nc, addr: l.Addr().String()}
	c, _ := f.connect()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	_ = c.ws.CloseNow()
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, ignore)
}

func TestRunReportsALostListener(t *testing.T) {
	b := bustest.Start(t, "main")
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := gateway.New(gateway.Config{
		Listener: l, Subjects: b.Subjects, Dial: b.Dial, Gate: g, Version: "1.0.0", Log: slog.New(slog.DiscardHandler),
		Identity: gateway.Identity{Profile: "main"}, Generation: nothingRuns, Store: newStore(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serve 127.0.0.1:") {
		t.Fatalf("got %v", err)
	}
}
