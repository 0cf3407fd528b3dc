package gateway_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/gateway"
)

// condition is what the method, health or status, tells of the gateway.
func (c *client) condition(method string) (told msg.Condition) {
	c.t.Helper()
	c.request(method, method, nil)
	if err := json.Unmarshal(c.response(method).Payload, &told); err != nil {
		c.t.Fatal(err)
	}
	return told
}

func TestSafeModeIsSaidEverywhere(t *testing.T) {
	f := start(t, gateway.Limits{})
	f.beat(msg.PhaseReady, "")
	eventually(t, "readyz 200", func() bool { code, _ := f.get("/readyz"); return code == 200 })
	c, hello := f.connect()
	if _, body := f.get("/readyz"); strings.Contains(body, "safe") || c.condition("health").SafeMode || strings.Contains(hello.Snapshot.Presence[0].Text, "safe") {
		t.Error("safe mode is said of a gateway that is not in it")
	}
	f.generation.Store(&msg.Generation{Source: "safe", Reason: "no generation starts"})
	want := `{"ok":true,"profile":"main","phase":"ready","safeMode":true,"reason":"safe mode: only the bus, health and repair run"}`
	if code, body := f.get("/readyz"); code != 200 || strings.TrimSpace(body) != want {
		t.Errorf("readyz: %d %s", code, body)
	}
	eventually(t, "health tells of it", func() bool { return c.condition("health").SafeMode })
	for _, method := range []string{"health", "status"} {
		if now := c.condition(method); !now.SafeMode || now.Profile != "main" || now.Generation.Reason != "no generation starts" || now.Generation.Warnings == nil {
			t.Errorf("%s: %+v", method, now)
		}
	}
	if _, hello := f.connect(); !strings.HasSuffix(hello.Snapshot.Presence[0].Text, " · safe mode") {
		t.Errorf("presence: %+v", hello.Snapshot.Presence[0])
	}
}

func TestMaintenanceIsTold(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, _ := f.connect()
	if now := c.condition("health"); now.Maintenance != nil {
		t.Errorf("got %+v", now.Maintenance)
	}
	announced := msg.Maintenance{Until: 1234, Reason: "new disk", By: "operator"}
	f.maintenance.Store(&announced)
	if now := c.condition("status"); now.Maintenance == nil || *now.Maintenance != announced {
		t.Errorf("got %+v", now.Maintenance)
	}
}

func incident(id string, state msg.IncidentState) msg.Incident {
	return msg.Incident{ID: id, Peer: "rescue", Kind: msg.KindCrash, State: state, Summary: "its process is gone"}
}

func TestOpenIncidentsAreTold(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, _ := f.connect()
	subj := f.must(f.bus.Subjects.Event("incident"))
	for _, i := range []msg.Incident{
		incident("20260102-1", msg.IncidentOpen), incident("20260103-2", msg.IncidentHeld), incident("20260104-3", msg.IncidentOpen),
		incident("20260104-3", msg.IncidentResolved), incident("20260101-0", msg.IncidentResolved), incident("", msg.IncidentOpen),
	} {
		f.publish(subj, i)
	}
	f.publish(subj, "junk")
	if e := c.event("incident"); !strings.Contains(string(e.Payload), "20260102-1") {
		t.Errorf("the client got %s", e.Payload)
	}
	var now msg.Condition
	eventually(t, "two open incidents", func() bool {
		now = c.condition("health")
		return now.Incidents.Open == 2 && now.Incidents.Newest.ID == "20260103-2"
	})
	if n := now.Incidents.Newest; n.State != msg.IncidentHeld || n.Peer != "rescue" || n.Summary != "its process is gone" {
		t.Errorf("got %+v", n)
	}
	if _, metrics := f.get("/metrics", "Authorization", "Bearer "+token); !strings.Contains(metrics, `clawdbot_incidents_open{kind="crash",peer="rescue"} 2`) {
		t.Error("metrics lack the incidents")
	}
	f.publish(subj, incident("20260103-2", msg.IncidentResolved))
	f.publish(subj, incident("20260102-1", msg.IncidentResolved))
	eventually(t, "none", func() bool {
		now := c.condition("health")
		return now.Incidents.Open == 0 && now.Incidents.Newest == nil
	})
}

// answers serves a method with a fixed answer.
func (f *fixture) answers(method string, with any) {
	f.t.Helper()
	_, err := bus.Serve(bus.ServiceConfig{
		Name: "other", Version: "1.0.0", Profile: "main", Conn: f.nc,
		Endpoints: []bus.Endpoint{{Name: "one", Subject: f.must(f.bus.Subjects.RPC(method)),
			Handle: func(context.Context, *bus.Request) (any, error) { return with, nil }}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// What began before the gateway listened is asked for.
func TestEarlierIncidentsAndRestartsAreAskedFor(t *testing.T) {
	f := begin(t, gateway.Limits{}, func(f *fixture) {
		f.answers("incidents.list", map[string]any{"incidents": []msg.Incident{incident("2-b", msg.IncidentOpen), incident("1-a", msg.IncidentResolved)}})
		f.answers("component.list", map[string]any{"components": []msg.ComponentInfo{{Component: msg.Component{Name: "browser"}, Restarts: 3}}})
	})
	c, _ := f.connect()
	eventually(t, "the open one", func() bool {
		now := c.condition("health")
		return now.Incidents.Open == 1 && now.Incidents.Newest.ID == "2-b"
	})
	eventually(t, "the restarts", func() bool {
		_, metrics := f.get("/metrics", "Authorization", "Bearer "+token)
		return strings.Contains(metrics, `clawdbot_component_restarts_total{component="browser"} 3`)
	})
}
