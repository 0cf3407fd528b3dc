package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kept is a keeper of one member, main, that notes what it is told.
type kept struct{ told chan string }

func (k kept) Status(member string) (Status, bool) {
	return Status{Installed: true, Active: true, State: UpRunning, PID: 7, Restarts: 2, Signal: "SIGKILL", Since: time.Unix(1e9, 0)}, member == "main"
}
func (k kept) Start(context.Context, string) error { k.told <- "start"; return nil }
func (k kept) Stop(context.Context, string) error  { return errors.New("it does not stop") }

// Restart ends with its context.
func (k kept) Restart(ctx context.Context, member string) error {
	k.told <- "restart"
	<-ctx.Done()
	return ctx.Err()
}

// serve runs a keeper and returns its socket, and a function that ends it.
func serve(t *testing.T, k Keeper) (socket string, stop func()) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "up")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeKeeper(ctx, l, k) }()
	stop = func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			ended <- nil
		case <-time.After(5 * time.Second):
			t.Error("the keeper does not end")
		}
	}
	t.Cleanup(stop)
	return socket, stop
}

func TestFleetSteersAKeeper(t *testing.T) {
	k := kept{make(chan string, 1)}
	socket, stop := serve(t, k)
	host := Fleet(socket)
	status, err := host.Status(t.Context(), "main")
	want, _ := k.Status("main")
	want.Manager, want.Unit = Up, "main"
	if err != nil || !status.Since.Equal(want.Since) {
		t.Fatalf("got %+v, %v", status, err)
	}
	status.Since = want.Since
	if status != want {
		t.Errorf("got %+v, want %+v", status, want)
	}
	if err := host.Start(t.Context(), "main"); err != nil || <-k.told != "start" {
		t.Errorf("start: %v", err)
	}
	if err := host.Stop(t.Context(), "main"); err == nil || err.Error() != "it does not stop" {
		t.Errorf("stop: %v", err)
	}
	if err := host.Start(t.Context(), "rescue"); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("one that it does not keep: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := host.Restart(ctx, "main"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a restart that takes too long: %v", err)
	}
	stop() // also ends the restart
	if _, err := host.Status(t.Context(), "main"); !errors.Is(err, ErrNoManager) {
		t.Errorf("a keeper that has ended: %v", err)
	}
}

func TestFleetHasNoUnits(t *testing.T) {
	host := Fleet("/nowhere")
	spec := specs()["default"][Systemd]
	_, rendered := host.Render(spec)
	_, installed := host.Install(t.Context(), spec, false)
	_, removed := host.Uninstall(t.Context(), "main", false)
	for _, err := range []error{rendered, installed, removed} {
		if !errors.Is(err, errNoUnits) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOf(t *testing.T) {
	env := func(string) string { return "" }
	for _, kind := range []Kind{Systemd, Launchd, Schtasks, Up} {
		if host, err := Of(string(kind), "/socket", env); err != nil || host.kind != kind {
			t.Errorf("%s: %+v, %v", kind, host, err)
		}
	}
	for _, kind := range []string{"", "runit"} {
		if _, err := Of(kind, "", env); !errors.Is(err, ErrNoManager) {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// TestKeeperOfBadRequests: it answers what it can read, hangs up on the rest, and works on.
func TestKeeperOfBadRequests(t *testing.T) {
	socket, _ := serve(t, kept{make(chan string, 1)})
	for line, want := range map[string]string{
		"\n":           "not a request",
		"start main\n": "not a request",
		`{"verb":"explode","profile":"main"}` + "\n": `explode\" is no verb`,
		`{"verb":"explode"}` + "\n":                  `explode\" is no verb`,
		`{"verb":"start"}` + "\n":                    `"installed":false`,
		strings.Repeat("x", 2*longestRequest):        "",
	} {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprint(conn, line) // it may hang up at once
		said, err := io.ReadAll(conn)
		if want != "" && (err != nil || !strings.Contains(string(said), want)) || want == "" && len(said) > 0 {
			t.Errorf("%.40q: %q, %v", line, said, err)
		}
		_ = conn.Close()
	}
	if _, err := Fleet(socket).Status(t.Context(), "main"); err != nil {
		t.Error(err)
	}
}

// TestKeeperThatNeverStops: an answer without an end is refused after a part of it, and one that never comes is not waited for.
func TestKeeperThatNeverStops(t *testing.T) {
	for says, c := range map[string]struct {
		text  string
		limit time.Duration
	}{
		"its answer is longer than 64 KiB": {strings.Repeat(`{"error":"`, 1000), time.Minute},
		"deadline exceeded":                {"", 50 * time.Millisecond},
	} {
		socket := filepath.Join(t.TempDir(), "up")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan int, 1)
		go func() {
			total := 0
			defer func() { sent <- total }()
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if c.text == "" {
				_, _ = io.Copy(io.Discard, conn) // until it hangs up
				return
			}
			for err == nil && total < 64<<20 {
				var n int
				n, err = conn.Write([]byte(c.text))
				total += n
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), c.limit)
		if _, err := Fleet(socket).Status(ctx, "main"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
		cancel()
		if total := <-sent; total > 4<<20 { // the rest is what the system holds
			t.Errorf("%d bytes were taken", total)
		}
		_ = l.Close()
	}
}
