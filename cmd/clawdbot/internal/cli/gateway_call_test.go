package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

func TestGatewayCall(t *testing.T) {
	h := newHome(t)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "gateway", "call"}, args...)...)
	}
	p := h.setup("main", h.base)
	on("health").wants(3, "", "the gateway of profile main does not run\ntry: clawdbot --profile main gateway\n")
	on("health", "--json").wants(3, `"error": "the gateway of profile main does not run"`, "")
	h.gateway(p, 0)

	var health msg.Health
	on("health").wants(0, "", "").into(&health)
	if !health.OK || health.Profile != "main" {
		t.Errorf("%+v", health)
	}
	file := filepath.Join(h.dir, "params.json")
	if err := os.WriteFile(file, []byte(`{"limit": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range []result{
		on("logs.tail", "--params", `{"limit": 1}`), on("logs.tail", "--params", "@"+file),
		h.runWith(`{"limit": 1}`, "--profile", "main", "gateway", "call", "logs.tail", "--params", "-"),
	} {
		var tail msg.LogTail
		r.wants(0, "", "").into(&tail)
		if len(tail.Lines) != 1 {
			t.Errorf("%v: %d lines", r.args, len(tail.Lines))
		}
	}
	var refused struct{ Error, Code, Try string }
	on("helth").wants(1, "", "clawdbot: INVALID_REQUEST: unknown method: helth").wants(1, "", "did you mean health?\ntry: clawdbot --profile main gateway methods\n")
	on("helth", "--json").wants(1, "", "").into(&refused)
	if refused.Code != "INVALID_REQUEST" || !strings.Contains(refused.Error, "unknown method") {
		t.Errorf("%+v", refused)
	}
	on("logs.tail", "--params", `{"limit": -1}`).wants(1, "", "INVALID_REQUEST: ")

	var done msg.AgentDone
	on("agent", "--expect-final", "--params", `{"message": "/status", "idempotencyKey": "k1"}`).wants(0, "", "").into(&done)
	if done.Status != "ok" || done.RunID == "" {
		t.Errorf("%+v", done)
	}
	var accepted msg.AgentAccepted
	on("agent", "--params", `{"message": "/status", "idempotencyKey": "k2"}`).wants(0, "", "").into(&accepted)
	if accepted.Status != "accepted" {
		t.Errorf("%+v", accepted)
	}

	for params, says := range map[string]string{
		"[1]": "--params: not a JSON object: it is of the kind array", "null": "it is null", "7": "of the kind number", "{": "unexpected end of JSON input",
		"{} {}": "after top-level value", "@" + file + "x": "no such file", "{'limit': 1}": "invalid character",
	} {
		on("logs.tail", "--params", params).wants(2, "", says)
	}
	on().wants(2, "", "needs METHOD")
	on("health", "more").wants(2, "", `got "more" as well`)
	on("health", "--parms", "{}").wants(2, "", "did you mean --params?")
}

func TestGatewayMethods(t *testing.T) {
	h := newHome(t)
	h.gateway(h.setup("main", h.base), 0)
	h.run("--profile", "main", "gateway", "methods").wants(0, "METHOD", "").wants(0, "operator.read", "")
	var r methodsReport
	i := -1
	for deadline := time.Now().Add(patience); i < 0 && time.Now().Before(deadline); { // a gateway that has just begun is still asking who serves what
		r = methodsReport{}
		h.run("--profile", "main", "gateway", "methods", "--json").wants(0, "", "").into(&r)
		i = slices.IndexFunc(r.Methods, func(m methodRow) bool { return m.Name == "health" })
	}
	if i < 0 || r.Methods[i].Scope != "operator.read" || r.Methods[i].Doc == "" || r.Profile != "main" || !slices.Contains(r.Events, "tick") {
		t.Errorf("%+v", r)
	}
}

func TestGatewayProbe(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	on := func(code int, args ...string) probeReport {
		t.Helper()
		var r probeReport
		h.run(append([]string{"--profile", "main", "gateway", "probe", "--json"}, args...)...).wants(code, "", "").into(&r)
		return r
	}
	down := on(3)
	if down.OK || len(down.Targets) != 1 || down.Targets[0].Reachable || !strings.Contains(down.Targets[0].Connect.Error, "does not run") {
		t.Errorf("%+v", down)
	}
	h.run("--profile", "main", "gateway", "probe").wants(3, "reachable       no", "does not run\ntry: clawdbot --profile main gateway\n")
	h.gateway(p, 0)
	up := on(0)
	own := up.Targets[0]
	if !up.OK || up.Primary != ownTarget || !own.Reachable || !own.Authenticated || own.Self == nil || own.Self.Profile != "main" || own.Connect.LatencyMs <= 0 {
		t.Errorf("%+v", up)
	}
	if own.Health == nil || !own.Health.OK || own.Config == nil || own.Config.Path != p.ConfigPath || len(own.Presence) == 0 || !json.Valid(own.Summary) {
		t.Errorf("%+v", own)
	}
	h.run("--profile", "main", "gateway", "probe").wants(0, "authenticated   yes", "").wants(0, "config.get", "")

	// A way that is given is active; the others are told beside it.
	given := on(3, "--url", fmt.Sprintf("ws://127.0.0.1:%d", h.base), "--token", "wrong-wrong-wrong")
	if len(given.Targets) != 2 || given.Primary != givenTarget || !given.Targets[0].Reachable || given.Targets[0].Authenticated || !given.Targets[1].Connect.OK {
		t.Errorf("%+v", given)
	}
	other := on(3, "--url", "ws://127.0.0.1:1")
	if other.Targets[0].Reachable || other.Targets[0].Connect.Error == "" {
		t.Errorf("%+v", other)
	}
}

func TestGatewayDiscover(t *testing.T) {
	h := newHome(t)
	h.run("gateway", "discover").wants(0, "No gateway runs on this host.", "").wants(0, "do not announce themselves", "")
	p := h.setup("main", h.base)
	stop := h.gateway(p, 0)
	h.run("gateway", "discover").wants(0, fmt.Sprintf("●  main     ok     ws://127.0.0.1:%d", h.base), "")
	var r discoverReport
	h.run("gateway", "discover", "--json").wants(0, "", "").into(&r)
	if r.Count != 1 || r.Beacons[0].Profile != "main" || r.Beacons[0].Verdict != msg.VerdictOK {
		t.Errorf("%+v", r)
	}
	stop()
	h.run("gateway", "discover", "--json").wants(0, `"beacons": []`, "")
}

func TestGatewayStatusProbesTheSocket(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	var r serviceReport
	h.run("--profile", "main", "gateway", "status", "--json").wants(3, "", "").into(&r)
	if r.RPC == nil || r.RPC.OK || !strings.Contains(r.RPC.Error, "does not run") {
		t.Errorf("%+v", r.RPC)
	}
	h.gateway(p, 0)
	h.run("--profile", "main", "gateway", "status").wants(0, "rpc      ok, ws://127.0.0.1:", "")
	r = serviceReport{}
	h.run("--profile", "main", "gateway", "status", "--json", "--no-probe").wants(0, "", "").into(&r)
	if r.RPC != nil {
		t.Errorf("%+v", r.RPC)
	}
}
