package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/subject"
)

// childArg makes the test binary run a bus instead of tests, for others to kill.
const childArg = "run-a-bus"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(runChild(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// runChild runs the bus args[0] with the peer args[1] at args[2] and the user
// bench, says where peers and clients reach it, and ends with its standard input.
func runChild(args []string) int {
	sp, err := subject.New(args[0])
	if err != nil {
		panic(err)
	}
	s, err := bus.Start(bus.Config{
		Subjects: sp, Log: slog.New(slog.DiscardHandler),
		Members: bus.Members{
			Users: []bus.User{{Name: "bench", Password: "bench", Publish: []string{sp.All()}, Subscribe: []string{sp.All()}}},
			Peers: []bus.Peer{{Bus: args[1], Addr: args[2], Secret: "pair"}},
		},
	})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	fmt.Println(s.LinkAddr(), s.ClientPort())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// child is a bus in a process of its own.
type child struct {
	*os.Process
	link string // where peers reach it
	port int    // for clients
}

// startChild runs the bus called name, whose peer is at peerAddr, and ends it
// with the test.
func startChild(t testing.TB, name, peer, peerAddr string) child {
	t.Helper()
	cmd := exec.Command(os.Args[0], childArg, name, peer, peerAddr)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c := child{Process: cmd.Process}
	if _, err := fmt.Fscan(out, &c.link, &c.port); err != nil {
		t.Fatal(err)
	}
	return c
}

// within is a context that ends after d, or with the test.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// eventually waits until ok says yes.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// client is a connection over TCP with the errors that the server sent it.
type client struct {
	*nats.Conn
	errs chan error
}

func connect(t testing.TB, b *bustest.Bus, user, password string, opts ...nats.Option) client {
	t.Helper()
	c := client{errs: make(chan error, 100)}
	opts = append(opts, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.errs <- err }))
	var err error
	if c.Conn, err = b.ConnAs(t, user, password, opts...); err != nil {
		t.Fatal(err)
	}
	return c
}

// flush sends what is under way and hears what the server says of it.
func flush(t testing.TB, nc *nats.Conn) {
	t.Helper()
	if err := nc.FlushWithContext(within(t, patience)); err != nil {
		t.Fatal(err)
	}
}

// refused checks that the server refused what the client just did.
func (c client) refused(t testing.TB, what string) {
	t.Helper()
	flush(t, c.Conn)
	select {
	case err := <-c.errs:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Fatalf("%s: %v", what, err)
		}
	case <-time.After(patience):
		t.Fatalf("%s was not refused", what)
	}
}

// allowed checks that the server took what the client just did.
func (c client) allowed(t testing.TB, what string) {
	t.Helper()
	flush(t, c.Conn)
	flush(t, c.Conn) // an error that was read before this answer has reached the handler's queue
	select {
	case err := <-c.errs:
		t.Fatalf("%s: %v", what, err)
	default:
	}
}

// listen subscribes to subj and returns when the server knows.
func listen(t testing.TB, nc *nats.Conn, subj string) *nats.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subj)
	if err != nil {
		t.Fatal(err)
	}
	flush(t, nc)
	return sub
}

// next returns the next message.
func next(t testing.TB, sub *nats.Subscription) *nats.Msg {
	t.Helper()
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatalf("%s: %v", sub.Subject, err)
	}
	return m
}

func publish(t testing.TB, nc *nats.Conn, subj string) {
	t.Helper()
	if err := nc.Publish(subj, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
}

// serve answers subj with reply from nc.
func serve(t testing.TB, nc *nats.Conn, name, subj string, handle bus.Handler) *bus.Service {
	t.Helper()
	s, err := bus.Serve(bus.ServiceConfig{
		Name: name, Version: "1.0.0", Profile: "main", Conn: nc,
		Endpoints: []bus.Endpoint{{Name: "one", Subject: subj, Handle: handle}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// answer is a handler that always replies the same.
func answer(v any) bus.Handler {
	return func(context.Context, *bus.Request) (any, error) { return v, nil }
}

// logBuffer collects what a bus logs at warn and above.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}
