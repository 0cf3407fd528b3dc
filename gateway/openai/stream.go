package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/gateway/jsonhttp"
)

const (
	// maxBehind is how many events of all runs may wait for one stream. What is lost
	// past it comes with a later event, which has all of the text.
	maxBehind = 1024
	// writeTime is how long a client may take to read one write.
	writeTime = 10 * time.Second
)

// stream answers while the run goes on. Its errors are those from before the
// first byte, and of a client that is gone; later ones are part of the stream.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, ask run, a answerer) error {
	subj, err := s.cfg.Subjects.Event("agent")
	if err != nil {
		return err
	}
	heard := make(chan *nats.Msg, maxBehind)
	sub, err := s.cfg.Conn.ChanSubscribe(subj, heard)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the bus is gone
	if err := s.start(r.Context(), ask); err != nil {
		return err
	}
	ended := make(chan ending, 1)
	ctx, cancel := context.WithCancel(r.Context())
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	waiting.Go(func() {
		text, err := s.wait(ctx, ask)
		ended <- ending{text, err}
	})
	if s.follow(newWriter(w), ask, a, heard, ended) != nil || r.Context().Err() != nil {
		return errGone
	}
	return nil
}

// errGone says that the client does not read its answer any more.
var errGone = errors.New("the client is gone")

// ending is how a run ended.
type ending struct {
	text string
	err  error
}

// follow writes what the run says until its end. Its errors are the writer's. The bus keeps the order of what
// one connection sends, so when the end has come, all that was said waits in
// heard.
func (s *Server) follow(out *writer, ask run, a answerer, heard <-chan *nats.Msg, ended <-chan ending) error {
	if err := out.send(a.opening()); err != nil {
		return err
	}
	var t transcript
	for {
		select {
		case m := <-heard:
			if err := out.pieces(a, t.hear(m, ask.IdempotencyKey)); err != nil {
				return err
			}
		case last := <-ended:
			for len(heard) > 0 {
				if err := out.pieces(a, t.hear(<-heard, ask.IdempotencyKey)); err != nil {
					return err
				}
			}
			if last.err != nil && !errors.Is(last.err, context.Canceled) {
				s.cfg.Log.Info("a streamed run failed", "run", ask.IdempotencyKey, "err", last.err)
			}
			if last.err != nil {
				return out.finish(a.failing(jsonhttp.Of(last.err)))
			}
			if err := out.pieces(a, t.rest(last.text)); err != nil {
				return err
			}
			return out.finish(a.closing(t.all))
		}
	}
}

// transcript is what a stream has said so far.
type transcript struct {
	all   string
	block string // of it, the message that grows
}

// hear returns what an event adds. Each has all of its message so far, so that a
// lost one leaves no gap.
func (t *transcript) hear(m *nats.Msg, runID string) string {
	var e msg.AgentEvent
	if json.Unmarshal(m.Data, &e) != nil || e.RunID != runID || e.Stream != "assistant" {
		return ""
	}
	piece, grows := strings.CutPrefix(e.Data.Text, t.block)
	if e.Data.Text == "" {
		piece, grows = e.Data.Delta, true
		e.Data.Text = t.block + piece
	}
	if !grows && t.all != "" { // another message of the same run
		piece = "\n\n" + e.Data.Text
	}
	t.block = e.Data.Text
	t.all += piece
	return piece
}

// rest returns what the whole answer has beyond all that was said.
func (t *transcript) rest(whole string) string {
	piece, ok := strings.CutPrefix(whole, t.all)
	if !ok {
		return ""
	}
	t.all = whole
	return piece
}

// writer writes server-sent events.
type writer struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func newWriter(w http.ResponseWriter) *writer {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	return &writer{w: w, c: http.NewResponseController(w)}
}

func (o *writer) pieces(a answerer, text string) error {
	if text == "" {
		return nil
	}
	return o.send(a.piece(text))
}

func (o *writer) send(events []event) error {
	var b strings.Builder
	for _, e := range events {
		if e.name != "" {
			b.WriteString("event: " + e.name + "\n")
		}
		data, err := json.Marshal(e.data)
		if err != nil {
			return fmt.Errorf("event %s: %w", e.name, err)
		}
		fmt.Fprintf(&b, "data: %s\n\n", data)
	}
	return o.write(b.String())
}

func (o *writer) finish(events []event) error {
	if err := o.send(events); err != nil {
		return err
	}
	return o.write("data: [DONE]\n\n")
}

func (o *writer) write(text string) error {
	if err := o.c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.c.Flush()
}
