package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/gateway/frame"
	"clawdbot/profile/near"
)

// requestTimeout is how long a method may take; what takes longer answers at
// once and tells the rest in events.
const requestTimeout = 60 * time.Second

// Headers of a forwarded request, which tell its owner who asks.
const (
	headerClient = "Clawdbot-Client" // the client's id
	headerConn   = "Clawdbot-Conn"   // the connection's id
)

// answer authorises a request and has it answered on the bus.
func (s *Server) answer(ctx context.Context, c *session, req frame.Request) ([]byte, *frame.Error) {
	start := time.Now()
	payload, failed := s.authorised(ctx, c, req)
	code := "ok"
	if failed != nil {
		code = failed.Code
	}
	s.metrics.request(s.methods.label(req.Method), code, time.Since(start))
	return payload, failed
}

func (s *Server) authorised(ctx context.Context, c *session, req frame.Request) ([]byte, *frame.Error) {
	need := methodScope(req.Method)
	switch {
	case req.Method == frame.MethodConnect:
		return nil, invalid("connect is only valid as the first request")
	case need == nodeOnly:
		return nil, invalid("unauthorized role: %s", c.connect.Role)
	case !holds(c.connect.Scopes, need):
		return nil, invalid("missing scope: %s", need)
	}
	return s.forward(ctx, c, req)
}

// forward requests the method's subject and returns what its owner answers.
func (s *Server) forward(ctx context.Context, c *session, req frame.Request) ([]byte, *frame.Error) {
	subj, err := s.cfg.Subjects.RPC(req.Method)
	if err != nil {
		return nil, invalid("unknown method: %.64q", req.Method)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m := nats.NewMsg(subj)
	m.Data = req.Params
	m.Header.Set(headerClient, c.connect.Client.ID)
	m.Header.Set(headerConn, c.id)
	reply, err := s.nc.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, s.unknownMethod(req.Method)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &frame.Error{Code: frame.CodeUnavailable, Message: req.Method + ": no answer within " + requestTimeout.String(), Retryable: true}
	case err != nil:
		return nil, &frame.Error{Code: frame.CodeUnavailable, Message: req.Method + ": " + err.Error()}
	}
	if code := reply.Header.Get(micro.ErrorCodeHeader); code != "" {
		failed := &frame.Error{Code: code, Message: reply.Header.Get(micro.ErrorHeader)}
		_ = json.Unmarshal(reply.Data, failed) // details, when there are any
		return nil, failed
	}
	return reply.Data, nil
}

// unknownMethod answers for a method that nobody serves, and looks again who
// serves what.
func (s *Server) unknownMethod(method string) *frame.Error {
	s.methods.forget(method)
	s.survey()
	failed := invalid("unknown method: %s", method)
	if names := near.Names(method, s.methods.list(), 3); len(names) > 0 {
		failed.Details = map[string]any{"near": names}
		failed.Message += "; did you mean " + names[0] + "?"
	}
	return failed
}

// forwardEvent sends an event of the bus to the clients.
func (s *Server) forwardEvent(m *nats.Msg) {
	name := s.cfg.Subjects.EventName(m.Subject)
	if name == "shutdown" { // each life of this component tells its own clients, see stop
		return
	}
	var version *frame.StateVersion
	if name == "presence" || name == "health" {
		v := s.stateVersion()
		version = &v
	}
	e, err := newEvent(name, m.Data, version)
	if err != nil {
		s.cfg.Log.Warn("dropped an event that is not JSON", "event", name, "err", err)
		return
	}
	s.metrics.events.Inc()
	s.hub.broadcast(e)
}
