package record

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/bus/subject"
	"clawdbot/profile/config"
	"clawdbot/profile/tape"
)

// eventsLimit is how many events one answer has when the caller does not say.
const (
	eventsLimit = 500
	maxEvents   = 5000
)

// eventsSince answers events.since from the recording: only what the caller's
// scopes allow, and complete only when all of it was kept as it was sent.
func (s *Server) eventsSince(ctx context.Context, req *bus.Request) (any, error) {
	var q msg.EventsQuery
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	if q.Limit = cmp.Or(q.Limit, eventsLimit); q.Limit < 0 || q.Limit > maxEvents || q.Since < 0 {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "limit must be from 1 to %d and since not negative", maxEvents)
	}
	from := time.UnixMilli(q.Since)
	if q.Cursor != "" {
		last, err := strconv.ParseInt(q.Cursor, 10, 64)
		if err != nil || last < 0 {
			return nil, bus.Errorf(bus.CodeInvalidRequest, "cursor: %.32q is none of events.since", q.Cursor)
		}
		from = time.UnixMicro(last + 1)
	}
	if err := s.flush(ctx, false); err != nil {
		return nil, err
	}
	use, err := s.ring.Use()
	if err != nil {
		return nil, err
	}
	p := past{server: s, query: q, scopes: rpc.Scopes(req.Header), from: from}
	p.answer = msg.EventsSince{Events: []msg.PastEvent{}, Cursor: cursor(from.Add(-time.Microsecond))}
	s.mu.Lock()
	flooded := s.count.flooded
	s.mu.Unlock()
	p.answer.Complete = flooded == 0
	p.reached = use.Files > 0 && !use.Since.After(from)
	err = p.read(ctx, s.ring.Since(from.Add(-time.Microsecond))) // with the entry that the cursor names
	p.answer.Complete = p.answer.Complete && p.reached
	return p.answer, err
}

// cursor names the entry that was recorded at a moment; no two were at one.
func cursor(at time.Time) string { return strconv.FormatInt(max(0, at.UnixMicro()), 10) }

// past gathers one answer.
type past struct {
	server *Server
	query  msg.EventsQuery
	scopes []string
	from   time.Time
	size   int

	reached bool // what came before is recorded, too
	answer  msg.EventsSince
}

func (p *past) read(ctx context.Context, entries iter.Seq2[tape.Entry, error]) error {
	for e, err := range entries {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if e.At.Before(p.from) {
			p.reached = true
			continue
		}
		if e.Gap != "" {
			p.gap(e)
			p.answer.Cursor = cursor(e.At)
			continue
		}
		name := p.server.cfg.Subjects.EventName(e.Subject)
		if !p.wants(name) {
			p.answer.Cursor = cursor(e.At)
			continue
		}
		if p.size += len(e.Body) + 128; len(p.answer.Events) == p.query.Limit || p.size > p.server.room() && len(p.answer.Events) > 0 {
			p.answer.More = true
			break
		}
		p.add(name, e)
	}
	return nil
}

// wants says whether the caller asks for the event, and may have it.
func (p *past) wants(name string) bool {
	switch {
	case name == "", !rpc.Holds(p.scopes, rpc.EventScope(name)):
		return false
	case len(p.query.Names) == 0:
		return name != "tick"
	}
	return slices.Contains(p.query.Names, name)
}

func (p *past) add(name string, e tape.Entry) {
	p.answer.Cursor = cursor(e.At)
	p.answer.Events = append(p.answer.Events, msg.PastEvent{
		Event: name, Payload: slices.Clone(e.Body), TS: e.At.UnixMilli(), Cursor: p.answer.Cursor,
	})
	if e.Raw != nil || bytes.Contains(e.Body, []byte(config.Redacted)) {
		p.answer.Complete = false
	}
}

// gap notes that something is missing, when it may be an event. The end of a
// flood does, too: the flood may have begun before all that is read here.
func (p *past) gap(e tape.Entry) {
	if e.Gap != proves && subject.Overlap(e.Subject, p.server.cfg.Subjects.Events()) {
		p.answer.Complete = false
	}
}
