package daemon

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"clawdbot/bus/rpc"
)

// served are the methods that the components of a gateway serve.
func (g *gatewayUnderTest) served() []string {
	g.t.Helper()
	nc, err := g.d.bus.Dial()
	if err != nil {
		g.t.Fatal(err)
	}
	defer nc.Close()
	answers, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		g.t.Fatal(err)
	}
	if err := nc.PublishRequest(micro.APIPrefix+".INFO", answers.Subject, nil); err != nil {
		g.t.Fatal(err)
	}
	var methods []string
	prefix := strings.TrimSuffix(g.p.Subjects().Kind("rpc"), ">")
	for {
		m, err := answers.NextMsg(time.Second)
		if err != nil { // all have answered
			slices.Sort(methods)
			return slices.Compact(methods)
		}
		var info micro.Info
		if err := json.Unmarshal(m.Data, &info); err != nil {
			g.t.Fatal(err)
		}
		for _, e := range info.Endpoints {
			if method, ok := strings.CutPrefix(e.Subject, prefix); ok {
				methods = append(methods, method)
			}
		}
	}
}

// TestEveryMethodHasARowAndEveryRowAnOwner holds the table to what a whole
// gateway serves.
func TestEveryMethodHasARowAndEveryRowAnOwner(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	methods := g.served()
	for _, m := range methods {
		if _, ok := rpc.Find(m); !ok {
			t.Errorf("%s is served and has no row in bus/rpc", m)
		}
	}
	for _, m := range rpc.Methods() {
		if !slices.Contains(methods, m.Name) {
			t.Errorf("%s has a row in bus/rpc and is served by nobody", m.Name)
		}
	}
}

// TestAnswersFitTheirSchemas asks what can be asked of a fresh gateway.
func TestAnswersFitTheirSchemas(t *testing.T) {
	const at = "https://clawdbot.test/rpc.schema.json"
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(rpc.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(at, doc); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{
		"health", "status", "system-presence", "peers.list", "incidents.list", "rescue.status", "component.list", "last-heartbeat",
		"bus.info", "bus.users", "config.get", "config.schema", "generations.list", "ports.list", "profiles.list",
		"state.ls", "state.verify", "record.stats", "record.show", "record.export", "events.since", "logs.tail",
		"agents.list", "sessions.list", "channels.status", "models.list", "cron.list", "cron.status", "node.list", "device.pair.list", "node.pair.list",
		"canvas.status", "canvas.url", "skills.status", "usage.status", "tts.status", "voicewake.get", "exec.approvals.get",
	} {
		schema, err := c.Compile(at + "#/methods/" + method + "/result")
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		g.mustCall(method, nil, &raw)
		answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(answer); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}
