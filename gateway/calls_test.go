package gateway_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/gateway"
)

// owner serves methods as a component does.
func (f *fixture) owner(methods map[string]bus.Handler) {
	f.t.Helper()
	cfg := bus.ServiceConfig{Name: "owner", Version: "0.1.0", Profile: "main", Conn: f.nc}
	for method, handle := range methods {
		cfg.Endpoints = append(cfg.Endpoints, bus.Endpoint{
			Name: strings.ReplaceAll(method, ".", "-"), Subject: f.must(f.bus.Subjects.RPC(method)), Handle: handle,
		})
	}
	s, err := bus.Serve(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = s.Stop() })
}

func TestEachRequestIsOnTheBus(t *testing.T) {
	f := start(t, gateway.Limits{})
	var seen atomic.Int64
	var conns, scopes atomic.Value
	_, err := f.nc.Subscribe(f.must(f.bus.Subjects.RPC("health")), func(m *nats.Msg) {
		seen.Add(1)
		conns.Store(m.Header.Get(rpc.HeaderConn))
		scopes.Store(m.Header.Get(rpc.HeaderScopes))
	})
	if err == nil {
		err = f.nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	c, hello := f.connect(rpc.Read, rpc.Write)
	for range 50 {
		c.works()
	}
	eventually(t, "fifty requests", func() bool { return seen.Load() == 50 })
	if conns.Load() != hello.Server.ConnID || scopes.Load() != "operator.read,operator.write" {
		t.Errorf("headers %v %v", conns.Load(), scopes.Load())
	}
}

func TestSecondResponse(t *testing.T) {
	f := start(t, gateway.Limits{})
	var waited atomic.Int64
	f.owner(map[string]bus.Handler{
		"agent": func(_ context.Context, r *bus.Request) (any, error) {
			var p struct{ IdempotencyKey string }
			if err := r.Decode(&p); err != nil {
				return nil, err
			}
			return map[string]any{"runId": p.IdempotencyKey, "status": "accepted", "acceptedAt": 1}, nil
		},
		"agent.wait": func(_ context.Context, r *bus.Request) (any, error) {
			var p struct {
				RunID     string
				TimeoutMs int64
			}
			if err := r.Decode(&p); err != nil {
				return nil, err
			}
			switch {
			case p.TimeoutMs <= 0:
				return nil, bus.Errorf(bus.CodeInvalidRequest, "no time")
			case p.RunID == "good" && waited.Add(1) < 3:
				return map[string]any{"runId": p.RunID, "status": "timeout"}, nil
			case p.RunID == "bad":
				return map[string]any{"runId": p.RunID, "status": "error", "error": "no model"}, nil
			case p.RunID == "gone":
				return nil, bus.Errorf(bus.CodeUnavailable, "the run is unknown")
			}
			return map[string]any{"runId": p.RunID, "status": "ok", "summary": "done"}, nil
		},
	})
	c, _ := f.connect()
	for _, want := range []struct {
		run    string
		ok     bool
		status string
		says   string
	}{{"good", true, "ok", ""}, {"bad", false, "error", "no model"}, {"gone", false, "", "the run is unknown"}} {
		c.request(want.run, "agent", map[string]any{"message": "hi", "idempotencyKey": want.run})
		var answer struct{ RunID, Status string }
		first := c.response(want.run)
		if err := json.Unmarshal(first.Payload, &answer); err != nil || !first.OK || answer.Status != "accepted" {
			t.Fatalf("first: %+v %v %v", first, first.Error, err)
		}
		second := c.response(want.run)
		answer.Status = ""
		_ = json.Unmarshal(second.Payload, &answer)
		if second.OK != want.ok || answer.Status != want.status || !want.ok && second.Error.Message != want.says {
			t.Errorf("%s: %s %+v", want.run, second.Payload, second.Error)
		}
	}
	c.works()
}

// TestStopWaitsForAnswers has a request under way that is answered while the
// gateway stops, as one that restarts it is.
func TestStopWaitsForAnswers(t *testing.T) {
	f := start(t, gateway.Limits{})
	asked := make(chan struct{})
	f.owner(map[string]bus.Handler{"restart.me": func(context.Context, *bus.Request) (any, error) {
		close(asked)
		<-time.After(10 * time.Millisecond)
		return msg.OK{OK: true}, nil
	}})
	c, _ := f.connect()
	c.request("1", "restart.me", nil)
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- f.stop() }()
	if r := c.response("1"); !r.OK {
		t.Error(r.Error)
	}
	if ce := c.closed(); ce.Code != 1012 {
		t.Errorf("closed with %v", ce)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestSystemEventsMergeIntoPresence(t *testing.T) {
	f := start(t, gateway.Limits{})
	woken := make(chan msg.Wake, 4)
	f.owner(map[string]bus.Handler{"wake": func(_ context.Context, r *bus.Request) (any, error) {
		var w msg.Wake
		err := r.Decode(&w)
		woken <- w
		return msg.Woken{OK: true}, err
	}})
	c, _ := f.connect()
	tell := func(event msg.SystemEvent) {
		t.Helper()
		c.request("e", "system-event", event)
		if r := c.response("e"); !r.OK {
			t.Fatal(r.Error)
		}
	}
	idle := int64(12)
	tell(msg.SystemEvent{Text: "Node: mac · idle 12s", Host: "mac", InstanceID: "I-1", LastInputSeconds: &idle, Tags: []string{"desk"}})
	tell(msg.SystemEvent{Text: "Node: mac · moved", InstanceID: "i-1", IP: "192.0.2.9"})
	tell(msg.SystemEvent{Text: "Node: phone", Host: "phone", Mode: "node"})
	tell(msg.SystemEvent{Text: "battery is low"})
	if w := <-woken; w.Text != "battery is low" || w.Mode != "next-heartbeat" || len(woken) != 0 {
		t.Errorf("the agent was told %+v and %d more", w, len(woken))
	}
	var list []msg.Presence
	eventually(t, "all of them", func() bool {
		c.request("p", "system-presence", nil)
		r := c.response("p")
		list = nil
		return json.Unmarshal(r.Payload, &list) == nil && len(list) == 3
	})
	if self := list[0]; self.Mode != "gateway" || self.Reason != "self" || self.IP == "" {
		t.Errorf("gateway: %+v", self)
	}
	for _, e := range list[1:] {
		switch e.Host {
		case "mac": // the test's own client has the instance i-1 as well
			if e.IP != "192.0.2.9" || e.Version != "dev" || e.Mode != "test" || e.LastInputSeconds == nil || *e.LastInputSeconds != 12 || len(e.Tags) != 1 || len(e.Roles) != 1 {
				t.Errorf("merged: %+v", e)
			}
		case "phone":
			if e.Mode != "node" {
				t.Errorf("phone: %+v", e)
			}
		default:
			t.Errorf("unknown entry %+v", e)
		}
	}
}

func TestTail(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, _ := f.connect()
	bystander, _ := f.connect()
	c.request("t", "bus.tail", msg.Tail{Subjects: []string{"in.>", "clawdbot.other.health.>"}})
	var tail msg.TailID
	if r := c.response("t"); json.Unmarshal(r.Payload, &tail) != nil || tail.ID == "" {
		t.Fatalf("%+v %v", r, r.Error)
	}
	in := f.must(f.bus.Subjects.In("chat"))
	c.request("p", "bus.publish", msg.BusPublish{Subject: "in.chat", Data: json.RawMessage(`{"text":"hi","token":"s3cret-s3cret"}`)})
	if r := c.response("p"); !r.OK || !strings.Contains(string(r.Payload), in) {
		t.Fatalf("%+v %v", r, r.Error)
	}
	var got msg.BusMessages
	if err := json.Unmarshal(c.event("bus.message").Payload, &got); err != nil || got.ID != tail.ID || len(got.Messages) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	m := got.Messages[0]
	if m.Subject != in || m.TS == 0 || m.Bytes != 37 || !strings.Contains(string(m.Data), `"hi"`) || strings.Contains(string(m.Data), "s3cret") {
		t.Errorf("got %+v %s", m, m.Data)
	}
	for range 5000 { // more than is shown
		if err := f.nc.Publish(in, []byte("not JSON")); err != nil {
			t.Fatal(err)
		}
	}
	shown, dropped := 0, 0
	for shown+dropped < 5000 {
		if err := json.Unmarshal(c.event("bus.message").Payload, &got); err != nil {
			t.Fatal(err)
		}
		shown += len(got.Messages)
		dropped += got.Dropped
		if len(got.Messages) > 0 && got.Messages[0].Text != "not JSON" {
			t.Errorf("got %+v", got.Messages[0])
		}
	}
	if dropped == 0 || shown == 0 {
		t.Errorf("%d shown, %d dropped", shown, dropped)
	}
	var rates msg.BusRates
	if err := json.Unmarshal(c.event("bus.rates").Payload, &rates); err != nil || rates.ID != tail.ID {
		t.Errorf("%+v %v", rates, err)
	}
	c.request("u", "bus.untail", tail)
	if r := c.response("u"); !r.OK {
		t.Error(r.Error)
	}
	c.request("u2", "bus.untail", tail)
	if r := c.response("u2"); r.OK {
		t.Error("ended twice")
	}
	for _, bad := range []string{"", "in.>.x", "_INBOX.>", "$SRV.>"} {
		c.request("bad", "bus.tail", map[string]any{"subjects": []string{bad}})
		if r := c.response("bad"); bad != "_INBOX.>" && bad != "$SRV.>" && r.OK {
			t.Errorf("%q was taken", bad)
		}
	}
	bystander.request("x", "health", nil)
	for {
		r := bystander.read()
		if strings.HasPrefix(r.Event, "bus.") {
			t.Fatal("another connection got it too")
		}
		if r.ID == "x" {
			break
		}
	}
}
