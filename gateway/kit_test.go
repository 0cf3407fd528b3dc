package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"

	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/gateway"
	"clawdbot/gateway/frame"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

const token = "the-token-of-this-test"

// fixture is a gateway on a bus of its own.
type fixture struct {
	t    testing.TB
	bus  *bustest.Bus
	nc   *nats.Conn // another component on the bus
	addr string
	log  *syncBuffer
	stop func() error

	configure func(*gateway.Config) // set by begin's before; nil changes nothing

	generation  atomic.Pointer[msg.Generation]
	maintenance atomic.Pointer[msg.Maintenance]
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newStore is a store that is closed when the test has ended.
func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func start(t testing.TB, limits gateway.Limits) *fixture {
	t.Helper()
	return begin(t, limits, func(*fixture) {})
}

// begin is start with something else on the bus before the gateway.
func begin(t testing.TB, limits gateway.Limits, before func(*fixture)) *fixture {
	t.Helper()
	b := bustest.Start(t, "main")
	f := &fixture{t: t, bus: b, nc: b.Conn(t), log: &syncBuffer{}}
	f.generation.Store(&msg.Generation{Generation: 4, Source: "file", Verdict: "probation"})
	before(f)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	g, err := gate.New(gate.Config{Token: token, Password: "the-password"})
	if err != nil {
		t.Fatal(err)
	}
	ps, err := ports.Derive(18789)
	if err != nil {
		t.Fatal(err)
	}
	cfg := gateway.Config{
		Listener: l, Subjects: b.Subjects, Dial: b.Dial, Gate: g, Version: "1.2.3", Store: newStore(t),
		Log:      slog.New(slog.NewTextHandler(f.log, nil)),
		Identity: gateway.Identity{Profile: "main", ConfigPath: "/p/clawdbot.json", StateDir: "/p"},
		Ports:    ps, Limits: limits, CanvasHostURL: "http://127.0.0.1:18793",
		Generation:  func() msg.Generation { return *f.generation.Load() },
		Maintenance: f.maintenance.Load,
	}
	if f.configure != nil {
		f.configure(&cfg)
	}
	s, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	f.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if strings.Contains(f.log.String(), token) {
			t.Error("the token is in the log")
		}
	})
	return f
}

// publish sends a payload on a subject, as a component would.
func (f *fixture) publish(subject string, payload any) {
	f.t.Helper()
	body, err := json.Marshal(payload)
	if err == nil {
		err = f.nc.Publish(subject, body)
	}
	if err == nil {
		err = f.nc.Flush()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) beat(phase msg.Phase, detail string, components ...msg.Component) {
	f.t.Helper()
	f.publish(f.bus.Subjects.Beat(), msg.Beat{
		Profile: "main", Phase: phase, Detail: detail, Components: components, Generation: 4, Source: "file",
	})
}

func (f *fixture) must(subject string, err error) string {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	return subject
}

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

func (f *fixture) get(path string, header ...string) (int, string) {
	f.t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+f.addr+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// client is a raw WebSocket client.
type client struct {
	t  testing.TB
	ws *websocket.Conn
	// challenge is the nonce that the gateway sent.
	challenge string
}

// in is any inbound frame.
type in struct {
	Type, ID, Event string
	OK              bool
	Payload         json.RawMessage
	Error           *frame.Error
	Seq             uint64
	StateVersion    *frame.StateVersion
}

func (f *fixture) dial(header ...string) *client {
	f.t.Helper()
	opts := &websocket.DialOptions{HTTPHeader: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		opts.HTTPHeader.Set(header[i], header[i+1])
	}
	ws, _, err := websocket.Dial(f.t.Context(), "ws://"+f.addr+"/any/path", opts)
	if err != nil {
		f.t.Fatal(err)
	}
	ws.SetReadLimit(4 << 20)
	f.t.Cleanup(func() { _ = ws.CloseNow() })
	c := &client{t: f.t, ws: ws}
	first := c.read()
	var ch frame.Challenge
	if err := json.Unmarshal(first.Payload, &ch); err != nil || first.Event != frame.EventChallenge || ch.Nonce == "" || first.Seq != 0 {
		f.t.Fatalf("first frame is %+v, %v", first, err)
	}
	c.challenge = ch.Nonce
	return c
}

// connect dials and shakes hands with the scopes; none means all.
func (f *fixture) connect(scopes ...string) (*client, frame.HelloOK) {
	f.t.Helper()
	c := f.dial()
	p := params()
	p.Scopes = scopes
	c.request("hello", "connect", p)
	r := c.read()
	var hello frame.HelloOK
	if err := json.Unmarshal(r.Payload, &hello); err != nil || !r.OK || r.ID != "hello" {
		f.t.Fatalf("connect: %+v %v", r, r.Error)
	}
	return c, hello
}

func params() frame.Connect {
	return frame.Connect{
		MinProtocol: 3, MaxProtocol: 3, Auth: frame.Auth{Token: token},
		Client: frame.Client{ID: "test", Version: "dev", Platform: "linux", Mode: "test", InstanceID: "i-1"},
	}
}

func (c *client) write(text string) {
	c.t.Helper()
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) request(id, method string, params any) {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"type": "req", "id": id, "method": method, "params": params})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(string(body))
}

func (c *client) read() in {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	_, body, err := c.ws.Read(ctx)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	var f in
	if err := json.Unmarshal(body, &f); err != nil {
		c.t.Fatalf("%s: %v", body, err)
	}
	return f
}

// response reads until the response with the id.
func (c *client) response(id string) in {
	c.t.Helper()
	for {
		if f := c.read(); f.Type == frame.TypeResponse && f.ID == id {
			return f
		}
	}
}

// event reads until the event of that name.
func (c *client) event(name string) in {
	c.t.Helper()
	for {
		if f := c.read(); f.Event == name {
			return f
		}
	}
}

// closed reads until the end and returns the close frame.
func (c *client) closed() websocket.CloseError {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, _, err := c.ws.Read(ctx)
		if err == nil {
			continue
		}
		var ce websocket.CloseError
		if code := websocket.CloseStatus(err); code == -1 {
			c.t.Fatalf("ended without a close frame: %v", err)
		}
		if !asClose(err, &ce) {
			c.t.Fatal(err)
		}
		return ce
	}
}

// rawUpgrade opens a WebSocket by hand and returns the connection after the
// upgrade, from which nothing reads by itself.
func (f *fixture) rawUpgrade() (net.Conn, *bufio.Reader) {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", f.addr)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		f.t.Fatalf("upgrade: %v %v", resp, err)
	}
	return conn, r
}

// metric returns the lines of /metrics about it.
func (f *fixture) metric(name string) string {
	f.t.Helper()
	_, all := f.get("/metrics", "Authorization", "Bearer "+token)
	var lines []string
	for line := range strings.Lines(all) {
		if strings.HasPrefix(line, name) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
