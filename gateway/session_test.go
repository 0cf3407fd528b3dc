package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus"
	"clawdbot/gateway"
	"clawdbot/gateway/frame"
)

// serve runs a plain NATS micro service, as a program outside would.
func (f *fixture) serve(method string, handle micro.HandlerFunc) micro.Service {
	f.t.Helper()
	svc, err := micro.AddService(f.nc, micro.Config{Name: "outside", Version: "0.1.0"})
	if err == nil {
		err = svc.AddEndpoint("answer", handle, micro.WithEndpointSubject(f.must(f.bus.Subjects.RPC(method))))
	}
	if err == nil {
		err = f.nc.Flush()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = svc.Stop() })
	return svc
}

func TestMalformedFramesAfterHello(t *testing.T) {
	f := start(t, gateway.Limits{MaxPayload: 4096})
	c, _ := f.connect()
	for _, bad := range []struct{ send, id, says string }{
		{`{"type":"req","id":"a"}`, "a", "at /method"},
		{`{"type":"req","id":"","method":"health"}`, "invalid", "at /id"},
		{`{"type":"req","id":"b","method":"health","wat":1}`, "b", "at /wat: unknown key"},
		{`{"type":"res","id":"c","ok":true}`, "c", "at /type"},
		{`{"type":"req",`, "invalid", "not JSON"},
		{`[]`, "invalid", "must be an object"},
		{`{"type":"req","id":"d","method":"connect","params":{}}`, "d", "connect is only valid as the first request"},
		{`{"type":"req","id":"e","method":"nosuch.method"}`, "e", "unknown method: nosuch.method"},
		{`{"type":"req","id":"f","method":"bad method>"}`, "f", "unknown method"},
		{`{"type":"req","id":"g","method":"node.event"}`, "g", "unauthorized role: operator"},
	} {
		c.write(bad.send)
		r := c.response(bad.id)
		if r.OK || r.Error.Code != "INVALID_REQUEST" || !strings.Contains(r.Error.Message, bad.says) {
			t.Errorf("%s: got %+v %v, want %q", bad.send, r, r.Error, bad.says)
		}
	}
	if err := c.ws.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"req","id":"z","method":"health"}`)); err != nil {
		t.Fatal(err)
	}
	if r := c.response("invalid"); r.OK {
		t.Error("a binary message was taken")
	}
	c.request("last", "health", nil)
	if r := c.response("last"); !r.OK {
		t.Errorf("the socket did not stay: %v", r.Error)
	}
	c.write(strings.Repeat("x", 5000))
	if ce := c.closed(); ce.Code != 1009 {
		t.Errorf("too big: closed with %v", ce)
	}
}

func TestOutsideServiceServesANewMethod(t *testing.T) {
	f := start(t, gateway.Limits{})
	f.serve("weather.get", func(r micro.Request) {
		if r.Headers().Get("Clawdbot-Client") != "test" {
			_ = r.Error("INVALID_REQUEST", "no client", nil)
			return
		}
		_ = r.Respond(fmt.Appendf(nil, `{"asked":%s}`, r.Data()))
	})
	c, _ := f.connect()
	c.request("1", "weather.get", map[string]any{"city": "Bern"})
	if r := c.response("1"); !r.OK || string(r.Payload) != `{"asked":{"city":"Bern"}}` {
		t.Fatalf("got %s %v", r.Payload, r.Error)
	}
	c.request("2", "weather.gte", nil) // looks again who serves what
	c.response("2")
	eventually(t, "the method among the features", func() bool {
		c, hello := f.connect()
		defer c.ws.CloseNow()
		return slices.Contains(hello.Features.Methods, "weather.get")
	})
	c.request("3", "weather.gte", nil)
	r := c.response("3")
	if r.OK || r.Error.Message != "unknown method: weather.gte; did you mean weather.get?" || fmt.Sprint(r.Error.Details["near"]) != "[weather.get]" {
		t.Fatalf("got %+v", r.Error)
	}
}

func TestServiceThatWentIsForgotten(t *testing.T) {
	f := start(t, gateway.Limits{})
	svc := f.serve("weather.get", func(r micro.Request) { _ = r.Respond([]byte(`1`)) })
	c, _ := f.connect()
	eventually(t, "the method among the features", func() bool {
		c.request("x", "nosuch", nil)
		c.response("x")
		c, hello := f.connect()
		defer c.ws.CloseNow()
		return slices.Contains(hello.Features.Methods, "weather.get")
	})
	if err := svc.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := f.nc.Flush(); err != nil { // the bus knows that it went
		t.Fatal(err)
	}
	c.request("y", "weather.get", nil)
	if r := c.response("y"); r.OK || !strings.HasPrefix(r.Error.Message, "unknown method: weather.get") {
		t.Fatalf("got %s, %v", r.Payload, r.Error)
	}
	for range 20 { // and no answer that is under way brings it back
		c.request("z", "nosuch", nil)
		c.response("z")
		other, hello := f.connect()
		if slices.Contains(hello.Features.Methods, "weather.get") {
			t.Fatal("the method is among the features again")
		}
		_ = other.ws.CloseNow()
	}
}

func TestErrorsOfTheOwnerArrive(t *testing.T) {
	f := start(t, gateway.Limits{})
	_, err := bus.Serve(bus.ServiceConfig{
		Name: "owner", Version: "0.1.0", Profile: "main", Conn: f.nc,
		Endpoints: []bus.Endpoint{{Name: "send", Subject: f.must(f.bus.Subjects.RPC("send")),
			Handle: func(context.Context, *bus.Request) (any, error) {
				return nil, &bus.Error{Code: bus.CodeNotLinked, Message: "channel is not linked", Details: map[string]any{"channel": "x"}, Retryable: true, RetryAfterMs: 7}
			}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.serve("odd", func(r micro.Request) { _ = r.Respond([]byte("not JSON")) })
	c, _ := f.connect()
	c.request("1", "send", map[string]any{"to": "you", "message": "hi", "idempotencyKey": "k"})
	r := c.response("1")
	if e := r.Error; r.OK || e.Code != "NOT_LINKED" || e.Message != "channel is not linked" || e.Details["channel"] != "x" || !e.Retryable || e.RetryAfterMs != 7 {
		t.Errorf("got %+v %+v", r, r.Error)
	}
	c.request("2", "odd", nil)
	if r := c.response("2"); r.OK || r.Error.Code != "UNAVAILABLE" || r.Error.Message != "odd: the answer is not JSON" {
		t.Errorf("got %+v %+v", r, r.Error)
	}
}

func TestScopes(t *testing.T) {
	f := start(t, gateway.Limits{})
	for _, c := range []struct {
		scope, method, refused string
	}{
		{"operator.read", "health", ""},
		{"operator.write", "status", ""},
		{"operator.admin", "system-presence", ""},
		{"operator.read", "chat.send", "missing scope: operator.write"},
		{"operator.read", "config.get", "missing scope: operator.admin"},
		{"operator.read", "weather.get", "missing scope: operator.admin"},
		{"operator.write", "node.pair.list", "missing scope: operator.pairing"},
		{"operator.write", "exec.approval.resolve", "missing scope: operator.approvals"},
		{"operator.approvals", "exec.approvals.get", "missing scope: operator.admin"},
		{"operator.pairing", "health", "missing scope: operator.read"},
		{"made-up", "last-heartbeat", "missing scope: operator.read"},
	} {
		cl, _ := f.connect(c.scope)
		cl.request("1", c.method, nil)
		r := cl.response("1")
		if r.OK != (c.refused == "") || r.Error != nil && r.Error.Message != c.refused {
			t.Errorf("%s with %s: got %v, want %q", c.method, c.scope, r.Error, c.refused)
		}
	}
}

func TestEventsByScope(t *testing.T) {
	f := start(t, gateway.Limits{})
	reader, _ := f.connect("operator.read")
	pairing, _ := f.connect("operator.pairing")
	if err := f.nc.Publish(f.must(f.bus.Subjects.Event("chat")), []byte(`{"n":`)); err != nil { // reaches nobody
		t.Fatal(err)
	}
	for _, name := range []string{"chat", "node.pair.requested", "tick"} {
		f.publish(f.must(f.bus.Subjects.Event(name)), map[string]int{"n": 1})
	}
	seen := func(c *client) (names []string) {
		for {
			e := c.read()
			if !slices.Contains([]string{"presence", "health", "features"}, e.Event) {
				names = append(names, e.Event)
			}
			if e.Event == "tick" {
				return names
			}
		}
	}
	if got := seen(reader); !slices.Equal(got, []string{"chat", "tick"}) {
		t.Errorf("a reader saw %v", got)
	}
	if got := seen(pairing); !slices.Equal(got, []string{"node.pair.requested", "tick"}) {
		t.Errorf("a pairing client saw %v", got)
	}
}

func TestSequenceHasNoGap(t *testing.T) {
	f := start(t, gateway.Limits{})
	const publishers, each = 4, 100
	clients := make([]*client, 3)
	for i := range clients {
		clients[i], _ = f.connect()
	}
	var sending sync.WaitGroup
	for p := range publishers {
		sending.Go(func() {
			for i := range each {
				body := fmt.Appendf(nil, `{"p":%d,"i":%d}`, p, i)
				if err := f.nc.Publish(f.must(f.bus.Subjects.Event("chat")), body); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i, c := range clients {
		next := map[int]int{}
		for seq, chats := uint64(1), 0; chats < publishers*each; seq++ {
			if i == 0 && seq%10 == 0 { // answers between events
				c.request(fmt.Sprint(seq), "last-heartbeat", nil)
			}
			e := c.read()
			for e.Type == frame.TypeResponse {
				e = c.read()
			}
			if e.Seq != seq {
				t.Fatalf("client %d: seq %d after %d", i, e.Seq, seq-1)
			}
			if e.Event != "chat" {
				continue
			}
			chats++
			var p struct{ P, I int }
			if err := json.Unmarshal(e.Payload, &p); err != nil || p.I != next[p.P] {
				t.Fatalf("client %d: %s out of order, %v", i, e.Payload, err)
			}
			next[p.P]++
		}
	}
	sending.Wait()
}

func TestSlowClientIsDroppedAlone(t *testing.T) {
	f := start(t, gateway.Limits{MaxBuffered: 512 << 10})
	good, _ := f.connect()
	slow, _ := f.rawUpgrade()
	body, err := json.Marshal(map[string]any{"type": "req", "id": "1", "method": "connect", "params": params()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Write(maskedText(body)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two clients", func() bool {
		_, metrics := f.get("/metrics", "Authorization", "Bearer "+token)
		return strings.Contains(metrics, `clawdbot_clients{role="operator"} 2`)
	})
	big := strings.Repeat("x", 32<<10)
	sent := 0
	dropped := func() bool { return strings.Contains(f.log.String(), "dropped a slow client") }
	for !dropped() && sent < 4000 { // the kernel's buffers have to fill first
		f.publish(f.must(f.bus.Subjects.Event("chat")), big)
		sent++
		good.event("chat") // the good one keeps up
	}
	if !dropped() {
		t.Fatalf("not dropped after %d events", sent)
	}
	good.request("after", "health", nil)
	if r := good.response("after"); !r.OK {
		t.Fatal(r.Error)
	}
	eventually(t, "one client", func() bool {
		_, metrics := f.get("/metrics", "Authorization", "Bearer "+token)
		return strings.Contains(metrics, `clawdbot_clients{role="operator"} 1`) && strings.Contains(metrics, "clawdbot_slow_clients_total 1")
	})
}

// maskedText is one text frame as a client sends it, RFC 6455 section 5.2, with
// a mask of zeros.
func maskedText(body []byte) []byte {
	return append([]byte{0x81, 0x80 | 126, byte(len(body) >> 8), byte(len(body)), 0, 0, 0, 0}, body...)
}

func TestTooManyRequestsInFlight(t *testing.T) {
	f := start(t, gateway.Limits{})
	release := make(chan struct{})
	f.serve("slow", func(r micro.Request) {
		go func() {
			<-release
			_ = r.Respond([]byte(`true`))
		}()
	})
	c, _ := f.connect()
	for i := range 65 {
		c.request(fmt.Sprint(i), "slow", nil)
	}
	if r := c.response("64"); r.OK || r.Error.Code != "UNAVAILABLE" || !r.Error.Retryable {
		t.Errorf("got %+v %v", r, r.Error)
	}
	close(release)
	if r := c.response("0"); !r.OK {
		t.Error(r.Error)
	}
}

func TestTickAndPing(t *testing.T) {
	f := start(t, gateway.Limits{TickInterval: 30 * time.Millisecond})
	pinged := make(chan struct{}, 100)
	ws, _, err := websocket.Dial(t.Context(), "ws://"+f.addr, &websocket.DialOptions{
		OnPingReceived: func(context.Context, []byte) bool {
			pinged <- struct{}{}
			return true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	c := &client{t: t, ws: ws}
	c.read() // the challenge
	c.request("1", "connect", params())
	var tick struct{ TS int64 }
	if e := c.event("tick"); json.Unmarshal(e.Payload, &tick) != nil || tick.TS == 0 || e.Seq == 0 {
		t.Fatalf("got %s", e.Payload)
	}
	for len(pinged) == 0 {
		c.event("tick")
	}
}
