package socket

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// ProtocolError is what the other side did wrong. After it only Skip can read.
type ProtocolError struct {
	Code   ws.StatusCode // for the close frame
	Reason string
}

func (e *ProtocolError) Error() string { return e.Reason }

const (
	// smallBuffer is what a silent connection keeps: a few usual frames.
	smallBuffer = 1 << 10
	// acceptTime bounds the writing of the answer to an upgrade.
	acceptTime = 5 * time.Second
)

// Conn reads one WebSocket. Next, SetMax and Skip are for one goroutine.
type Conn struct {
	tcp net.Conn
	in  *bufio.Reader
	max int // bytes of one message

	message []byte    // that is under way, or was returned last
	kind    ws.OpCode // of the message that is under way; OpContinuation when there is none
	control [ws.MaxControlFramePayloadSize]byte
	header  [ws.MaxHeaderSize]byte
}

// Upgrade takes the connection of a WebSocket request over; max bounds the bytes
// of one message. A request that is no proper upgrade has been answered, and its
// connection closed, when an error comes back. Host and Origin are for the caller
// to check.
func Upgrade(w http.ResponseWriter, r *http.Request, max int) (*Conn, error) {
	tcp, rw, _, err := ws.HTTPUpgrader{Timeout: acceptTime}.Upgrade(r, w)
	if tcp == nil { // answered, on a connection that still is the HTTP server's
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	if err != nil {
		_ = tcp.Close()
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	from := io.Reader(tcp)
	if n := rw.Reader.Buffered(); n > 0 { // frames that came right behind the request
		from = io.MultiReader(io.LimitReader(rw.Reader, int64(n)), tcp)
	}
	return &Conn{tcp: tcp, in: bufio.NewReaderSize(from, smallBuffer), max: max}, nil
}

// TCP is the connection under the WebSocket: for deadlines, for writing frames,
// to cut it off.
func (c *Conn) TCP() net.Conn { return c.tcp }

// SetMax bounds the bytes of the messages to come.
func (c *Conn) SetMax(n int) { c.max = n }

// Next returns the next message or control frame. The payload is valid until the
// next call. A message over the limit, a broken frame, a text or a close frame
// that is not UTF-8 are a *ProtocolError; other errors are the connection's.
func (c *Conn) Next() (ws.OpCode, []byte, error) {
	if c.kind == ws.OpContinuation {
		c.message = c.message[:0]
		if cap(c.message) > smallBuffer {
			c.message = nil
		}
	}
	for {
		h, err := c.next()
		if err != nil {
			return 0, nil, err
		}
		if h.OpCode.IsControl() {
			p := c.control[:h.Length]
			return h.OpCode, p, c.fill(p, h)
		}
		if err := c.grow(h); err != nil {
			return 0, nil, err
		}
		if h.OpCode != ws.OpContinuation {
			c.kind = h.OpCode
		}
		if h.Fin {
			kind := c.kind
			c.kind = ws.OpContinuation
			if kind == ws.OpText && !utf8.Valid(c.message) { // section 8.1
				return 0, nil, &ProtocolError{ws.StatusInvalidFramePayloadData, "text is not UTF-8"}
			}
			return kind, c.message, nil
		}
	}
}

// next reads a frame's header and checks it.
func (c *Conn) next() (ws.Header, error) {
	h, err := ws.ReadHeaderBuffer(c.in, c.header[:])
	if errors.Is(err, ws.ErrHeaderLengthMSB) {
		return h, &ProtocolError{ws.StatusProtocolError, err.Error()}
	}
	if err != nil {
		return h, err
	}
	state := ws.StateServerSide
	if c.kind != ws.OpContinuation {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, &ProtocolError{ws.StatusProtocolError, err.Error()}
	}
	if h.OpCode.IsData() && h.Length > int64(c.max-len(c.message)) {
		return h, &ProtocolError{ws.StatusMessageTooBig, fmt.Sprintf("message over %d bytes", c.max)}
	}
	return h, nil
}

// step is how much of a long frame is read at once: a header that promises much
// and sends nothing takes no more memory.
const step = 32 << 10

// grow reads a frame's payload behind what the message has already.
func (c *Conn) grow(h ws.Header) error {
	for done := 0; done < int(h.Length); {
		n, at := min(step, int(h.Length)-done), len(c.message)
		if free := cap(c.message) - at; free < n {
			c.message = append(c.message, make([]byte, n)...)
		}
		c.message = c.message[:at+n]
		if _, err := io.ReadFull(c.in, c.message[at:]); err != nil {
			return err
		}
		ws.Cipher(c.message[at:], h.Mask, done)
		done += n
	}
	return nil
}

// fill reads a control frame's payload.
func (c *Conn) fill(p []byte, h ws.Header) error {
	if _, err := io.ReadFull(c.in, p); err != nil {
		return err
	}
	ws.Cipher(p, h.Mask, 0)
	if h.OpCode == ws.OpClose {
		return checkClose(p)
	}
	return nil
}

// checkClose checks the body of a close frame, section 7.4.
func checkClose(p []byte) error {
	var err error
	switch len(p) {
	case 0:
		return nil
	case 1:
		err = errors.New("a close frame with half a code")
	default:
		code, reason := ws.ParseCloseFrameDataUnsafe(p)
		err = ws.CheckCloseFrameData(code, reason)
		if errors.Is(err, ws.ErrProtocolStatusCodeUnknown) && code >= 1012 && code <= 1014 && utf8.ValidString(reason) {
			err = nil // registered with IANA after the RFC; clients answer our 1012 with it
		}
	}
	if err != nil {
		return &ProtocolError{ws.StatusProtocolError, err.Error()}
	}
	return nil
}

// Skip reads and drops whatever comes until the connection ends.
func (c *Conn) Skip() {
	c.message = nil
	_, _ = io.Copy(io.Discard, c.in) // its end is what is waited for
}
