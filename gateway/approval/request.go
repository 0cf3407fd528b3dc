package approval

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

const (
	defaultWait = 2 * time.Minute
	longestWait = 30 * time.Minute
	maxID       = 128   // bytes
	maxCommand  = 65536 // bytes
)

// request is one that waits.
type request struct {
	msg.ExecPending
	decided chan string // has room for the decision
}

// request is exec.approval.request: it waits for a decision.
func (s *Server) request(ctx context.Context, req *bus.Request) (any, error) {
	var q msg.ExecRequest
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	wait := defaultWait
	if q.TimeoutMs != 0 {
		wait = time.Duration(q.TimeoutMs) * time.Millisecond
	}
	switch {
	case strings.TrimSpace(q.Command) == "":
		return nil, invalid("command: missing")
	case len(q.Command) > maxCommand:
		return nil, invalid("command: %d bytes, at most %d are taken", len(q.Command), maxCommand)
	case len(q.ID) > maxID:
		return nil, invalid("id: %d bytes, at most %d are taken", len(q.ID), maxID)
	case q.TimeoutMs < 0 || q.TimeoutMs > longestWait.Milliseconds():
		return nil, invalid("timeoutMs: must be from 1 to %d (%s)", longestWait.Milliseconds(), longestWait)
	}
	r, err := s.begin(q, wait)
	if err != nil {
		return nil, err
	}
	answer := msg.ExecAnswer{ID: r.ID, CreatedAtMs: r.CreatedAtMs, ExpiresAtMs: r.ExpiresAtMs}
	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case decision := <-r.decided:
		answer.Decision = &decision
	case <-over.C:
		answer.Decision = s.giveUp(r)
	case <-ctx.Done():
		if answer.Decision = s.giveUp(r); answer.Decision == nil {
			return nil, &bus.Error{Code: bus.CodeUnavailable, Message: "nobody has decided yet, and the gateway stops: ask again", Retryable: true}
		}
	}
	return answer, nil
}

// begin puts a request among those that wait, and tells of it.
func (s *Server) begin(q msg.ExecRequest, wait time.Duration) (*request, error) {
	if q.ID == "" {
		q.ID = strings.ToLower(rand.Text())
	}
	now := time.Now()
	r := &request{
		ExecPending: msg.ExecPending{ID: q.ID, Request: q.ExecCommand, CreatedAtMs: now.UnixMilli(), ExpiresAtMs: now.Add(wait).UnixMilli()},
		decided:     make(chan string, 1),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[q.ID] != nil {
		return nil, invalid("approval id already pending: %s", q.ID)
	}
	if len(s.waiting) >= s.cfg.MaxWaiting {
		return nil, &bus.Error{
			Code: bus.CodeUnavailable, Message: "too many commands wait for a decision", Retryable: true, RetryAfterMs: 1000,
			Details: map[string]any{"waiting": len(s.waiting)},
		}
	}
	s.waiting[q.ID] = r
	s.publish(s.requested, r.ExecPending)
	return r, nil
}

// giveUp takes a request away whose time is over. It returns the decision that
// came at that moment, or nil.
func (s *Server) giveUp(r *request) *string {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case decision := <-r.decided:
		return &decision
	default:
		delete(s.waiting, r.ID)
		return nil
	}
}

// resolve is exec.approval.resolve. That the client may decide, the gateway has
// checked.
func (s *Server) resolve(_ context.Context, req *bus.Request) (any, error) {
	var q msg.ExecResolve
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	if q.Decision != msg.AllowOnce && q.Decision != msg.AllowAlways && q.Decision != msg.Deny {
		return nil, invalid("decision: must be allow-once, allow-always or deny (got %.32q)", q.Decision)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.waiting[q.ID]
	if r == nil {
		return nil, invalid("unknown approval id: %.128s", q.ID)
	}
	if q.Decision == msg.AllowAlways {
		if err := s.remember(r.Request); err != nil {
			return nil, err
		}
	}
	delete(s.waiting, q.ID)
	r.decided <- q.Decision
	by := req.Header.Get(rpc.HeaderClient)
	s.publish(s.resolved, msg.ExecResolved{ID: q.ID, Decision: q.Decision, ResolvedBy: by, TS: time.Now().UnixMilli()})
	s.cfg.Log.Info("command decided", "id", q.ID, "decision", q.Decision, "client", by)
	return msg.OK{OK: true}, nil
}

func invalid(format string, args ...any) *bus.Error {
	return bus.Errorf(bus.CodeInvalidRequest, format, args...)
}
