package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/gateway/frame"
)

const (
	// maxNodeCalls bounds the commands under way at one node.
	maxNodeCalls = 64
	// nodeTimeout is how long a command may take when nobody says.
	nodeTimeout = 15 * time.Second
)

// nodes are the nodes that are connected here. Each answers on its own subject,
// like those of the bridge.
type nodes struct {
	srv   *Server
	turns chan struct{} // holds one for each command that clients have under way

	mu sync.Mutex
	on map[string]*node // by node id
}

// node is a connected node.
type node struct {
	c    *session
	info msg.NodeInfo // its Commands are those that it declared and may be asked for
	sub  *nats.Subscription

	mu    sync.Mutex
	calls map[string]*nodeCall // by id; nil once the node is gone
}

// nodeCall is a command under way.
type nodeCall struct {
	request *nats.Msg
	late    *time.Timer
}

func newNodes(s *Server) *nodes {
	return &nodes{srv: s, turns: make(chan struct{}, maxInvokes), on: map[string]*node{}}
}

// join puts the node on the bus. A connection that it has already is closed.
func (ns *nodes) join(c *session) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	n := &node{c: c, info: c.nodeInfo(), calls: map[string]*nodeCall{}}
	subj, err := ns.srv.cfg.Subjects.NodeInvoke(n.info.NodeID)
	if err != nil {
		return err
	}
	if old := ns.on[n.info.NodeID]; old != nil { // before the new one, or both would run a command
		delete(ns.on, n.info.NodeID)
		old.leave()
		old.c.end(frame.ClosePolicy, "this node has connected again")
	}
	if n.sub, err = ns.srv.nc.Subscribe(subj, n.hear); err != nil {
		return fmt.Errorf("the node cannot be put on the bus: %w", err)
	}
	ns.on[n.info.NodeID] = n
	return nil
}

// leave takes the node of a connection that is over off the bus. A connection of
// an operator has none.
func (ns *nodes) leave(c *session) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if n := ns.on[c.access.device]; n != nil && n.c == c {
		delete(ns.on, n.info.NodeID)
		n.leave()
	}
}

// of returns the node with the id when it is connected by that connection, or nil.
func (ns *nodes) of(id, conn string) *node {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if n := ns.on[id]; n != nil && n.c.id == conn {
		return n
	}
	return nil
}

// nodeInfo is what a client with the role node says of itself in its handshake.
func (c *session) nodeInfo() msg.NodeInfo {
	who := c.connect.Client
	commands := slices.DeleteFunc(append([]string{}, c.connect.Commands...), func(command string) bool {
		return c.srv.refusesCommand(who.Platform, who.DeviceFamily, command)
	})
	return msg.NodeInfo{
		NodeID: c.access.device, DisplayName: who.DisplayName, Platform: who.Platform, Version: who.Version,
		DeviceFamily: who.DeviceFamily, ModelIdentifier: who.ModelIdentifier, RemoteIP: c.srv.cfg.Gate.RemoteIP(c.req),
		Caps: append([]string{}, c.connect.Caps...), Commands: commands, PathEnv: c.connect.PathEnv, Permissions: c.connect.Permissions,
		ConnectedAtMs: c.since.UnixMilli(),
	}
}

// leave ends the node's part on the bus; who waits for it is told.
func (n *node) leave() {
	_ = n.sub.Unsubscribe() // fails only when the bus is gone
	n.mu.Lock()
	calls := n.calls
	n.calls = nil
	n.mu.Unlock()
	for _, k := range calls {
		n.reply(k, nil, notConnected())
	}
}

func notConnected() *bus.Error {
	e := bus.Errorf(bus.CodeUnavailable, "node not connected")
	e.Details = map[string]any{"code": "NOT_CONNECTED"}
	return e
}

func nodeLate(wait time.Duration) *bus.Error {
	e := bus.Errorf(bus.CodeUnavailable, "the node did not answer within %v", wait)
	e.Details = map[string]any{"code": "TIMEOUT"}
	return e
}

// hear takes one command for the node.
func (n *node) hear(m *nats.Msg) {
	var in msg.Invoke
	if err := json.Unmarshal(m.Data, &in); err != nil {
		bus.Reply(n.c.srv.nc, m, nil, bus.Errorf(bus.CodeInvalidRequest, "not JSON: %v", err))
		return
	}
	if in.Command == msg.CommandPing {
		bus.Reply(n.c.srv.nc, m, n.info, nil)
		return
	}
	if !slices.Contains(n.info.Commands, in.Command) {
		bus.Reply(n.c.srv.nc, m, nil, commandRefused(in.Command, "the node did not declare it, or it may not be asked for"))
		return
	}
	if err := n.ask(&nats.Msg{Subject: m.Subject, Reply: m.Reply}, in); err != nil {
		bus.Reply(n.c.srv.nc, m, nil, err)
	}
}

// commandRefused refuses a command.
func commandRefused(command, reason string) *bus.Error {
	e := bus.Errorf(bus.CodeInvalidRequest, "node command not allowed: %.64s: %s", command, reason)
	e.Details = map[string]any{"command": command, "reason": reason}
	return e
}

// ask sends the command to the node; result, the time-out or leave answers.
func (n *node) ask(request *nats.Msg, in msg.Invoke) error {
	id, wait := newID(), nodeTimeout
	if in.TimeoutMs > 0 {
		wait = time.Duration(in.TimeoutMs) * time.Millisecond
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.calls == nil:
		return notConnected()
	case len(n.calls) >= maxNodeCalls:
		e := bus.Errorf(bus.CodeUnavailable, "more than %d commands are under way at the node", maxNodeCalls)
		e.Retryable, e.RetryAfterMs = true, 100
		return e
	}
	n.calls[id] = &nodeCall{request: request, late: time.AfterFunc(wait, func() {
		n.settle(id, nil, nodeLate(wait))
	})}
	n.c.event("node.invoke.request", msg.NodeInvokeRequest{
		ID: id, NodeID: n.info.NodeID, Command: in.Command, ParamsJSON: string(in.Params),
		TimeoutMs: wait.Milliseconds(), IdempotencyKey: in.IdempotencyKey,
	})
	return nil
}

// settle answers who asked, and says whether somebody still waited.
func (n *node) settle(id string, out any, err error) bool {
	n.mu.Lock()
	k := n.calls[id]
	delete(n.calls, id)
	n.mu.Unlock()
	if k == nil {
		return false
	}
	n.reply(k, out, err)
	return true
}

func (n *node) reply(k *nodeCall, out any, err error) {
	k.late.Stop()
	bus.Reply(n.c.srv.nc, k.request, out, err)
}

// result is a node's answer.
func (n *node) result(r msg.NodeInvokeResult) (msg.NodeTold, error) {
	payload, err := payloadOf(r.Payload, r.PayloadJSON)
	if err == nil && !r.OK {
		err = nodeFailed(r.Error)
	}
	return msg.NodeTold{OK: true, Ignored: !n.settle(r.ID, msg.InvokeResult{Payload: payload}, err)}, nil
}

// payloadOf is the JSON that came as it is or in a string.
func payloadOf(payload json.RawMessage, text string) (json.RawMessage, error) {
	switch {
	case len(payload) > 0 && string(payload) != "null":
		return payload, nil
	case text == "":
		return nil, nil
	case !json.Valid([]byte(text)):
		return nil, bus.Errorf(bus.CodeInvalidRequest, "payloadJSON is not JSON")
	}
	return json.RawMessage(text), nil
}

// nodeFailed puts the node's own words into an error.
func nodeFailed(said *msg.NodeError) *bus.Error {
	if said == nil {
		said = &msg.NodeError{}
	}
	words := strings.TrimPrefix(strings.TrimSuffix(said.Code+": "+said.Message, ": "), ": ")
	if words == "" {
		words = "the node could not do it"
	}
	e := bus.Errorf(bus.CodeUnavailable, "%s", words)
	e.Details = map[string]any{"nodeError": said}
	return e
}
