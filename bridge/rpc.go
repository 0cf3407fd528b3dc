package bridge

import (
	"context"
	"encoding/json"
	"time"

	"clawdbot/bus"
)

// nodes is the answer of rpc.node.list.
type nodes struct {
	TS    int64      `json:"ts"`
	Nodes []struct{} `json:"nodes"` // none can be paired yet
}

// pairs is the answer of rpc.node.pair.list.
type pairs struct {
	Pending []struct{} `json:"pending"` // none can be asked for yet
	Paired  []struct{} `json:"paired"`
}

// invokeParams are those of rpc.node.invoke.
type invokeParams struct {
	NodeID         string          `json:"nodeId"`
	Command        string          `json:"command"`
	Params         json.RawMessage `json:"params"`
	TimeoutMs      int64           `json:"timeoutMs"`
	IdempotencyKey string          `json:"idempotencyKey"`
}

// serveBus puts the health and the micro service on the bus.
func (s *Server) serveBus(version string) error {
	handlers := []struct {
		method, endpoint string
		handle           bus.Handler
	}{
		{"node.list", "node-list", s.nodeList},
		{"node.pair.list", "node-pair-list", s.pairList},
		{"node.invoke", "node-invoke", s.nodeInvoke},
	}
	var endpoints []bus.Endpoint
	for _, h := range handlers {
		subj, err := s.subjects.RPC(h.method)
		if err != nil {
			return err
		}
		endpoints = append(endpoints, bus.Endpoint{Name: h.endpoint, Subject: subj, Handle: h.handle})
	}
	health, err := bus.NewHealth(s.nc, s.subjects, name)
	if err != nil {
		return err
	}
	svc, err := bus.Serve(bus.ServiceConfig{
		Name: name, Version: version, Description: "nodes over TCP, one JSON object a line",
		Profile: s.subjects.Profile(), Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	s.health, s.svc = health, svc
	return err
}

func (s *Server) nodeList(context.Context, *bus.Request) (any, error) {
	return nodes{TS: time.Now().UnixMilli(), Nodes: []struct{}{}}, nil
}

func (s *Server) pairList(context.Context, *bus.Request) (any, error) {
	return pairs{Pending: []struct{}{}, Paired: []struct{}{}}, nil
}

func (s *Server) nodeInvoke(_ context.Context, req *bus.Request) (any, error) {
	var p invokeParams
	if err := req.Decode(&p); err != nil {
		return nil, err
	}
	if err := s.checkNodeID(p.NodeID); err != nil {
		return nil, err
	}
	switch {
	case p.Command == "":
		return nil, bus.Errorf(bus.CodeInvalidRequest, "command: missing")
	case p.IdempotencyKey == "":
		return nil, bus.Errorf(bus.CodeInvalidRequest, "idempotencyKey: missing")
	case p.TimeoutMs < 0:
		return nil, bus.Errorf(bus.CodeInvalidRequest, "timeoutMs: must not be negative")
	}
	return nil, &bus.Error{
		Code: bus.CodeUnavailable, Message: "node not connected",
		Details: map[string]any{"code": "NOT_CONNECTED"},
	}
}
