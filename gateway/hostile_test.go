package gateway_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"

	"clawdbot/gateway"
	"clawdbot/gateway/frame"
)

// works fails the test unless the client gets an answer.
func (c *client) works() {
	c.t.Helper()
	c.request("works", "health", nil)
	if r := c.response("works"); !r.OK {
		c.t.Fatal(r.Error)
	}
}

// logged is how many lines of the log have the text.
func (f *fixture) logged(text string) int { return strings.Count(f.log.String(), text) }

// TestHostileFrames sends what no client should after the handshake. Each is
// answered by its rules, logged once, and costs the others nothing.
func TestHostileFrames(t *testing.T) {
	f := start(t, gateway.Limits{MaxPayload: 2 << 20})
	other, _ := f.connect()
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	padded := deep(10_000)
	padded = padded + strings.Repeat(" ", 1<<20-len(padded))
	for _, c := range []struct {
		name, send, says string
		close            websocket.StatusCode // 0: the socket stays
	}{
		{"1 MiB nested 10,000 deep", padded, "invalid request frame", 0},
		{"params nested 1,000 deep", `{"type":"req","id":"x","method":"system-event","params":` + deep(1000) + `}`, "must not be nested deeper than 64", 0},
		{"params of nobody's method nested 20,000 deep", `{"type":"req","id":"x","method":"nosuch","params":` + deep(20_000) + `}`, "invalid request frame", 0},
		{"repeated key", `{"type":"req","id":"x","method":"health","method":"status"}`, "at /method: repeated key", 0},
		{"repeated key in params", `{"type":"req","id":"x","method":"system-event","params":{"text":"a","text":"b"}}`, "repeated key", 0},
		{"unknown key in params", `{"type":"req","id":"x","method":"system-event","params":{"text":"a","txet":"b"}}`, "at /txet: unknown key", 0},
		{"wrong type in params", `{"type":"req","id":"x","method":"system-event","params":{"text":1}}`, "at /text: must be a string", 0},
		{"no method", `{"type":"req","id":"x"}`, "at /method: is required", 0},
		{"text that is not UTF-8", "{\"type\":\"req\",\"id\":\"\xff\"}", "text is not UTF-8", 1007},
		{"over maxPayload", `"` + strings.Repeat("x", 2<<20) + `"`, "message over 2097152 bytes", 1009},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl, _ := f.connect()
			cl.t = t
			cl.write(c.send)
			if c.close != 0 {
				if ce := cl.closed(); ce.Code != c.close || ce.Reason != c.says {
					t.Errorf("closed with %d %q", ce.Code, ce.Reason)
				}
				return
			}
			for {
				r := cl.read()
				if r.Type != frame.TypeResponse {
					continue
				}
				if r.OK || r.Error.Code != "INVALID_REQUEST" || !strings.Contains(r.Error.Message, c.says) {
					t.Errorf("got %+v %v", r, r.Error)
				}
				break
			}
			cl.works()
		})
	}
	other.works()
}

func TestBrokenFramesAreLoggedOnce(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, _ := f.connect()
	for range 200 {
		if err := c.ws.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"req","id":"z","method":"health"}`)); err != nil {
			t.Fatal(err)
		}
		if r := c.response("invalid"); r.OK || r.Error.Code != "INVALID_REQUEST" {
			t.Fatalf("got %+v", r)
		}
	}
	c.works()
	if n := f.logged("broken frame"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, f.log)
	}
}

// TestHalfOpenSockets opens thousands of connections that say nothing, or half a
// request, or nothing after the upgrade.
func TestHalfOpenSockets(t *testing.T) {
	f := start(t, gateway.Limits{})
	known, _ := f.connect()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for i := range 10_000 {
		c, err := net.Dial("tcp", f.addr)
		if err != nil { // this process has no more descriptors; the gateway, in it, must still serve
			t.Logf("%d connections: %v", i, err)
			_ = open[0].Close()
			_ = open[1].Close()
			open = open[2:]
			break
		}
		if i%2 == 1 {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: webso")
		}
		open = append(open, c)
	}
	known.works()
	fresh, _ := f.connect()
	fresh.works()
	_ = open[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := open[0].Read(make([]byte, 1)); err == nil || errorsIsTimeout(err) {
		t.Errorf("the oldest stranger is still connected: %v", err)
	}
	if n := f.logged("said nothing"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// TestBodiesThatDoNotCome are of requests that nobody let in. One that passed the
// gate before all of them is not cut off.
func TestBodiesThatDoNotCome(t *testing.T) {
	f := start(t, gateway.Limits{})
	post := func(path, header string) net.Conn {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, header)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		return c
	}
	known := post("/tools/invoke", "Authorization: Bearer "+token+"\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n")
	if line, err := bufio.NewReader(known).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatal(line, err)
	}
	first := post("/healthz", "Content-Length: 1000\r\n")
	for range 600 {
		post("/healthz", "Content-Length: 1000\r\n")
	}
	if _, err := first.Read(make([]byte, 1)); err == nil || errorsIsTimeout(err) {
		t.Errorf("the oldest stranger is still connected: %v", err)
	}
	_, _ = io.WriteString(known, "{}")
	if answer, err := http.ReadResponse(bufio.NewReader(known), nil); err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("the one that passed the gate: %+v %v", answer, err)
	}
}

func errorsIsTimeout(err error) bool {
	var e net.Error
	ok := errors.As(err, &e)
	return ok && e.Timeout()
}

// TestStrangersInTheirHandshake are as many as the door bears, and one client more.
func TestStrangersInTheirHandshake(t *testing.T) {
	f := start(t, gateway.Limits{})
	known, _ := f.connect()
	for range 600 {
		f.rawUpgrade()
	}
	known.works()
	fresh, _ := f.connect()
	fresh.works()
}

// TestSlowLoris sends an upgrade a byte at a time.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	f := start(t, gateway.Limits{})
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	for _, b := range []byte(strings.Repeat("GET / HTTP/1.1\r\nX: y", 100)) {
		select {
		case <-ended:
			return
		case <-time.After(100 * time.Millisecond):
			_, _ = c.Write([]byte{b})
		}
	}
	t.Error("still connected")
}

// TestTokenInTheQuery presents the token where it ends up in logs, and nowhere
// else. The fixture looks for it in ours.
func TestTokenInTheQuery(t *testing.T) {
	f := start(t, gateway.Limits{})
	for range 20 {
		_, resp, err := websocket.Dial(t.Context(), "ws://"+f.addr+"/?token="+token, nil)
		if err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("upgrade: %v %v", resp, err)
		}
	}
	if n := f.logged("refused an upgrade"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if code, body := f.get("/metrics?token=" + token); code != http.StatusUnauthorized || strings.Contains(body, token) {
		t.Errorf("metrics: %d %s", code, body)
	}
}

func TestRateLimitOnLoopback(t *testing.T) {
	f := start(t, gateway.Limits{Rate: 10})
	fast, _ := f.connect()
	other, _ := f.connect()
	refused := 0
	for i := range 40 {
		id := fmt.Sprint(i)
		fast.request(id, "health", nil)
		if r := fast.response(id); !r.OK {
			refused++
			if r.Error.Code != "UNAVAILABLE" || !r.Error.Retryable || r.Error.RetryAfterMs <= 0 {
				t.Fatalf("got %+v", r.Error)
			}
		}
	}
	if refused == 0 || refused > 25 {
		t.Errorf("%d of 40 were refused", refused)
	}
	other.works()
	if n := f.logged("requests a second"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// TestSlowClientIsToldWhy lets a client that did not read look again.
func TestSlowClientIsToldWhy(t *testing.T) {
	f := start(t, gateway.Limits{MaxBuffered: 256 << 10})
	slow, in := f.rawUpgrade()
	body, err := json.Marshal(map[string]any{"type": "req", "id": "1", "method": "connect", "params": params()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Write(maskedText(body)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one client", func() bool { return strings.Contains(f.metric("clawdbot_clients"), "} 1") })
	big := strings.Repeat("x", 32<<10)
	for f.logged("dropped a slow client") == 0 {
		f.publish(f.must(f.bus.Subjects.Event("chat")), big)
	}
	_ = slow.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		h, err := ws.ReadHeader(in)
		if err != nil { // cut off in the middle: too late for a reason, which is in the log
			break
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(in, p); err != nil {
			break
		}
		if h.OpCode == ws.OpClose {
			if code, reason := ws.ParseCloseFrameData(p); code != 1008 || !strings.HasPrefix(reason, "slow client") {
				t.Errorf("closed with %d %q", code, reason)
			}
			break
		}
	}
	if n := f.logged("dropped a slow client"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// TestCloseIsAnswered closes as a client does.
func TestCloseIsAnswered(t *testing.T) {
	f := start(t, gateway.Limits{})
	c, _ := f.connect()
	go func() {
		for range 3 {
			_, _, _ = c.ws.Read(t.Context())
		}
	}()
	if err := c.ws.Close(4000, "tick timeout"); err != nil {
		t.Errorf("the gateway did not answer the close frame: %v", err)
	}
}
