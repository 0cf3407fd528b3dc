//go:build unix

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

// screen is what a command that goes on has printed so far.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// watch runs incidents watch until the test ends.
func (h *home) watch(args ...string) (out, errs *screen) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, errs = &screen{}, &screen{}
	ended := make(chan error, 1)
	go func() {
		root := newRoot(&app{Streams: Streams{In: strings.NewReader(""), Out: out, Err: errs}, version: testVersion, env: h.env()})
		root.SetArgs(append([]string{"--profile", "rescue", "incidents", "watch"}, args...))
		ended <- root.ExecuteContext(ctx)
	}()
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("watch: %v", err)
		}
	})
	return out, errs
}

// TestIncidentsWatch sees a process that is killed as it happens, over a restart
// of the gateway that it listens to.
func TestIncidentsWatch(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	p := h.setup("rescue", 0)
	process := h.process("main")
	stop := h.gateway(p, 0)
	text, errs := h.watch("--peer", "main")
	raw, rawErrs := h.watch("--json")
	await(t, "the watch", func() bool { return strings.Contains(errs.String(), "listening on clawdbot.rescue.event.incident") })
	stop()
	await(t, "the word of the end", func() bool {
		return strings.Contains(errs.String(), "waiting for the gateway") && strings.Contains(rawErrs.String(), "waiting for the gateway")
	})
	h.gateway(p, 0)
	await(t, "main under watch", func() bool { return strings.Contains(h.run("--profile", "rescue", "rescue").out, "● main is ok") })
	for _, e := range []*screen{errs, rawErrs} {
		await(t, "both to listen again", func() bool { return strings.Contains(e.String(), "the bus of profile rescue is back") })
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "the crash", func() bool {
		return strings.Contains(text.String(), "● crash of main ") && strings.Contains(text.String(), "down: ")
	})
	var i msg.Incident
	await(t, "the record", func() bool {
		line, _, whole := strings.Cut(raw.String(), "\n")
		return whole && json.Unmarshal([]byte(line), &i) == nil
	})
	if i.Peer != "main" || i.State != msg.IncidentOpen {
		t.Errorf("%+v", i)
	}
	h.process("main")
	await(t, "its end", func() bool { return strings.Contains(text.String(), "resolved main serves again after ") })
	h.run("--profile", "rescue", "incidents", "watch", "--peer", "mian").wants(1, "", "did you mean main?")
}

// TestIncidentsOfAPipe: what stands in the store's place is told, and not waited for.
func TestIncidentsOfAPipe(t *testing.T) {
	h := newHome(t)
	p := h.setup("rescue", h.base)
	if err := errors.Join(os.RemoveAll(p.StoreDir()), syscall.Mkfifo(p.StoreDir(), 0o600)); err != nil {
		t.Fatal(err)
	}
	told := make(chan result, 1)
	go func() { told <- h.run("--profile", "rescue", "incidents") }()
	select {
	case r := <-told:
		r.wants(3, "", "its store cannot be read either: open store "+p.StoreDir()+": it is not a folder\n")
	case <-time.After(5 * time.Second):
		t.Fatal("it hangs")
	}
}
