package record

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/tape"
)

const (
	showLast  = 10 * time.Minute
	showLimit = 500
	askTime   = 5 * time.Second
)

func (s *Server) serve() (err error) {
	var endpoints []bus.Endpoint
	for _, e := range []bus.Endpoint{
		{Name: "record-show", Handle: s.show}, {Name: "record-export", Handle: s.export}, {Name: "record-stats", Handle: s.stats},
		{Name: "events-since", Handle: s.eventsSince},
	} {
		if e.Subject, err = s.cfg.Subjects.RPC(strings.ReplaceAll(e.Name, "-", ".")); err != nil {
			return err
		}
		endpoints, s.own = append(endpoints, e), append(s.own, e.Subject)
	}
	s.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: s.cfg.Version, Description: "keeps the last traffic of the bus", Profile: s.cfg.Subjects.Profile(),
		Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

// flush returns when the loop has written all that had reached it; when asked
// to prove, with an error if it is not on the disk.
func (s *Server) flush(ctx context.Context, prove bool) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	a := ask{prove, make(chan error, 1)}
	select {
	case s.asks <- a:
	case <-ctx.Done():
		return fmt.Errorf("the recorder does not answer: %w", ctx.Err())
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the recorder does not get on with its work: %w", ctx.Err())
	}
}

// probe is the component's own piece of work.
func (s *Server) probe(ctx context.Context) (did string, err error) {
	return "wrote an entry and read it back", s.flush(ctx, true)
}

// choose says what entries a request wants, which are written now.
func (s *Server) choose(ctx context.Context, lastMs int64, subj string) (chosen tape.Query, err error) {
	if lastMs < 0 {
		return chosen, bus.Errorf(bus.CodeInvalidRequest, "lastMs must not be negative")
	}
	if chosen.Subject, err = tape.Pattern(s.cfg.Subjects, subj); err != nil {
		return chosen, bus.Errorf(bus.CodeInvalidRequest, "subject: %v", err)
	}
	if lastMs > 0 {
		chosen.Since = time.Now().Add(-time.Duration(lastMs) * time.Millisecond)
	}
	return chosen, s.flush(ctx, false)
}

// room is how many bytes of entries fit into one reply.
func (s *Server) room() int { return int(s.nc.MaxPayload()) * 3 / 4 }

func (s *Server) show(ctx context.Context, req *bus.Request) (any, error) {
	var q msg.RecordQuery
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	if q.Limit < 0 {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "limit must not be negative")
	}
	q.Limit = cmp.Or(q.Limit, showLimit)
	chosen, err := s.choose(ctx, cmp.Or(q.LastMs, showLast.Milliseconds()), q.Subject)
	if err != nil {
		return nil, err
	}
	shown, size := msg.RecordShown{Entries: []json.RawMessage{}}, 0
	for e, err := range chosen.Of(s.ring.Since(chosen.Since)) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		line, err := render(e, q.Bodies)
		if err != nil {
			return nil, err
		}
		shown.Entries = append(shown.Entries, line)
		for size += len(line); len(shown.Entries) > q.Limit || size > s.room(); shown.Entries = shown.Entries[1:] {
			size -= len(shown.Entries[0])
			shown.Truncated = true
		}
	}
	return shown, nil
}

func (s *Server) export(ctx context.Context, req *bus.Request) (any, error) {
	var q msg.RecordExport
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	chosen, err := s.choose(ctx, q.LastMs, q.Subject)
	if err != nil {
		return nil, err
	}
	if q.After.After(chosen.Since) {
		chosen.Since = q.After.Add(time.Microsecond)
	}
	page, size := msg.RecordPage{Entries: []json.RawMessage{}}, 0
	page.Header = msg.RecordHeader{
		Format: tape.Format, Version: s.cfg.Version, Profile: s.cfg.Subjects.Profile(), From: chosen.Since, To: time.Now().UTC(),
		Subject: chosen.Subject, Redacted: true, Bodies: q.Bodies,
	}
	var last time.Time
	for e, err := range chosen.Of(s.ring.Since(chosen.Since)) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		line, err := render(e, q.Bodies)
		if err != nil {
			return nil, err
		}
		if size += len(line); size > s.room() {
			page.Next = last
			break
		}
		page.Entries, last = append(page.Entries, line), e.At
	}
	return page, nil
}

// render is an entry as it is told, with what people wrote or without.
func render(e tape.Entry, bodies bool) (json.RawMessage, error) {
	if !bodies {
		e = e.Closed()
	}
	return json.Marshal(e)
}

func (s *Server) stats(ctx context.Context, _ *bus.Request) (any, error) {
	if err := s.flush(ctx, false); err != nil {
		return nil, err
	}
	use, err := s.ring.Use()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := msg.RecordStats{Files: use.Files, Bytes: use.Bytes, Messages: maps.Clone(s.count.kinds), Gaps: s.count.gaps, Lost: s.count.lost}
	if use.Files > 0 {
		st.Since = use.Since.UnixMilli()
	}
	return st, nil
}
