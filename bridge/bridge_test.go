package bridge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a bridge on a real bus and ends it with the test.
func start(t *testing.T, limits Limits) (*Server, *bustest.Bus) {
	t.Helper()
	b := bustest.Start(t, "main")
	s := build(t, b, limits)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s, b
}

func build(t *testing.T, b *bustest.Bus, limits Limits) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Listener: ln, Subjects: b.Subjects, Dial: b.Dial, Version: "1.2.3",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Limits: limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// node is a test's end of a connection.
type node struct {
	t *testing.T
	net.Conn
	lines *bufio.Scanner
}

func dial(t *testing.T, s *Server) *node {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &node{t: t, Conn: c, lines: bufio.NewScanner(c)}
}

func (n *node) send(line string) {
	n.t.Helper()
	if _, err := io.WriteString(n, line+"\n"); err != nil {
		n.t.Fatal(err)
	}
}

// read returns the next frame, nil when the bridge has closed.
func (n *node) read() map[string]any {
	n.t.Helper()
	if !n.lines.Scan() {
		if err := n.lines.Err(); err != nil {
			n.t.Fatal(err)
		}
		return nil
	}
	var f map[string]any
	if err := json.Unmarshal(n.lines.Bytes(), &f); err != nil {
		n.t.Fatalf("%s: %v", n.lines.Bytes(), err)
	}
	return f
}

func TestFrames(t *testing.T) {
	tests := []struct {
		name, line string
		typ, code  string
		text       string // part of the message
	}{
		{"ping", `{"type":"ping","id":"7"}`, "pong", "", ""},
		{"ping with carriage return", "{\"type\":\"ping\",\"id\":\"7\"}\r", "pong", "", ""},
		{"hello of an unknown node", `{"type":"hello","nodeId":"phone","caps":["canvas"]}`, "error", "NOT_PAIRED", `"phone" is not paired`},
		{"hello with a token nobody gave", `{"type":"hello","nodeId":"phone","token":"x"}`, "error", "UNAUTHORIZED", "invalid token"},
		{"hello without nodeId", `{"type":"hello"}`, "error", "INVALID_REQUEST", "nodeId: missing"},
		{"hello with a wildcard", `{"type":"hello","nodeId":"*"}`, "error", "INVALID_REQUEST", `nodeId: "*"`},
		{"hello with a dotted nodeId", `{"type":"hello","nodeId":"a.b"}`, "error", "INVALID_REQUEST", `nodeId: "a.b"`},
		{"hello with a blank", `{"type":"hello","nodeId":"a b"}`, "error", "INVALID_REQUEST", "not a plain word"},
		{"hello with a number as nodeId", `{"type":"hello","nodeId":5}`, "error", "INVALID_REQUEST", "nodeId: must be a string, not number"},
		{"pair-request", `{"type":"pair-request","nodeId":"phone"}`, "error", "UNAVAILABLE", "pairing is not open"},
		{"pair-request without nodeId", `{"type":"pair-request"}`, "error", "INVALID_REQUEST", "nodeId: missing"},
		{"req before hello", `{"type":"req","id":"1","method":"health"}`, "res", "UNAUTHORIZED", "not authenticated"},
		{"req without id", `{"type":"req","method":"health"}`, "error", "INVALID_REQUEST", "id: missing"},
		{"event before hello", `{"type":"event","event":"agent.request"}`, "error", "UNAUTHORIZED", "not authenticated"},
		{"invoke-res before hello", `{"type":"invoke-res","id":"1","ok":true}`, "error", "UNAUTHORIZED", "not authenticated"},
		{"not JSON", `{"type":`, "error", "INVALID_REQUEST", "not JSON"},
		{"two objects", `{"type":"ping"}{"type":"ping"}`, "error", "INVALID_REQUEST", "not JSON"},
		{"plain text", `GET / HTTP/1.1`, "error", "INVALID_REQUEST", "one JSON object"},
		{"an array", `[1]`, "error", "INVALID_REQUEST", "one JSON object"},
		{"null", `null`, "error", "INVALID_REQUEST", "one JSON object"},
		{"no type", `{}`, "error", "INVALID_REQUEST", "type: missing"},
		{"unknown type", `{"type":"dance"}`, "error", "INVALID_REQUEST", `unknown frame type "dance"`},
		{"wrong direction", `{"type":"invoke","id":"1"}`, "error", "INVALID_REQUEST", "sent by the bridge"},
	}
	s, _ := start(t, Limits{Refusals: len(tests)})
	n := dial(t, s)
	for _, tt := range tests {
		n.send(tt.line)
		f := n.read()
		got := f
		if e, ok := f["error"].(map[string]any); ok {
			got = e
		}
		text, _ := got["message"].(string)
		code, _ := got["code"].(string)
		if f["type"] != tt.typ || code != tt.code || !strings.Contains(text, tt.text) {
			t.Errorf("%s: got %v", tt.name, f)
		}
		if tt.typ == "pong" && f["id"] != "7" || tt.typ == "res" && (f["id"] != "1" || f["ok"] != false) {
			t.Errorf("%s: got %v", tt.name, f)
		}
	}
}

func TestBlankLinesAndSplitWrites(t *testing.T) {
	s, _ := start(t, Limits{})
	n := dial(t, s)
	for _, part := range []string{"\n \n\r\n", `{"type":"pi`, `ng","id":"a"}` + "\n" + `{"type":"ping","id":"b"}` + "\n"} {
		if _, err := io.WriteString(n, part); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"a", "b"} {
		if f := n.read(); f["type"] != "pong" || f["id"] != id {
			t.Errorf("got %v, want pong %s", f, id)
		}
	}
}

func TestMaxLine(t *testing.T) {
	s, _ := start(t, Limits{})
	pad := func(size int) string {
		frame := `{"type":"ping","id":"x","pad":"%s"}`
		return fmt.Sprintf(frame, strings.Repeat("a", size-len(frame)+len("%s")))
	}
	n := dial(t, s)
	n.send(pad(1 << 20))
	if f := n.read(); f["type"] != "pong" {
		t.Errorf("line of 1 MiB: got %v", f)
	}

	// The rest of an endless line must not reset the connection before the frame is read.
	n = dial(t, s)
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(n, strings.Repeat("a", 8<<20))
		wrote <- err
	}()
	if f := n.read(); f["code"] != "INVALID_REQUEST" || f["message"] != "line longer than 1048576 bytes" {
		t.Errorf("endless line: got %v", f)
	}
	if f := n.read(); f != nil {
		t.Errorf("after an endless line: got %v, want the end", f)
	}
	if err := <-wrote; err != nil {
		t.Errorf("write: %v", err)
	}
}

func TestTooManyRefusals(t *testing.T) {
	s, _ := start(t, Limits{Refusals: 3})
	n := dial(t, s)
	for range 4 {
		n.send("junk")
	}
	for range 3 {
		if f := n.read(); f["code"] != "INVALID_REQUEST" {
			t.Fatalf("got %v", f)
		}
	}
	if f := n.read(); !strings.HasPrefix(fmt.Sprint(f["message"]), "too many refused frames") {
		t.Errorf("got %v", f)
	}
	if f := n.read(); f != nil {
		t.Errorf("got %v, want the end", f)
	}
}

func TestDeadlines(t *testing.T) {
	s, _ := start(t, Limits{FirstFrame: 50 * time.Millisecond, Idle: 50 * time.Millisecond})

	silent := dial(t, s)
	idle := dial(t, s)
	idle.send(`{"type":"ping","id":"1"}`)
	if f := idle.read(); f["type"] != "pong" {
		t.Fatalf("got %v", f)
	}
	for name, n := range map[string]*node{"silent": silent, "idle": idle} {
		if f := n.read(); f["code"] != "UNAVAILABLE" || f["message"] != "no frame in time" {
			t.Errorf("%s: got %v", name, f)
		}
		if f := n.read(); f != nil {
			t.Errorf("%s: got %v, want the end", name, f)
		}
	}
}

// A stranger cannot keep its place by pinging.
func TestStrangerHasToLeave(t *testing.T) {
	s, _ := start(t, Limits{Stranger: 100 * time.Millisecond})
	n := dial(t, s)
	for pings := 0; ; pings++ {
		if _, err := fmt.Fprintln(n, `{"type":"ping","id":"1"}`); err != nil {
			return // it has been closed
		}
		switch f := n.read(); {
		case f == nil || f["code"] == "UNAVAILABLE":
			if pings == 0 {
				t.Error("it was not let in at all")
			}
			return
		case f["type"] != "pong":
			t.Fatalf("got %v", f)
		}
	}
}

// A byte now and then is no frame.
func TestSlowLine(t *testing.T) {
	s, _ := start(t, Limits{FirstFrame: 100 * time.Millisecond})
	n := dial(t, s)
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _, err := n.Write([]byte("a")); err != nil {
					return
				}
			}
		}
	}()
	if f := n.read(); f["message"] != "no frame in time" {
		t.Errorf("got %v", f)
	}
	close(stop)
	<-stopped
}

func TestPeerThatDoesNotRead(t *testing.T) {
	s, _ := start(t, Limits{Write: 100 * time.Millisecond, MaxConns: 1})
	n := dial(t, s)
	pings := strings.Repeat(`{"type":"ping","id":"`+strings.Repeat("a", 1000)+`"}`+"\n", 1000)
	var err error
	for err == nil { // until the bridge gives up on us
		_, err = io.WriteString(n, pings)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the bridge kept the connection")
	}
	eventually(t, "the slot is free again", func() bool { return dialPing(t, s)["type"] == "pong" })
}

func TestConnectionCap(t *testing.T) {
	s, _ := start(t, Limits{MaxConns: 1})
	first := dial(t, s)
	first.send(`{"type":"ping","id":"1"}`)
	if f := first.read(); f["type"] != "pong" {
		t.Fatalf("got %v", f)
	}
	second := dial(t, s)
	if f := second.read(); f["code"] != "UNAVAILABLE" || f["message"] != "too many nodes are connected" {
		t.Errorf("got %v", f)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a slot is free", func() bool { return dialPing(t, s)["type"] == "pong" })
}

func dialPing(t *testing.T, s *Server) map[string]any {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, `{"type":"ping","id":"1"}`+"\n")
	line, _ := bufio.NewReader(c).ReadBytes('\n')
	var f map[string]any
	_ = json.Unmarshal(line, &f) // nothing, when the bridge has closed
	return f
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in 10 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestHealth(t *testing.T) {
	b := bustest.Start(t, "main")
	nc := b.Conn(t)
	sub, err := nc.SubscribeSync(b.Subjects.Healths())
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	s := build(t, b, Limits{})
	m, err := sub.NextMsg(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var c msg.Component
	if err := json.Unmarshal(m.Data, &c); err != nil || c.Name != "bridge" || c.State != msg.StateOK {
		t.Errorf("%s: %v", m.Data, err)
	}

	// A listener that breaks by itself ends Run with an error.
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

func TestRunEndsWithOpenConnections(t *testing.T) {
	b := bustest.Start(t, "main")
	s := build(t, b, Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	n := dial(t, s)
	n.send(`{"type":"ping","id":"1"}`)
	if f := n.read(); f["type"] != "pong" {
		t.Fatalf("got %v", f)
	}
	began := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("Run took %v to end", took)
	}
	if f := n.read(); f != nil {
		t.Errorf("got %v, want the end", f)
	}
}

func TestNewUndoesOnError(t *testing.T) {
	b := bustest.Start(t, "main")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{Listener: ln, Subjects: b.Subjects, Dial: b.Dial, Version: "no version", Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("no error for a bad version")
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listener: %v, want closed", err)
	}
}

func FuzzConnection(f *testing.F) {
	for _, seed := range []string{
		`{"type":"hello","nodeId":"phone"}`, `{"type":"hello","nodeId":"*"}`, `{"type":"pair-request","nodeId":"a b"}`,
		`{"type":"req","id":"1"}`, `{"type":5}`, "[]", "null", "\x00\xff", "{\"type\":\"hello\",\n\"nodeId\":\"x\"}", "", strings.Repeat("[", 3000),
	} {
		f.Add([]byte(seed))
	}
	b := bustest.Start(f, "main")
	s := &Server{
		subjects: b.Subjects, log: slog.New(slog.DiscardHandler),
		limits: Limits{MaxLine: 4096, Refusals: 1 << 20}.withDefaults(),
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan struct{})
		c := newConn(s, theirs)
		go func() { defer close(served); c.serve(ctx) }()
		go func() {
			_, _ = ours.Write(append(lines, "\n{\"type\":\"ping\",\"id\":\"the end\"}\n"...)) // fails when the line was too long
		}()
		replies := bufio.NewScanner(ours)
		for replies.Scan() {
			var r reply
			if err := json.Unmarshal(replies.Bytes(), &r); err != nil {
				t.Fatalf("%s: %v", replies.Bytes(), err)
			}
			if r.Type != "pong" && r.Type != "error" && r.Type != "res" {
				t.Fatalf("%s: a node without login got more than a refusal", replies.Bytes())
			}
			if r.ID == "the end" {
				break
			}
		}
		cancel()
		<-served
		_ = ours.Close()
	})
}
