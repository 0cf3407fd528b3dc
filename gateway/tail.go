package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/profile/tape"
)

// Bounds of tails. What is beyond them is counted, not shown.
const (
	maxTails       = 4                      // of one connection
	tailEvery      = 100 * time.Millisecond // between batches
	maxTailBatch   = 100                    // messages
	maxTailBytes   = 256 << 10              // of one batch
	maxTailMessage = 64 << 10               // of a message whose payload is shown
	maxTailRates   = 200                    // subjects
	otherSubjects  = "…"                    // all subjects past those
)

// tails are the clients' live views of the bus.
type tails struct {
	srv *Server

	mu      sync.Mutex
	open    map[*session][]*tail
	stopped bool
	running sync.WaitGroup
}

func newTails(s *Server) *tails { return &tails{srv: s, open: map[*session][]*tail{}} }

// tail is one of them. It has a connection to the bus of its own: what floods it
// delays nobody's answers.
type tail struct {
	id     string
	client *session
	hide   *tape.Redactor
	nc     *nats.Conn
	subs   []*nats.Subscription
	done   chan struct{}

	mu      sync.Mutex
	batch   []*nats.Msg
	size    int // bytes of batch
	dropped int
	lost    int            // by the connection, as of the last batch
	rates   map[string]int // messages by subject
}

// serveTail implements bus.tail.
func (ts *tails) serveTail(_ context.Context, r *bus.Request) (any, error) {
	var ask msg.Tail
	if err := r.Decode(&ask); err != nil {
		return nil, err
	}
	client := ts.srv.hub.byID(r.Header.Get(rpc.HeaderConn))
	if client == nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "bus.tail is for clients of the gateway; a service on the bus subscribes")
	}
	var patterns []string
	for _, s := range ask.Subjects {
		p, err := ts.srv.cfg.Subjects.Pattern(s)
		if err != nil {
			return nil, bus.Errorf(bus.CodeInvalidRequest, "bus.tail: %.64q is no pattern of subjects under clawdbot.", s)
		}
		patterns = append(patterns, p)
	}
	t, err := ts.begin(client, patterns)
	if err != nil {
		return nil, err
	}
	return msg.TailID{ID: t.id}, nil
}

// serveUntail implements bus.untail.
func (ts *tails) serveUntail(_ context.Context, r *bus.Request) (any, error) {
	var ask msg.TailID
	if err := r.Decode(&ask); err != nil {
		return nil, err
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	client := ts.srv.hub.byID(r.Header.Get(rpc.HeaderConn))
	for i, t := range ts.open[client] {
		if t.id == ask.ID {
			close(t.done)
			ts.open[client] = append(ts.open[client][:i:i], ts.open[client][i+1:]...)
			return msg.OK{OK: true}, nil
		}
	}
	return nil, bus.Errorf(bus.CodeInvalidRequest, "bus.untail: this connection has no tail %.64q", ask.ID)
}

// begin starts a tail, unless the client has gone meanwhile.
func (ts *tails) begin(client *session, patterns []string) (*tail, error) {
	nc, err := ts.srv.cfg.Dial()
	if err != nil {
		return nil, fmt.Errorf("bus.tail: %w", err)
	}
	t := &tail{
		id: newID(), client: client, hide: tape.NewRedactor(ts.srv.cfg.Secrets()), nc: nc,
		done: make(chan struct{}), rates: map[string]int{},
	}
	if err := t.subscribe(patterns); err != nil {
		nc.Close()
		return nil, fmt.Errorf("bus.tail: %w", err)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var no error
	switch {
	case ts.stopped, client.out.ended():
		no = bus.Errorf(bus.CodeUnavailable, "bus.tail: the connection ends")
	case len(ts.open[client]) >= maxTails:
		no = bus.Errorf(bus.CodeUnavailable, "bus.tail: a connection has at most %d tails; end one with bus.untail", maxTails)
	}
	if no != nil {
		nc.Close()
		return nil, no
	}
	ts.open[client] = append(ts.open[client], t)
	ts.running.Go(t.run)
	return t, nil
}

// end ends all tails of a client.
func (ts *tails) end(client *session) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.open[client] {
		close(t.done)
	}
	delete(ts.open, client)
}

// stop ends all tails and waits for them.
func (ts *tails) stop() {
	ts.mu.Lock()
	ts.stopped = true
	for _, list := range ts.open {
		for _, t := range list {
			close(t.done)
		}
	}
	clear(ts.open)
	ts.mu.Unlock()
	ts.running.Wait()
}

func (t *tail) subscribe(patterns []string) error {
	for _, p := range patterns {
		sub, err := t.nc.Subscribe(p, t.hear)
		if err != nil {
			return err
		}
		if err := sub.SetPendingLimits(4*maxTailBatch, 4*maxTailBytes); err != nil {
			return err
		}
		t.subs = append(t.subs, sub)
	}
	return t.nc.Flush()
}

// hear keeps a message for the next batch, or only counts it.
func (t *tail) hear(m *nats.Msg) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := m.Subject
	if _, known := t.rates[name]; !known && len(t.rates) >= maxTailRates {
		name = otherSubjects
	}
	t.rates[name]++
	if len(t.batch) >= maxTailBatch || t.size+len(m.Data) > maxTailBytes && len(t.batch) > 0 {
		t.dropped++
		return
	}
	t.size += min(len(m.Data), maxTailMessage)
	t.batch = append(t.batch, m)
}

func (t *tail) run() {
	defer t.nc.Close()
	batch, rates := time.NewTicker(tailEvery), time.NewTicker(time.Second)
	defer batch.Stop()
	defer rates.Stop()
	for {
		select {
		case <-t.done:
			return
		case now := <-batch.C:
			t.flush(now)
		case <-rates.C:
			t.client.event("bus.rates", t.rate())
		}
	}
}

// flush sends what came. A client that reads slowly gets the count of it instead.
func (t *tail) flush(now time.Time) {
	t.mu.Lock()
	batch, dropped := t.batch, t.dropped+t.overrun()
	t.batch, t.size, t.dropped = nil, 0, 0
	t.mu.Unlock()
	if len(batch) == 0 && dropped == 0 {
		return
	}
	if t.client.out.crowded() {
		t.mu.Lock()
		t.dropped += len(batch) + dropped
		t.mu.Unlock()
		return
	}
	e := msg.BusMessages{ID: t.id, Messages: make([]msg.BusMessage, 0, len(batch)), Dropped: dropped}
	for _, m := range batch {
		e.Messages = append(e.Messages, t.show(m, now))
	}
	t.client.event("bus.message", e)
}

// overrun returns how many messages the connection itself had to drop since the
// last time. It runs under the lock.
func (t *tail) overrun() int {
	lost := 0
	for _, sub := range t.subs {
		n, _ := sub.Dropped() // fails only when the connection is closed
		lost += n
	}
	since := lost - t.lost
	t.lost = lost
	return since
}

// show is what a client sees of a message. A long one is not cut but left out, so
// that no half of a secret is shown.
func (t *tail) show(m *nats.Msg, now time.Time) msg.BusMessage {
	b := msg.BusMessage{Subject: m.Subject, TS: now.UnixMilli(), Bytes: len(m.Data)}
	if len(m.Data) > maxTailMessage {
		b.Truncated = true
		return b
	}
	if safe := t.hide.Redact(m.Data); json.Valid(safe) {
		b.Data = safe
	} else {
		b.Text = string(safe)
	}
	return b
}

func (t *tail) rate() msg.BusRates {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := msg.BusRates{ID: t.id, Subjects: t.rates}
	t.rates = make(map[string]int, len(t.rates))
	return e
}

// servePublish implements bus.publish.
func (s *Server) servePublish(_ context.Context, r *bus.Request) (any, error) {
	var p msg.BusPublish
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	subj, err := s.cfg.Subjects.Plain(p.Subject)
	if err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "bus.publish: %.64q is no subject of this profile", p.Subject)
	}
	if err := s.nc.Publish(subj, p.Data); err != nil {
		return nil, fmt.Errorf("bus.publish: %w", err)
	}
	return msg.BusPublished{Subject: subj}, nil
}
