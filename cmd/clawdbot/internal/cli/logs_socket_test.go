package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// sink is an output that may be read while it is written.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// follow runs a command until the test ends, and returns what it prints.
func (h *home) follow(args ...string) (out, errs *sink) {
	h.t.Helper()
	out, errs = &sink{}, &sink{}
	a := &app{Streams: Streams{In: strings.NewReader(""), Out: out, Err: errs}, version: testVersion, env: h.env()}
	root := newRoot(a)
	root.SetArgs(args)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() { ended <- a.report(root.ExecuteContext(ctx)) }()
	h.t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			h.t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	})
	return out, errs
}

func TestLogsOverTheSocket(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	stop := h.gateway(p, 0)
	url, token := fmt.Sprintf("ws://127.0.0.1:%d", h.base), secretOf(t, p)
	h.run("logs", "--url", url, "--token", token).wants(0, " ready ", "")
	h.run("logs", "--url", url, "--token", token, "--level", "error").wants(0, "", "")
	if r := h.run("logs", "--url", url, "--token", token, "--limit", "1").wants(0, "", ""); strings.Count(r.out, "\n") != 1 {
		t.Errorf("not one line: %s", r.out)
	}
	h.run("logs", "--url", url, "--local").wants(2, "", "give one of the two")
	h.run("logs", "--url", "ws://127.0.0.1:1").wants(3, "", "not reachable")

	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(p.LogFile(), os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := fmt.Fprintf(f, `{"time":"2026-01-02T03:04:05.000Z","level":"info","profile":"main","component":"test","msg":%q}`+"\n", text); err != nil {
			t.Fatal(err)
		}
	}
	socket, told := h.follow("--profile", "main", "logs", "--follow", "--limit", "1")
	local, _ := h.follow("--profile", "main", "logs", "--follow", "--local", "--limit", "1")
	await(t, "the first lines", func() bool { return socket.String() != "" && local.String() != "" })
	write("written later")
	for _, out := range []*sink{socket, local} {
		await(t, "a new line", func() bool { return strings.Contains(out.String(), "written later") })
	}

	// When the gateway ends its file goes on.
	stop()
	await(t, "word of its end", func() bool { return strings.Contains(told.String(), "this follows its file") })
	write("after the end")
	await(t, "a line after the end", func() bool { return strings.Contains(socket.String(), "after the end") })
	if n := strings.Count(socket.String(), "written later"); n != 1 {
		t.Errorf("%d times:\n%s", n, socket)
	}
}
