package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/time/rate"

	"clawdbot/bus"
)

// conn is one node's connection. It belongs to the goroutine that serves it.
type conn struct {
	*Server
	net.Conn
	refusals *rate.Limiter
}

func newConn(s *Server, socket net.Conn) *conn {
	return &conn{Server: s, Conn: socket, refusals: rate.NewLimiter(1, s.limits.Refusals)}
}

// errClosing says that the last frame that fits on the connection was sent.
var errClosing = errors.New("bridge: closing")

// serve answers frames until the node goes, a limit is reached or ctx ends.
func (c *conn) serve(ctx context.Context) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()

	lines := bufio.NewScanner(c.Conn)
	const ending = len("\r\n")
	lines.Buffer(make([]byte, 0, 4096), c.limits.MaxLine+ending)
	lines.Split(wholeLines)

	wait, leave := c.limits.FirstFrame, time.Now().Add(c.limits.Stranger) // nobody can log in yet: all are strangers
	for {
		deadline := time.Now().Add(wait)
		if leave.Before(deadline) {
			deadline = leave
		}
		_ = c.SetReadDeadline(deadline) // fails only when closed; so does the read
		if !lines.Scan() {
			c.end(ctx, lines.Err())
			return
		}
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) > 0 {
			if err := c.handle(line); err != nil {
				c.log.Debug("connection ended", "client", c.RemoteAddr().String(), "err", err)
				return
			}
			wait = c.limits.Idle
		}
	}
}

// wholeLines is bufio.ScanLines without the torn line at the end, which Scan
// would return before it tells of a deadline.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if atEOF && bytes.IndexByte(data, '\n') < 0 {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

// end tells a node why nothing more is read from it. A node that went by itself
// is told nothing.
func (c *conn) end(ctx context.Context, err error) {
	var why *bus.Error
	switch {
	case ctx.Err() != nil || err == nil:
		return
	case errors.Is(err, bufio.ErrTooLong):
		why = bus.Errorf(bus.CodeInvalidRequest, "line longer than %d bytes", c.limits.MaxLine)
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = bus.Errorf(bus.CodeUnavailable, "no frame in time")
	default:
		return
	}
	c.log.Debug("connection refused", "client", c.RemoteAddr().String(), "err", why)
	_ = c.bye(why)
}

// handle answers one line. An error ends the connection.
func (c *conn) handle(line []byte) error {
	f, invalid := parse(line)
	if invalid != nil {
		return c.refuse(invalid)
	}
	switch f.Type {
	case "ping":
		return c.send(reply{Type: "pong", ID: f.ID})
	case "hello":
		return c.refuse(c.hello(f))
	case "pair-request":
		if err := c.checkNodeID(f.NodeID); err != nil {
			return c.refuse(err)
		}
		return c.refuse(bus.Errorf(bus.CodeUnavailable, "pairing is not open on this gateway yet"))
	case "req":
		if f.ID == "" {
			return c.refuse(bus.Errorf(bus.CodeInvalidRequest, "id: missing"))
		}
		return c.refuseRequest(f.ID, bus.Errorf(codeUnauthorized, "not authenticated: say hello first"))
	}
	return c.refuse(bus.Errorf(codeUnauthorized, "not authenticated: say hello first"))
}

// hello says why a node may not log in. While nodes cannot be paired, all are
// unknown and no token is good.
func (c *conn) hello(f frame) *bus.Error {
	if err := c.checkNodeID(f.NodeID); err != nil {
		return err
	}
	if f.Token != "" {
		return bus.Errorf(codeUnauthorized, "invalid token: node %s is not paired with this gateway", quote(f.NodeID))
	}
	return bus.Errorf(bus.CodeNotPaired, "node %s is not paired with this gateway", quote(f.NodeID))
}

// checkNodeID refuses a node id that cannot be part of a subject.
func (s *Server) checkNodeID(id string) *bus.Error {
	if id == "" {
		return bus.Errorf(bus.CodeInvalidRequest, "nodeId: missing")
	}
	if _, err := s.subjects.NodeInvoke(id); err != nil {
		return bus.Errorf(bus.CodeInvalidRequest, "nodeId: %s is not a plain word: no blanks, dots, * or >, at most 256 bytes", quote(id))
	}
	return nil
}

// refuse sends an error frame, the last one if there were too many.
func (c *conn) refuse(e *bus.Error) error {
	c.log.Debug("frame refused", "client", c.RemoteAddr().String(), "err", e)
	if !c.refusals.Allow() {
		return c.bye(bus.Errorf(bus.CodeInvalidRequest, "too many refused frames; the last: %s", e.Message))
	}
	return c.send(reply{Type: "error", Code: e.Code, Message: e.Message})
}

// refuseRequest is refuse for a frame whose sender waits for a res.
func (c *conn) refuseRequest(id string, e *bus.Error) error {
	if !c.refusals.Allow() {
		return c.bye(bus.Errorf(bus.CodeInvalidRequest, "too many refused frames; the last: %s", e.Message))
	}
	no := false
	return c.send(reply{Type: "res", ID: id, OK: &no, Error: &wireError{Code: e.Code, Message: e.Message}})
}

// bye sends a last error frame and sees it out: closing a socket with unread
// bytes resets it, and the reset would overtake the frame.
func (c *conn) bye(e *bus.Error) error {
	if err := c.send(reply{Type: "error", Code: e.Code, Message: e.Message}); err != nil {
		return err
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the close that follows tells the same
	}
	const patience = time.Second
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.CopyN(io.Discard, c.Conn, 8<<20)
	return errClosing
}

func (c *conn) send(r reply) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_ = c.SetWriteDeadline(time.Now().Add(c.limits.Write)) // fails only when closed; so does the write
	_, err = c.Write(append(line, '\n'))
	return err
}
