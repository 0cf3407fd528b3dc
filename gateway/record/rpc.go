package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"clawdbot/bus"
	"clawdbot/profile/tape"
)

// Query is asked of rpc.record.show and rpc.record.export.
type Query struct {
	LastMs  int64     `json:"lastMs,omitempty"`  // how far back; 0 means 10 min for show, everything for export
	Subject string    `json:"subject,omitempty"` // in.> or clawdbot.main.in.>; "" means all
	Limit   int       `json:"limit,omitempty"`   // of show: entries, the newest; 0 means 500
	After   time.Time `json:"after,omitzero"`    // of export: the Next of the page before
	Bodies  bool      `json:"bodies,omitempty"`  // with what people wrote
}

// Shown is the answer of rpc.record.show.
type Shown struct {
	Entries   []json.RawMessage `json:"entries"` // tape.Entry, the oldest first
	Truncated bool              `json:"truncated"`
}

// Page is the answer of rpc.record.export: the whole recording, in pages that
// the bus takes. Asking with After until Next is zero gives it all.
type Page struct {
	Header  tape.Header       `json:"header"`
	Entries []json.RawMessage `json:"entries"` // tape.Entry, the oldest first
	Next    time.Time         `json:"next,omitzero"`
}

// Stats is the answer of rpc.record.stats. Times are Unix milliseconds.
type Stats struct {
	Since    int64            `json:"since"` // of the oldest file; 0 for an empty recording
	Files    int              `json:"files"`
	Bytes    int64            `json:"bytes"`
	Messages map[string]int64 `json:"messages"` // by kind, since the recorder began
	Gaps     int64            `json:"gaps"`     // floods of which only a part was recorded
	Lost     int64            `json:"lost"`     // entries that the disk refused
}

const (
	showLast  = 10 * time.Minute
	showLimit = 500
	askTime   = 5 * time.Second
)

func (s *Server) serve() (err error) {
	var endpoints []bus.Endpoint
	for _, e := range []bus.Endpoint{
		{Name: "show", Handle: s.show}, {Name: "export", Handle: s.export}, {Name: "stats", Handle: s.stats},
	} {
		if e.Subject, err = s.cfg.Subjects.RPC(name + "." + e.Name); err != nil {
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

// choose reads a request and what entries it wants.
func (s *Server) choose(req *bus.Request) (q Query, entries tape.Query, err error) {
	if err := req.Decode(&q); err != nil {
		return q, entries, err
	}
	if q.LastMs < 0 || q.Limit < 0 {
		return q, entries, bus.Errorf(bus.CodeInvalidRequest, "lastMs and limit must not be negative")
	}
	if entries.Subject, err = tape.Pattern(s.cfg.Subjects, q.Subject); err != nil {
		return q, entries, bus.Errorf(bus.CodeInvalidRequest, "subject: %v", err)
	}
	if q.LastMs > 0 {
		entries.Since = time.Now().Add(-time.Duration(q.LastMs) * time.Millisecond)
	}
	return q, entries, nil
}

// room is how many bytes of entries fit into one reply.
func (s *Server) room() int { return int(s.nc.MaxPayload()) * 3 / 4 }

func (s *Server) show(ctx context.Context, req *bus.Request) (any, error) {
	q, chosen, err := s.choose(req)
	if err == nil {
		err = s.flush(ctx, false)
	}
	if err != nil {
		return nil, err
	}
	if q.Limit == 0 {
		q.Limit = showLimit
	}
	if q.LastMs == 0 {
		chosen.Since = time.Now().Add(-showLast)
	}
	shown, size := Shown{Entries: []json.RawMessage{}}, 0
	for e, err := range chosen.Of(s.ring.Since(chosen.Since)) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		line, err := q.render(e)
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
	q, chosen, err := s.choose(req)
	if err == nil {
		err = s.flush(ctx, false)
	}
	if err != nil {
		return nil, err
	}
	if q.After.After(chosen.Since) {
		chosen.Since = q.After.Add(time.Microsecond)
	}
	page, size := Page{Entries: []json.RawMessage{}}, 0
	page.Header = tape.Header{
		Format: tape.Format, Version: s.cfg.Version, Profile: s.cfg.Subjects.Profile(), From: chosen.Since, To: time.Now().UTC(),
		Subject: chosen.Subject, Redacted: true, Bodies: q.Bodies,
	}
	var last time.Time
	for e, err := range chosen.Of(s.ring.Since(chosen.Since)) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		line, err := q.render(e)
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

func (q Query) render(e tape.Entry) (json.RawMessage, error) {
	if !q.Bodies {
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
	st := Stats{Files: use.Files, Bytes: use.Bytes, Messages: maps.Clone(s.count.kinds), Gaps: s.count.gaps, Lost: s.count.lost}
	if use.Files > 0 {
		st.Since = use.Since.UnixMilli()
	}
	return st, nil
}
