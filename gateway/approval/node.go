package approval

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// The node's commands for its own document.
const (
	commandGet = "system.execApprovals.get"
	commandSet = "system.execApprovals.set"
)

// nodeTime is how long a node may take.
const nodeTime = 30 * time.Second

func (s *Server) nodeGet(ctx context.Context, req *bus.Request) (any, error) {
	var q msg.ExecNodeGet
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	return s.invoke(ctx, q.NodeID, commandGet, struct{}{})
}

func (s *Server) nodeSet(ctx context.Context, req *bus.Request) (any, error) {
	var q msg.ExecNodeSet
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	if err := check(q.File); err != nil {
		return nil, err
	}
	return s.invoke(ctx, q.NodeID, commandSet, q.ExecSet)
}

// invoke runs a command on a node and returns what that answers.
func (s *Server) invoke(ctx context.Context, nodeID, command string, params any) (any, error) {
	if nodeID == "" {
		return nil, invalid("nodeId: missing")
	}
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	subj, err := s.cfg.Subjects.RPC("node.invoke")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTime+5*time.Second)
	defer cancel()
	var done msg.NodeInvoked
	err = bus.Call(ctx, s.nc, subj, msg.NodeInvoke{
		NodeID: nodeID, Command: command, Params: raw, TimeoutMs: nodeTime.Milliseconds(), IdempotencyKey: rand.Text(),
	}, &done)
	if err != nil {
		return nil, err
	}
	if len(done.Payload) == 0 {
		done.Payload = json.RawMessage(done.PayloadJSON)
	}
	var doc msg.ExecApprovals
	if err := json.Unmarshal(done.Payload, &doc); err != nil {
		return nil, bus.Errorf(bus.CodeUnavailable, "node %s gave no approvals: %v", nodeID, err)
	}
	if doc.File.Socket != nil {
		doc.File.Socket.Token = ""
	}
	return doc, nil
}
