package socket_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"

	"clawdbot/gateway/socket"
)

// serve upgrades each connection and hands it to f.
func serve(t *testing.T, max int, f func(*socket.Conn)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := socket.Upgrade(w, r, max)
		if err != nil {
			return
		}
		defer c.TCP().Close()
		f(c)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// echo answers each message with itself.
func echo(c *socket.Conn) {
	for {
		op, p, err := c.Next()
		if err != nil {
			return
		}
		var b bytes.Buffer
		switch op {
		case ws.OpClose:
			socket.AppendClose(&b, socket.CloseCode(p), "")
		case ws.OpPing:
			socket.Append(&b, ws.OpPong, p)
		default:
			socket.Append(&b, op, p)
		}
		if _, err := c.TCP().Write(b.Bytes()); err != nil || op == ws.OpClose {
			return
		}
	}
}

func TestALibrarysClient(t *testing.T) {
	url := serve(t, 1<<20, echo)
	c, _, err := coder.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(2 << 20)
	for _, size := range []int{0, 1, 125, 126, 1 << 10, 1<<16 - 1, 1 << 16, 200_000, 1 << 20} {
		want := strings.Repeat("ä", size/2) + strings.Repeat("x", size%2)
		if err := c.Write(t.Context(), coder.MessageText, []byte(want)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := c.Read(t.Context())
		if err != nil || kind != coder.MessageText || string(got) != want {
			t.Fatalf("%d bytes came back as %d, %v", len(want), len(got), err)
		}
	}
	pinged := make(chan error, 1)
	go func() { pinged <- c.Ping(t.Context()) }()
	if err := c.Write(t.Context(), coder.MessageBinary, []byte{0xff, 0xfe}); err != nil {
		t.Fatal(err)
	}
	if kind, got, err := c.Read(t.Context()); err != nil || kind != coder.MessageBinary || !bytes.Equal(got, []byte{0xff, 0xfe}) {
		t.Fatalf("binary came back as %v %x %v", kind, got, err)
	}
	closing := make(chan error, 1)
	go func() { closing <- c.Close(4000, "enough") }()
	if err := <-closing; err != nil {
		t.Errorf("close: %v", err)
	}
	<-pinged
}

// frame is a client's frame, masked.
func frame(op ws.OpCode, fin bool, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	return ws.MustCompileFrame(ws.MaskFrameWith(f, [4]byte{1, 2, 3, 4}))
}

func with(b []byte, change func([]byte)) []byte {
	change(b)
	return b
}

func closing(code uint16, reason string) []byte {
	return frame(ws.OpClose, true, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// upgraded is what a connection gave until its first error.
type upgraded struct {
	messages []string
	err      error
}

// reader is a server that reads each connection to its end.
type reader struct {
	addr string
	got  chan upgraded
}

func newReader(t testing.TB, max int) reader {
	r := reader{got: make(chan upgraded, 1)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := socket.Upgrade(w, req, max)
		if err != nil {
			r.got <- upgraded{err: err}
			return
		}
		defer c.TCP().Close()
		var u upgraded
		for u.err == nil {
			var op ws.OpCode
			var p []byte
			if op, p, u.err = c.Next(); u.err == nil {
				u.messages = append(u.messages, string('0'+byte(op))+":"+string(p))
			}
		}
		r.got <- u
	}))
	t.Cleanup(srv.Close)
	r.addr = strings.TrimPrefix(srv.URL, "http://")
	return r
}

// read sends the bytes right behind an upgrade, and then nothing more.
func (r reader) read(t testing.TB, sent []byte) ([]string, error) {
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"+string(sent))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	select {
	case u := <-r.got:
		return u.messages, u.err
	case <-time.After(10 * time.Second):
		t.Fatal("Next never returned")
		return nil, nil
	}
}

// TestFrames has the malformed frames of RFC 6455 beside well-formed ones.
func TestFrames(t *testing.T) {
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	r := newReader(t, 1000)
	long := []byte{0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}
	for _, c := range []struct {
		name string
		sent []byte
		want string        // messages
		code ws.StatusCode // 0: the connection ended
	}{
		{"text", frame(ws.OpText, true, "hi"), "1:hi", 0},
		{"pieces with a ping between", join(frame(ws.OpText, false, "a"), frame(ws.OpPing, true, "p"), frame(ws.OpContinuation, false, "b"), frame(ws.OpContinuation, true, "c")), "9:p 1:abc", 0},
		{"half a rune in each piece", join(frame(ws.OpText, false, "\xc3"), frame(ws.OpContinuation, true, "\xa4")), "1:ä", 0},
		{"not masked", ws.MustCompileFrame(ws.NewTextFrame([]byte("x"))), "", 1002},
		{"reserved bit", with(frame(ws.OpText, true, "x"), func(b []byte) { b[0] |= 0x40 }), "", 1002},
		{"unknown type", with(frame(ws.OpText, true, "x"), func(b []byte) { b[0] = 0x83 }), "", 1002},
		{"long control frame", frame(ws.OpPing, true, strings.Repeat("x", 126)), "", 1002},
		{"control frame in pieces", frame(ws.OpPing, false, "x"), "", 1002},
		{"continuation of nothing", frame(ws.OpContinuation, true, "x"), "", 1002},
		{"message in a message", join(frame(ws.OpText, false, "a"), frame(ws.OpText, true, "b")), "", 1002},
		{"length with the top bit", long, "", 1002},
		{"over the limit", frame(ws.OpText, true, strings.Repeat("x", 1001)), "", 1009},
		{"over the limit in pieces", join(frame(ws.OpText, false, strings.Repeat("x", 600)), frame(ws.OpContinuation, true, strings.Repeat("x", 600))), "", 1009},
		{"text that is not UTF-8", frame(ws.OpText, true, "a\xff"), "", 1007},
		{"a surrogate in UTF-8", frame(ws.OpText, true, "\xed\xa0\x80"), "", 1007},
		{"binary that is not UTF-8", frame(ws.OpBinary, true, "\xff"), "2:\xff", 0},
		{"close", closing(1000, "bye"), "8:\x03\xe8bye", 0},
		{"close for a restart", closing(1012, ""), "8:\x03\xf4", 0},
		{"close of a page", closing(1001, ""), "8:\x03\xe9", 0},
		{"close without a code", frame(ws.OpClose, true, ""), "8:", 0},
		{"half a close code", frame(ws.OpClose, true, "x"), "", 1002},
		{"close code that is never sent", closing(1005, ""), "", 1002},
		{"close code of nobody", closing(999, ""), "", 1002},
		{"close reason that is not UTF-8", closing(1000, "\xff"), "", 1002},
		{"half a header", []byte{0x81}, "", 0},
		{"half a payload", frame(ws.OpText, true, "hello")[:8], "", 0},
	} {
		got, err := r.read(t, c.sent)
		var broken *socket.ProtocolError
		code := ws.StatusCode(0)
		if errors.As(err, &broken) {
			code = broken.Code
		}
		if strings.Join(got, " ") != c.want || code != c.code {
			t.Errorf("%s: got %q and %v, want %q and code %d", c.name, got, err, c.want, c.code)
		}
	}
}

func TestUpgradeRefuses(t *testing.T) {
	url := serve(t, 1000, echo)
	for name, change := range map[string]func(*http.Request){
		"method":  func(r *http.Request) { r.Method = http.MethodPost },
		"key":     func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "short") },
		"no key":  func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") },
		"version": func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") },
		"upgrade": func(r *http.Request) { r.Header.Set("Upgrade", "h2c") },
	} {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		} {
			r.Header.Set(k, v)
		}
		change(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("%s: answered %s", name, resp.Status)
		}
	}
}

func TestAppendClose(t *testing.T) {
	var b bytes.Buffer
	socket.AppendClose(&b, 1008, strings.Repeat("ä", 100))
	h, err := ws.ReadHeader(&b)
	if err != nil || h.OpCode != ws.OpClose || h.Length != int64(b.Len()) {
		t.Fatalf("got %+v with %d bytes, %v", h, b.Len(), err)
	}
	code, reason := ws.ParseCloseFrameData(b.Bytes())
	if code != 1008 || len(reason) > 123 || !strings.HasSuffix(reason, "ä…") {
		t.Errorf("got %d %q", code, reason)
	}
}

// FuzzNext feeds bytes to a connection: it must end, within its limit, and never
// give text that is not UTF-8.
func FuzzNext(f *testing.F) {
	f.Add(frame(ws.OpText, true, "hi"))
	f.Add(append(frame(ws.OpText, false, "a"), frame(ws.OpContinuation, true, "b")...))
	f.Add(closing(1000, "bye"))
	f.Add([]byte{0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Add([]byte{0x89, 0x80, 0, 0, 0, 0})
	r := newReader(f, 1000)
	f.Fuzz(func(t *testing.T, sent []byte) {
		messages, err := r.read(t, sent)
		if err == nil {
			t.Fatal("no end")
		}
		for _, m := range messages {
			if len(m) > 1002 || m[0] == '1' && strings.ToValidUTF8(m, "?") != m {
				t.Fatalf("took %q", m)
			}
		}
	})
}
