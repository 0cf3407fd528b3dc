package gateway

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gobwas/ws"
	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"clawdbot/gateway/frame"
	"clawdbot/gateway/socket"
	"clawdbot/profile/gate"
)

const (
	// maxInFlight bounds the requests of one connection.
	maxInFlight = 64
	// closeGrace is how long a client may take to answer a close frame.
	closeGrace = 250 * time.Millisecond
	// sendGrace is how long a client may go on with a message that is not taken:
	// many read the close frame only when they have sent it all.
	sendGrace = 5 * time.Second
	// maxFirst bounds the bytes of a connect request: strangers get little room.
	maxFirst = 64 << 10
)

// session is one WebSocket connection. Its goroutine reads; what others send goes
// through the outbox.
type session struct {
	srv    *Server
	req    *http.Request // the upgrade; nil once the handshake is over
	conn   *socket.Conn
	out    outbox
	remote string // address of the client
	id     string
	nonce  string

	connect frame.Connect // set by the handshake, as are those down to header
	access  access
	since   time.Time
	header  nats.Header // of the requests that are forwarded

	inFlight atomic.Int32
	heard    atomic.Bool // something came since the last ping
	pace     *rate.Limiter
	accused  bool // a broken frame of this connection has been logged
}

// serveWebSocket hands the connection to a session of its own and returns: the
// HTTP server's memory of it is free then. Origin is checked by the gate.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("token") {
		s.refusedUpgrade(r, gate.ErrQuery)
		gate.Deny(w, gate.ErrQuery)
		return
	}
	conn, err := socket.Upgrade(w, r, min(maxFirst, s.cfg.Limits.MaxPayload))
	if err != nil { // answered by Upgrade
		s.refusedUpgrade(r, err)
		return
	}
	c := &session{
		srv: s, req: r, conn: conn, remote: r.RemoteAddr, id: newID(), nonce: newID(),
		out:  outbox{tcp: conn.TCP(), limit: s.cfg.Limits.MaxBuffered},
		pace: rate.NewLimiter(rate.Limit(s.cfg.Limits.Rate), 2*s.cfg.Limits.Rate),
	}
	_ = conn.TCP().SetReadDeadline(time.Now().Add(s.cfg.Limits.Handshake)) // fails only when it is closed
	s.door.wait(conn.TCP())
	if !s.hub.add(c) {
		s.door.leave(conn.TCP())
		_ = conn.TCP().Close()
	}
}

func (s *Server) refusedUpgrade(r *http.Request, err error) {
	s.quiet.say(slog.LevelInfo, "refused an upgrade", err.Error(), "client", r.RemoteAddr, "reason", err)
}

// newID returns a random UUID, version 4 of RFC 9562.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// run speaks with the client until either side ends it.
func (c *session) run() {
	challenge, _ := json.Marshal(frame.Challenge{Nonce: c.nonce, TS: time.Now().UnixMilli()})
	body, _ := json.Marshal(frame.Event{Type: frame.TypeEvent, Event: frame.EventChallenge, Payload: challenge})
	c.out.put(ws.OpText, body)
	c.read()
	c.end(ws.StatusGoingAway, "") // when nobody did
	c.out.wait()
	_ = c.conn.TCP().Close() // it may be closed
}

// read handles frames until the connection ends. After end it waits for the
// client's close frame, and what else comes is dropped.
func (c *session) read() {
	for {
		op, payload, err := c.conn.Next()
		if err != nil {
			c.lost(err)
			return
		}
		c.heard.Store(true)
		switch {
		case op == ws.OpClose:
			c.end(socket.CloseCode(payload), "")
			return
		case op == ws.OpPong, c.out.ended():
		case op == ws.OpPing:
			c.send(ws.OpPong, payload)
		case op == ws.OpBinary: // protocol 3 has text messages only
			c.take(nil)
		default:
			c.take(payload)
		}
	}
}

// take handles one message: the first one is the handshake.
func (c *session) take(b []byte) {
	if c.req == nil {
		c.handle(b)
		return
	}
	no := c.admit(b)
	if no == nil {
		c.req = nil
		c.conn.SetMax(c.srv.cfg.Limits.MaxPayload)
		c.out.relax()
		c.srv.door.leave(c.conn.TCP())
		return
	}
	if no.err != nil {
		c.respond(no.id, nil, no.err)
	}
	level := slog.LevelInfo
	if no.quiet {
		level = slog.LevelDebug
	}
	c.refused(level, no.reason)
	c.end(no.code, no.reason)
}

// refused logs a client that did not get in.
func (c *session) refused(level slog.Level, reason string) {
	c.srv.quiet.say(level, "refused a client", reason, "client", c.remote, "reason", reason)
}

// lost ends a connection from which nothing can be read any more.
func (c *session) lost(err error) {
	var broken *socket.ProtocolError
	switch {
	case c.out.ended(): // it has been told why
		c.conn.Skip()
	case errors.As(err, &broken):
		c.accuse(broken.Reason)
		c.out.finish(broken.Code, broken.Reason, sendGrace, false)
		c.conn.Skip() // or the client may never see why
	case errors.Is(err, os.ErrDeadlineExceeded) && c.req != nil:
		reason := fmt.Sprintf("handshake timeout: no connect within %v", c.srv.cfg.Limits.Handshake)
		c.refused(slog.LevelInfo, reason)
		c.end(frame.ClosePolicy, reason)
		c.conn.Skip()
	}
}

// accuse logs what a client did wrong, once for each connection.
func (c *session) accuse(reason string) {
	if !c.accused {
		c.accused = true
		c.srv.quiet.say(slog.LevelInfo, "a client sent a broken frame", c.connect.Client.ID, "client", c.remote, "conn", c.id, "reason", reason)
	}
}

// handle takes one frame after the handshake. It publishes the request and
// returns; the answer comes to calls.
func (c *session) handle(b []byte) {
	req, err := frame.DecodeRequest(b)
	var failed *frame.Error
	switch {
	case !c.pace.Allow():
		failed = busy(fmt.Sprintf("more than %d requests a second on this connection", c.srv.cfg.Limits.Rate))
		c.accuse(failed.Message)
	case err != nil:
		failed = invalid("invalid request frame: %v", err)
		c.accuse(failed.Message)
	case c.inFlight.Load() >= maxInFlight:
		failed = busy(fmt.Sprintf("more than %d requests in flight on this connection", maxInFlight))
	default:
		c.srv.answer(c, req)
		return
	}
	c.respond(req.ID, nil, failed)
}

func busy(message string) *frame.Error {
	return &frame.Error{Code: frame.CodeUnavailable, Retryable: true, RetryAfterMs: 100, Message: message}
}

// respond answers a request. A payload, which must be JSON or nothing, and an
// error may both be there.
func (c *session) respond(id string, payload []byte, failed *frame.Error) {
	head := append(make([]byte, 0, 128), `{"type":"res","id":`...)
	head, _ = jsontext.AppendQuote(head, id) // ids come from valid JSON
	tail := []byte("}")
	if failed == nil {
		head = append(head, `,"ok":true`...)
	} else {
		head = append(head, `,"ok":false`...)
		body, _ := json.Marshal(failed) // details that JSON cannot hold are ours to avoid
		tail = append(append([]byte(`,"error":`), body...), '}')
	}
	if len(payload) > 0 {
		head = append(head, `,"payload":`...)
	}
	c.send(ws.OpText, head, payload, tail)
}

// event sends an event to this client alone.
func (c *session) event(name string, payload any) {
	body, _ := json.Marshal(payload) // plain structs always encode
	if e, err := newEvent(name, body, nil); err == nil {
		c.sendEvent(e)
	}
}

func (c *session) send(op ws.OpCode, parts ...[]byte) {
	if !c.out.put(op, parts...) {
		c.slow()
	}
}

func (c *session) sendEvent(e *event) {
	if !c.out.putEvent(e) {
		c.slow()
	}
}

// slow drops a client that does not read: all that waits for it is forgotten, and
// it is told why if it reads on within closeGrace.
func (c *session) slow() {
	limit := c.srv.cfg.Limits.MaxBuffered
	if c.out.finish(frame.ClosePolicy, fmt.Sprintf("slow client: more than %d bytes wait for it", limit), closeGrace, true) {
		c.srv.metrics.slow.Inc()
		c.srv.cfg.Log.Warn("dropped a slow client", "client", c.remote, "conn", c.id, "buffered", limit)
	}
}

// ping asks whether the client is still there, and drops one that did not answer
// the last time.
func (c *session) ping() {
	if c.heard.Swap(false) {
		c.send(ws.OpPing)
		return
	}
	c.end(frame.ClosePolicy, "no answer to a ping")
}

// end closes the connection in order: what is queued, a close frame, the client's
// own, all within closeGrace. It does not block and may be called by many; the
// first one's words are sent.
func (c *session) end(code ws.StatusCode, reason string) {
	c.out.finish(code, reason, closeGrace, false)
}

// seen says whether the client appears in presence. A probe only looks.
func (c *session) seen() bool { return c.connect.Client.Mode != "probe" }
