package gateway

import (
	"bytes"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/gateway/frame"
	"clawdbot/profile/near"
)

// requestTimeout is how long a method may take whose row says nothing; what takes
// longer answers at once and tells the rest in events.
const requestTimeout = 60 * time.Second

// method is what the gateway knows of one.
type method struct {
	rpc.Method
	listed  bool // in the table, so its params are checked here
	subject string
	same    atomic.Pointer[[]byte] // an answer that was found to be JSON
}

// method returns what is known of a method, or nil for what is no method's name.
func (s *Server) method(name string) *method {
	if m, ok := s.known.Load(name); ok {
		return m.(*method)
	}
	subj, err := s.cfg.Subjects.RPC(name)
	if err != nil {
		return nil
	}
	m := &method{subject: subj}
	if m.Method, m.listed = rpc.Find(name); !m.listed {
		m.Method = rpc.Method{Name: name, Scope: rpc.ScopeOf(name)}
		return m // not kept: clients make up names
	}
	s.known.Store(name, m)
	return m
}

// within is how long the owner may take.
func (m *method) within() time.Duration {
	if m.Timeout > 0 {
		return m.Timeout
	}
	return requestTimeout
}

// isJSON says whether clients can be sent the answer. Owners that answer from
// memory send the same bytes again and again.
func (m *method) isJSON(answer []byte) bool {
	if same := m.same.Load(); same != nil && bytes.Equal(*same, answer) {
		return true
	}
	if len(answer) > 0 && !jsontext.Value(answer).IsValid(jsontext.AllowDuplicateNames(true)) {
		return false
	}
	m.same.Store(&answer)
	return true
}

// answer authorises and checks a request and asks its owner on the bus. It does
// not wait.
func (s *Server) answer(c *session, req frame.Request) {
	start := time.Now()
	m, failed := s.authorised(c, req)
	if failed == nil {
		failed = s.calls.ask(&call{client: c, id: req.ID, method: m, start: start}, req.Params)
	}
	if failed != nil {
		s.metrics.request(s.methods.label(req.Method), failed.Code, time.Since(start))
		c.respond(req.ID, nil, failed)
	}
}

func (s *Server) authorised(c *session, req frame.Request) (*method, *frame.Error) {
	if req.Method == frame.MethodConnect {
		return nil, invalid("connect is only valid as the first request")
	}
	m := s.method(req.Method)
	if m == nil {
		return nil, invalid("unknown method: %.64q", req.Method)
	}
	isNode := c.connect.Role == frame.RoleNode
	switch {
	case isNode != (m.Scope == rpc.Node):
		return nil, invalid("unauthorized role: %s", c.connect.Role)
	case !isNode && !rpc.Holds(c.connect.Scopes, m.Scope):
		return nil, invalid("missing scope: %s", m.Scope)
	}
	if m.listed {
		if err := m.Check(req.Params); err != nil {
			return nil, invalid("invalid %s params: %v", req.Method, err)
		}
	}
	return m, nil
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
	if name == "chat" && over(m.Data) {
		s.look()
	}
}

// forwardToOne sends an event to the one client that it is for. A client that
// reads slowly does without: these events tell how something is now, and the next
// one tells more.
func (s *Server) forwardToOne(m *nats.Msg) {
	c := s.hub.byID(s.cfg.Subjects.ClientConn(m.Subject))
	if c == nil || c.out.crowded() {
		return
	}
	var e msg.ClientEvent
	if err := json.Unmarshal(m.Data, &e); err != nil || e.Event == "" {
		s.cfg.Log.Warn("dropped an event for one client that is none", "subject", m.Subject, "err", err)
		return
	}
	if rpc.Holds(c.connect.Scopes, rpc.EventScope(e.Event)) {
		s.metrics.events.Inc()
		c.event(e.Event, e.Payload)
	}
}
