package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"clawdbot/gateway/frame"
)

const (
	// maxInFlight bounds the requests of one connection.
	maxInFlight = 64
	// closeGrace is how long a client may take to answer a close frame.
	closeGrace = 250 * time.Millisecond
	// pongGrace is how long a client may take to answer a ping.
	pongGrace = 10 * time.Second
)

// session is one WebSocket connection.
type session struct {
	srv   *Server
	req   *http.Request // the upgrade
	ws    *websocket.Conn
	tcp   net.Conn // under ws, to cut it off
	out   *outbox
	id    string
	nonce string

	written   chan struct{} // the writer has ended
	admitted  chan struct{} // the handshake is over; connect and since are set
	connect   frame.Connect
	since     time.Time
	slots     chan struct{}
	answering sync.WaitGroup
}

// serveWebSocket speaks with one client until either side ends it. Origin is
// checked by the gate, whose rules are stricter than the library's.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil { // answered by Accept
		return
	}
	ws.SetReadLimit(int64(s.cfg.Limits.MaxPayload))
	c := &session{
		srv: s, req: r, ws: ws, tcp: r.Context().Value(connKey{}).(net.Conn),
		out: newOutbox(s.cfg.Limits.MaxBuffered), id: newID(), nonce: newID(),
		written: make(chan struct{}), admitted: make(chan struct{}), slots: make(chan struct{}, maxInFlight),
	}
	if !s.hub.add(c) {
		_ = ws.CloseNow()
		return
	}
	defer s.hub.remove(c)
	c.run()
}

// newID returns a random UUID, version 4 of RFC 9562.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (c *session) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(c.write)
	parts.Go(func() { c.keep(ctx) })
	code, reason := c.read(ctx)
	cancel()
	c.answering.Wait()
	c.end(code, reason)
	parts.Wait()
}

// read handles frames until the connection ends, and tells how to end it.
func (c *session) read(ctx context.Context) (websocket.StatusCode, string) {
	challenge, _ := json.Marshal(frame.Challenge{Nonce: c.nonce, TS: time.Now().UnixMilli()})
	body, _ := json.Marshal(frame.Event{Type: frame.TypeEvent, Event: frame.EventChallenge, Payload: challenge})
	c.send(message{body: body})

	first, err := c.receive()
	if err != nil {
		return websocket.StatusNormalClosure, ""
	}
	if no := c.admit(first); no != nil {
		if no.err != nil {
			c.respond(no.id, nil, no.err)
		}
		c.srv.cfg.Log.Info("refused a client", "client", c.req.RemoteAddr, "reason", no.reason)
		return no.code, no.reason
	}
	for {
		b, err := c.receive()
		if err != nil {
			return websocket.StatusNormalClosure, ""
		}
		c.handle(ctx, b)
	}
}

// receive returns the next message. Protocol 3 has text messages only, so a
// binary one is no frame: it becomes one that cannot be decoded. No context
// that ends is given to Read, for it would cut the connection off.
func (c *session) receive() ([]byte, error) {
	kind, b, err := c.ws.Read(context.Background())
	if err == nil && kind != websocket.MessageText {
		b = nil
	}
	return b, err
}

// handle answers one frame after the handshake, each on its own goroutine.
func (c *session) handle(ctx context.Context, b []byte) {
	req, err := frame.DecodeRequest(b)
	if err != nil {
		c.respond(req.ID, nil, invalid("invalid request frame: %v", err))
		return
	}
	select {
	case c.slots <- struct{}{}:
	default:
		c.respond(req.ID, nil, &frame.Error{
			Code: frame.CodeUnavailable, Retryable: true, RetryAfterMs: 100,
			Message: fmt.Sprintf("more than %d requests in flight on this connection", maxInFlight),
		})
		return
	}
	c.answering.Go(func() {
		defer func() { <-c.slots }()
		payload, failed := c.srv.answer(ctx, c, req)
		c.respond(req.ID, payload, failed)
	})
}

func (c *session) respond(id string, payload []byte, failed *frame.Error) {
	body, err := json.Marshal(frame.Response{Type: frame.TypeResponse, ID: id, OK: failed == nil, Payload: payload, Error: failed})
	if err != nil { // a service that answers with something else
		failed = &frame.Error{Code: frame.CodeUnavailable, Message: "the answer is not JSON"}
		body, _ = json.Marshal(frame.Response{Type: frame.TypeResponse, ID: id, Error: failed})
	}
	c.send(message{body: body})
}

// send queues a frame, and drops a client that is too slow for it.
func (c *session) send(m message) {
	if c.out.put(m) {
		return
	}
	c.srv.metrics.slow.Inc()
	c.srv.cfg.Log.Warn("dropped a slow client", "client", c.req.RemoteAddr, "buffered", c.srv.cfg.Limits.MaxBuffered)
	_ = c.tcp.Close() // the reader notices
}

// write sends what is queued until finish.
func (c *session) write() {
	defer close(c.written)
	var buf []byte
	for {
		m, ok := c.out.next()
		if !ok {
			return
		}
		buf = m.appendTo(buf[:0])
		if err := c.ws.Write(context.Background(), websocket.MessageText, buf); err != nil {
			_ = c.tcp.Close() // the reader notices
			return
		}
		c.out.sent(m)
	}
}

// keep holds the client to its deadlines: the handshake, then a pong for each
// ping, so that a client whose network vanished does not stay forever.
func (c *session) keep(ctx context.Context) {
	limits := c.srv.cfg.Limits
	handshake := time.NewTimer(limits.Handshake)
	defer handshake.Stop()
	select {
	case <-ctx.Done():
		return
	case <-handshake.C:
		c.end(frame.ClosePolicy, fmt.Sprintf("handshake timeout: no connect within %v", limits.Handshake))
		return
	case <-c.admitted:
	}
	ping := time.NewTicker(limits.TickInterval)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
		}
		wait, cancel := context.WithTimeout(ctx, pongGrace)
		err := c.ws.Ping(wait)
		cancel()
		if err != nil {
			_ = c.tcp.Close() // the reader notices
			return
		}
	}
}

// end closes the connection in order: what is queued, a close frame, the
// client's own. It may be called by many; the first one's words are sent.
func (c *session) end(code websocket.StatusCode, reason string) {
	cut := time.AfterFunc(closeGrace, func() { _ = c.tcp.Close() })
	defer cut.Stop()
	c.out.finish()
	<-c.written
	_ = c.ws.Close(code, truncate(reason)) // what remains is a client that is gone
}

// maxReason is what fits in a close frame, RFC 6455 section 5.5.
const maxReason = 123

func truncate(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	const mark = "…"
	cut := maxReason - len(mark)
	for cut > 0 && reason[cut]&0xc0 == 0x80 { // inside a rune
		cut--
	}
	return reason[:cut] + mark
}

// seen says whether the client appears in presence. A probe only looks.
func (c *session) seen() bool { return c.connect.Client.Mode != "probe" }
