package gateway_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/gateway"
	"clawdbot/gateway/frame"
	"clawdbot/gateway/pairing"
	"clawdbot/profile/config"
)

// nodeParams are the connect request of a node with the commands.
func (d *device) nodeParams(auth frame.Auth, nonce string, commands ...string) frame.Connect {
	p := d.params(auth, nonce)
	p.Role = frame.RoleNode
	p.Client.ID, p.Client.Mode, p.Client.DisplayName = "node-host", "node", "Attic"
	p.Caps, p.Commands, p.Permissions = []string{"system"}, commands, map[string]bool{"camera": true}
	return p
}

// node connects the device as a node on this host.
func (f *fixture) node(d *device, commands ...string) *client {
	f.t.Helper()
	c := f.dial()
	p := d.nodeParams(frame.Auth{Token: token}, c.challenge, commands...)
	d.sign(&p)
	c.request("hello", "connect", p)
	if r := c.response("hello"); !r.OK {
		f.t.Fatalf("refused: %v", r.Error)
	}
	return c
}

func startWithRules(t *testing.T, rules config.NodeCommands) *fixture {
	t.Helper()
	return begin(t, gateway.Limits{}, func(f *fixture) {
		f.configure = func(cfg *gateway.Config) { cfg.NodeCommands = rules }
	})
}

// invoke asks for a command without waiting; response(id) has the answer.
func (c *client) invoke(id, nodeID, command string, more ...func(*msg.NodeInvoke)) {
	c.t.Helper()
	p := msg.NodeInvoke{NodeID: nodeID, Command: command, IdempotencyKey: id}
	for _, change := range more {
		change(&p)
	}
	c.request(id, "node.invoke", p)
}

// asked is the next command that the node gets.
func (c *client) asked() msg.NodeInvokeRequest {
	c.t.Helper()
	var r msg.NodeInvokeRequest
	if err := json.Unmarshal(c.event("node.invoke.request").Payload, &r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

// fails reads the answer to a request that must fail.
func (c *client) fails(id, code, says, detail string) {
	c.t.Helper()
	r := c.response(id)
	if r.OK || r.Error.Code != code || !strings.Contains(r.Error.Message, says) || detail != "" && r.Error.Details["code"] != detail {
		c.t.Errorf("%s: got %+v %v %v, want %s %q %s", id, r, r.Error, r.Error.Details, code, says, detail)
	}
}

func TestNodeRunsACommand(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	n := f.node(d, "system.run")
	operator, _ := f.connect(rpc.Write)
	operator.invoke("1", d.id, "system.run", func(p *msg.NodeInvoke) { p.Params = json.RawMessage(`{"command":["ls"]}`) })
	ask := n.asked()
	if ask.NodeID != d.id || ask.Command != "system.run" || ask.ParamsJSON != `{"command":["ls"]}` || ask.TimeoutMs != 30000 || ask.IdempotencyKey != "1" || ask.ID == "" {
		t.Fatalf("got %+v", ask)
	}
	n.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, OK: true, PayloadJSON: `{"exitCode":0}`}, nil)
	var done msg.NodeInvoked
	if r := operator.response("1"); json.Unmarshal(r.Payload, &done) != nil || !done.OK || done.NodeID != d.id || string(done.Payload) != `{"exitCode":0}` || done.PayloadJSON != `{"exitCode":0}` {
		t.Fatalf("got %s %v", r.Payload, r.Error)
	}
	var told msg.NodeTold
	if n.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, OK: true}, &told); !told.Ignored {
		t.Error("a second answer counted")
	}

	operator.invoke("1", d.id, "system.run") // the same key: the same answer, and the node is not asked
	if r := operator.response("1"); json.Unmarshal(r.Payload, &done) != nil || string(done.Payload) != `{"exitCode":0}` {
		t.Fatalf("again: %s %v", r.Payload, r.Error)
	}
	operator.invoke("2", d.id, "system.run")
	ask = n.asked()
	if ask.IdempotencyKey != "2" {
		t.Fatalf("the node was asked again: %+v", ask)
	}
	n.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, Error: &msg.NodeError{Code: "SYSTEM_RUN_DENIED", Message: "approval required"}}, nil)
	operator.fails("2", "UNAVAILABLE", "SYSTEM_RUN_DENIED: approval required", "")

	operator.invoke("2", d.id, "system.run") // an error is not kept
	ask = n.asked()
	n.refused("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: "other", OK: true}, "INVALID_REQUEST", "nodeId mismatch")
	n.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, OK: true, PayloadJSON: `{`}, nil)
	operator.fails("2", "INVALID_REQUEST", "payloadJSON is not JSON", "")
}

func TestCommandsThatAreRefused(t *testing.T) {
	f := startWithRules(t, config.NodeCommands{AllowCommands: []string{"my.command"}, DenyCommands: []string{"system.which"}})
	d := newDevice(t)
	n := f.node(d, "system.run", "system.which", "sms.send", "my.command")
	operator, _ := f.connect(rpc.Write)
	for i, c := range []struct{ command, says string }{
		{"system.notify", "the node did not declare it"},
		{"system.which", "gateway.nodes does not allow it"},
		{"sms.send", "gateway.nodes does not allow it"}, // a linux node sends none
		{"node.ping", "gateway.nodes does not allow it"},
	} {
		id := fmt.Sprint("refused", i)
		operator.invoke(id, d.id, c.command)
		operator.fails(id, "INVALID_REQUEST", c.says, "")
	}
	operator.invoke("mine", d.id, "my.command")
	if ask := n.asked(); ask.Command != "my.command" {
		t.Fatalf("got %+v", ask)
	}
	subj := f.must(f.bus.Subjects.NodeInvoke(d.id))
	for _, command := range []string{"system.which", "sms.send", "", "canvas.eval"} { // nor by who goes around the gateway
		err := bus.Call(t.Context(), f.nc, subj, msg.Invoke{Command: command}, nil)
		if err == nil || !strings.Contains(err.Error(), "node command not allowed") {
			t.Errorf("%q: %v", command, err)
		}
	}
	for _, bad := range []string{"*", ">", "a.b", "a b", strings.Repeat("x", 128)} {
		operator.request("bad", "node.invoke", msg.NodeInvoke{NodeID: bad, Command: "system.run", IdempotencyKey: "k"})
		if r := operator.response("bad"); r.OK {
			t.Errorf("%q was asked", bad)
		}
	}
	operator.refused("node.invoke", msg.NodeInvoke{NodeID: d.id, Command: "system.run", IdempotencyKey: "a\x00b"}, "INVALID_REQUEST", "idempotencyKey")
}

func TestNodeThatDoesNotAnswer(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	operator, _ := f.connect(rpc.Write)
	operator.invoke("nobody", d.id, "system.run")
	operator.fails("nobody", "UNAVAILABLE", "node not connected", "NOT_CONNECTED")

	n := f.node(d, "system.run")
	operator.invoke("late", d.id, "system.run", func(p *msg.NodeInvoke) { p.TimeoutMs = 50 })
	late := n.asked()
	operator.fails("late", "UNAVAILABLE", "the node did not answer within 50ms", "TIMEOUT")
	var told msg.NodeTold
	if n.do("node.invoke.result", msg.NodeInvokeResult{ID: late.ID, NodeID: d.id, OK: true}, &told); !told.Ignored {
		t.Error("an answer that came too late counted")
	}
	operator.invoke("gone", d.id, "system.run")
	n.asked()
	_ = n.ws.CloseNow()
	operator.fails("gone", "UNAVAILABLE", "node not connected", "NOT_CONNECTED")
	operator.invoke("after", d.id, "system.run")
	operator.fails("after", "UNAVAILABLE", "node not connected", "NOT_CONNECTED")
}

func TestSecondLoginOfANodeClosesTheFirst(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	operator, _ := f.connect(rpc.Write)
	first := f.node(d, "system.run")
	operator.invoke("old", d.id, "system.run")
	first.asked()
	second := f.node(d, "system.run")
	operator.fails("old", "UNAVAILABLE", "node not connected", "NOT_CONNECTED")
	if ce := first.closed(); ce.Code != 1008 || ce.Reason != "this node has connected again" {
		t.Errorf("closed with %v", ce)
	}
	operator.invoke("new", d.id, "system.run")
	ask := second.asked()
	second.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, OK: true, Payload: json.RawMessage(`7`)}, nil)
	if r := operator.response("new"); !r.OK {
		t.Fatal(r.Error)
	}
}

func TestNodeMayOnlyWhatNodesMay(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	n := f.node(d, "system.run")
	for _, method := range []string{"health", "node.list", "config.get", "device.pair.list", "no.such.method"} {
		n.refused(method, nil, "INVALID_REQUEST", "unauthorized role: node")
	}
	operator, _ := f.connect()
	operator.refused("node.event", msg.NodeTells{Event: "x"}, "INVALID_REQUEST", "unauthorized role: operator")

	events, err := f.nc.SubscribeSync(f.must(f.bus.Subjects.NodeEvent(d.id)))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // in order, without waiting for the answers
		n.request(fmt.Sprint("e", i), "node.event", msg.NodeTells{Event: "voice.transcript", PayloadJSON: fmt.Sprintf(`{"n":%d}`, i)})
	}
	for i := range 20 {
		m, err := events.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var e msg.NodeEvent
		if err := json.Unmarshal(m.Data, &e); err != nil || e.Event != "voice.transcript" || string(e.Payload) != fmt.Sprintf(`{"n":%d}`, i) {
			t.Fatalf("%d: got %s %v", i, m.Data, err)
		}
	}
	n.refused("node.event", msg.NodeTells{Event: "x", PayloadJSON: "{"}, "INVALID_REQUEST", "payloadJSON is not JSON")

	f.publish(f.must(f.bus.Subjects.Event("chat")), map[string]int{"n": 1}) // not for nodes
	f.publish(f.must(f.bus.Subjects.Event("tick")), map[string]int{"ts": 1})
	for {
		e := n.read()
		if e.Event == "chat" {
			t.Error("a node got a chat event")
		}
		if e.Event == "tick" {
			return
		}
	}
}

func TestNodeNeedsItsDeviceApproved(t *testing.T) {
	f := start(t, gateway.Limits{})
	operator, _ := f.connect()
	d := newDevice(t)
	f.enter(d, frame.Auth{Token: token}, nil, rpc.Read) // as an operator
	connect := func() (*client, in) {
		c := f.dial(elsewhere()...)
		p := d.nodeParams(frame.Auth{}, c.challenge, "system.run")
		d.sign(&p)
		c.request("hello", "connect", p)
		return c, c.response("hello")
	}
	_, r := connect()
	id, _ := r.Error.Details["requestId"].(string)
	if r.OK || r.Error.Code != "NOT_PAIRED" || id == "" {
		t.Fatalf("another role than paired: %+v %v", r, r.Error)
	}
	operator.approve(id)
	c, r := connect()
	var hello frame.HelloOK
	if err := json.Unmarshal(r.Payload, &hello); err != nil || !r.OK || hello.Auth == nil || hello.Auth.Role != "node" || len(hello.Auth.Scopes) != 0 {
		t.Fatalf("got %s %v", r.Payload, r.Error)
	}
	operator.do("device.token.revoke", msg.DeviceTokenRevoke{DeviceID: d.id, Role: "node"}, nil)
	if ce := c.closed(); ce.Code != 1008 {
		t.Fatalf("closed with %v", ce)
	}
	f.enter(d, frame.Auth{}, elsewhere(), rpc.Read) // its other role stays
}

// A node that asks for scopes gets none, and its device no more with it.
func TestNodeHasNoScopes(t *testing.T) {
	f := start(t, gateway.Limits{})
	operator, _ := f.connect()
	d := newDevice(t)
	c := f.dial()
	p := d.nodeParams(frame.Auth{Token: token}, c.challenge)
	p.Scopes = []string{rpc.Admin}
	d.sign(&p)
	c.request("hello", "connect", p)
	if r := c.response("hello"); !r.OK {
		t.Fatal(r.Error)
	}
	c.refused("health", nil, "INVALID_REQUEST", "unauthorized role: node")
	var list msg.DevicePairings
	operator.do("device.pair.list", nil, &list)
	if len(list.Paired) != 1 || len(list.Paired[0].Scopes) != 0 || !slices.Equal(list.Paired[0].Roles, []string{"node"}) {
		t.Fatalf("got %+v", list.Paired)
	}
}

func TestNodeListRenameDescribe(t *testing.T) {
	f := start(t, gateway.Limits{})
	operator, _ := f.connect()
	on, off := newDevice(t), newDevice(t)
	n := f.node(on, "system.run", "sms.send")
	_ = f.node(off, "system.run").ws.CloseNow()
	bridged := f.pairOnBus("pi", pairing.HashToken("the node's own"))
	if bridged.Node.Token != "" {
		t.Error("a token was made for a node that has one")
	}
	var list msg.NodeList
	eventually(t, "one of three connected", func() bool {
		operator.do("node.list", nil, &list)
		return len(list.Nodes) == 3 && list.Nodes[0].Connected && !list.Nodes[1].Connected && !list.Nodes[2].Connected
	})
	first := list.Nodes[0]
	if first.NodeID != on.id || !first.Paired || first.DisplayName != "Attic" || first.Platform != "linux" || !slices.Equal(first.Commands, []string{"system.run"}) ||
		!slices.Equal(first.Caps, []string{"system"}) || !first.Permissions["camera"] || first.ConnectedAtMs == 0 || list.TS == 0 {
		t.Errorf("got %+v", first)
	}
	for _, id := range []string{on.id, off.id, "pi"} {
		operator.do("node.rename", msg.NodeName{NodeID: id, DisplayName: "Cellar"}, nil)
		var one msg.NodeDescription
		if operator.do("node.describe", msg.NodeKey{NodeID: id}, &one); one.NodeID != id || one.DisplayName != "Cellar" || one.Connected != (id == on.id) || one.TS == 0 {
			t.Errorf("got %+v", one)
		}
	}
	operator.refused("node.describe", msg.NodeKey{NodeID: "nosuch"}, "INVALID_REQUEST", "unknown nodeId")
	operator.refused("node.rename", msg.NodeName{NodeID: "nosuch", DisplayName: "x"}, "INVALID_REQUEST", "unknown nodeId")
	_ = n.ws.CloseNow()
}

// ask is a request of a component on the bus, which no client's scopes bind.
func (f *fixture) ask(method string, params, out any) error {
	f.t.Helper()
	return bus.Call(f.t.Context(), f.nc, f.must(f.bus.Subjects.RPC(method)), params, out)
}

// pairOnBus pairs a node as a bridge would.
func (f *fixture) pairOnBus(id, hash string) (approved msg.NodeApproved) {
	f.t.Helper()
	var asked msg.NodePairRequested
	err := f.ask("node.pair.request", msg.NodePairRequest{NodeID: id, DisplayName: "Pi", TokenHash: hash, RemoteIP: "192.0.2.1"}, &asked)
	if err == nil && asked.Status != "pending" {
		f.t.Fatalf("got %+v", asked)
	}
	if err == nil {
		err = f.ask("node.pair.approve", msg.PairDecision{RequestID: asked.Request.RequestID}, &approved)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return approved
}

func TestNodePairingOnTheBus(t *testing.T) {
	f := start(t, gateway.Limits{})
	watcher, _ := f.connect(rpc.Pairing)
	events, err := f.nc.SubscribeSync(f.must(f.bus.Subjects.Event("node.pair.resolved")))
	if err != nil {
		t.Fatal(err)
	}
	var asked, again msg.NodePairRequested
	request := msg.NodePairRequest{NodeID: "pi", DisplayName: "Pi", Platform: "linux", RemoteIP: "192.0.2.1"}
	for _, out := range []*msg.NodePairRequested{&asked, &again} {
		if err := f.ask("node.pair.request", request, out); err != nil {
			t.Fatal(err)
		}
	}
	if !asked.Created || again.Created || asked.Request.RequestID != again.Request.RequestID {
		t.Errorf("got %+v, then %+v", asked, again)
	}
	var told msg.NodeRequest
	if e := watcher.event("node.pair.requested"); json.Unmarshal(e.Payload, &told) != nil || told.RequestID != asked.Request.RequestID || told.NodeID != "pi" {
		t.Errorf("got %s", e.Payload)
	}
	var approved msg.NodeApproved
	watcher.do("node.pair.approve", msg.PairDecision{RequestID: told.RequestID}, &approved)
	if approved.RequestID != told.RequestID || approved.Node.Token == "" {
		t.Errorf("got %+v", approved)
	}
	var resolved msg.NodeResolved
	var m *nats.Msg
	if m, err = events.NextMsg(10 * time.Second); err != nil || json.Unmarshal(m.Data, &resolved) != nil || resolved.Decision != "approved" || resolved.NodeID != "pi" {
		t.Errorf("got %+v %v", resolved, err)
	}
	for _, c := range []struct {
		ask msg.NodeVerify
		ok  bool
	}{
		{msg.NodeVerify{NodeID: "pi", Token: approved.Node.Token}, true},
		{msg.NodeVerify{NodeID: "pi", TokenHash: strings.ToUpper(pairing.HashToken(approved.Node.Token))}, true},
		{msg.NodeVerify{NodeID: "pi", Token: "nope"}, false},
		{msg.NodeVerify{NodeID: "other", Token: approved.Node.Token}, false},
	} {
		var v msg.NodeVerified
		if err := f.ask("node.pair.verify", c.ask, &v); err != nil || v.OK != c.ok || (v.Node != nil) != c.ok {
			t.Errorf("%+v: got %+v %v", c.ask, v, err)
		}
	}
	for _, bad := range []struct {
		method string
		params any
		says   string
	}{
		{"node.pair.verify", msg.NodeVerify{NodeID: "pi"}, "either token or tokenHash"},
		{"node.pair.verify", msg.NodeVerify{NodeID: "pi", Token: "x", TokenHash: pairing.HashToken("x")}, "either token or tokenHash"},
		{"node.pair.request", msg.NodePairRequest{NodeID: "a.b"}, "nodeId"},
		{"node.pair.request", msg.NodePairRequest{NodeID: "*"}, "nodeId"},
		{"node.pair.request", msg.NodePairRequest{}, "/nodeId"},
		{"node.pair.reject", msg.PairDecision{RequestID: told.RequestID}, "unknown requestId"},
	} {
		if err := f.ask(bad.method, bad.params, nil); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%s %+v: got %v, want %q", bad.method, bad.params, err, bad.says)
		}
	}
	var list msg.NodePairings
	watcher.do("node.pair.list", nil, &list)
	if len(list.Pending) != 0 || len(list.Paired) != 1 || list.Paired[0].Token != "" {
		t.Errorf("got %+v", list)
	}
}

// One key is one run, however many ask at once, and over a restart.
func TestNodeInvokeRunsOnce(t *testing.T) {
	s := newStore(t)
	withStore := func(f *fixture) { f.configure = func(cfg *gateway.Config) { cfg.Store = s } }
	f := begin(t, gateway.Limits{}, withStore)
	d := newDevice(t)
	n := f.node(d, "system.run")
	var operators []*client
	for range 5 {
		c, _ := f.connect(rpc.Write)
		operators = append(operators, c)
		c.invoke("same", d.id, "system.run")
	}
	ask := n.asked()
	n.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, OK: true, Payload: json.RawMessage(`1`)}, nil)
	for _, c := range operators {
		if r := c.response("same"); !r.OK {
			t.Error(r.Error)
		}
	}
	operators[0].invoke("next", d.id, "system.run")
	if ask := n.asked(); ask.IdempotencyKey != "next" {
		t.Errorf("the node was asked again: %+v", ask)
	}
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	again := begin(t, gateway.Limits{}, withStore)
	c, _ := again.connect(rpc.Write)
	c.invoke("same", d.id, "system.run")
	var done msg.NodeInvoked
	if r := c.response("same"); json.Unmarshal(r.Payload, &done) != nil || string(done.Payload) != "1" {
		t.Errorf("after a restart: %s %v", r.Payload, r.Error)
	}
}

func TestCommandsUnderWayAreBounded(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	n := f.node(d, "system.run")
	subj := f.must(f.bus.Subjects.NodeInvoke(d.id))
	body, err := json.Marshal(msg.Invoke{Command: "system.run"})
	if err != nil {
		t.Fatal(err)
	}
	inbox := f.nc.NewInbox()
	answers, err := f.nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	for range 65 {
		if err := f.nc.PublishRequest(subj, inbox, body); err != nil {
			t.Fatal(err)
		}
	}
	m, err := answers.NextMsg(10 * time.Second)
	if err != nil || !strings.Contains(string(m.Data), "more than 64 commands are under way at the node") {
		t.Fatalf("got %v %v", m, err)
	}
	_ = n.ws.CloseNow() // the others are told
	for range 64 {
		if m, err := answers.NextMsg(10 * time.Second); err != nil || !strings.Contains(string(m.Data), "node not connected") {
			t.Fatalf("got %v %v", m, err)
		}
	}
}

// Callers who wait for another call with their key leave turns for others, too.
func TestCallsWithOneKeyAreBounded(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	n := f.node(d, "system.run")
	first, _ := f.connect(rpc.Write)
	first.invoke("same", d.id, "system.run")
	ask := n.asked()
	for range 3 {
		c, _ := f.connect(rpc.Write)
		for i := range 63 {
			c.request(fmt.Sprint(i), "node.invoke", msg.NodeInvoke{NodeID: d.id, Command: "system.run", IdempotencyKey: "same"})
		}
		c.do("status", nil, nil)
	}
	eventually(t, "all but 128 are refused", func() bool {
		return strings.HasSuffix(f.metric(`clawdbot_request_seconds_count{code="UNAVAILABLE",method="node.invoke"}`), " 62\n")
	})
	n.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, OK: true}, nil)
	if r := first.response("same"); !r.OK {
		t.Error(r.Error)
	}
}

// What may run on a node is not for whoever may run commands there.
func TestApprovalsOfANodeNeedAdmin(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	n := f.node(d, "system.execApprovals.get", "system.execApprovals.set")
	writer, _ := f.connect(rpc.Write, rpc.Approvals)
	for _, command := range []string{"system.execApprovals.get", "system.execApprovals.set"} {
		writer.invoke(command, d.id, command)
		writer.fails(command, frame.CodeInvalidRequest, "missing scope: operator.admin", "")
	}
	admin, _ := f.connect()
	admin.invoke("admin", d.id, "system.execApprovals.get")
	ask := n.asked()
	n.do("node.invoke.result", msg.NodeInvokeResult{ID: ask.ID, NodeID: d.id, OK: true}, nil)
	if r := admin.response("admin"); !r.OK {
		t.Error(r.Error)
	}
}
