package bus_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/subject"
)

// startTaken starts a bus with one of its ports taken.
func startTaken(t *testing.T, set func(*bus.Config, int)) (after time.Duration, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	cfg := bus.Config{Subjects: sp, Log: slog.New(slog.DiscardHandler)}
	addr := l.Addr().(*net.TCPAddr)
	set(&cfg, addr.Port)
	start := time.Now()
	s, err := bus.Start(cfg)
	if err == nil {
		s.Close()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), addr.String()) {
		t.Errorf("%v does not name %s", err, addr)
	}
	return time.Since(start), err
}

func TestTakenPortIsToldAtOnce(t *testing.T) {
	for want, set := range map[string]func(*bus.Config, int){
		"bus: cannot listen for NATS clients: ":        func(c *bus.Config, p int) { c.Port = p },
		"bus: cannot listen for peers: ":               func(c *bus.Config, p int) { c.LinkPort = p },
		"bus: cannot listen for NATS monitoring: ":     func(c *bus.Config, p int) { c.MonitorPort = p },
		"bus: cannot listen for NATS over WebSocket: ": func(c *bus.Config, p int) { c.WebSocketPort = p },
	} {
		after, err := startTaken(t, set)
		if !errors.Is(err, bus.ErrPort) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		t.Logf("%v (after %s)", err, after.Round(100*time.Microsecond))
	}
}

func TestStatsAndAddresses(t *testing.T) {
	b := bustest.Start(t, "main")
	nc := b.Conn(t)
	sub := listen(t, nc, "x")
	publish(t, nc, "x")
	next(t, sub)
	got, err := b.Stats()
	if want := (bus.Stats{Clients: 1, InMsgs: 1, OutMsgs: 1, InBytes: 2, OutBytes: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	host, port, err := net.SplitHostPort(b.LinkAddr())
	if err != nil || host != "127.0.0.1" || port == "0" || b.ClientPort() == 0 {
		t.Errorf("link %s, clients %d", b.LinkAddr(), b.ClientPort())
	}
}

func TestCloseEndsEveryConnection(t *testing.T) {
	b := bustest.Start(t, "main")
	closed := make(chan struct{}, 2)
	note := nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} })
	connect(t, b, bus.UserDebug, bus.UserDebug, note)
	connect(t, b, bus.UserIngress, bus.UserIngress, note)
	b.Close()
	for range 2 {
		select {
		case <-closed:
		case <-time.After(patience):
			t.Fatal("a connection outlives the bus")
		}
	}
	if _, err := b.Dial(); err == nil || !strings.HasPrefix(err.Error(), "bus: connect svc in process") {
		t.Errorf("dialled a closed bus: %v", err)
	}
	b.Close() // again
}

func TestQuietLog(t *testing.T) {
	var out logBuffer
	log := bus.ServerLog(out.logger(slog.LevelInfo))
	for _, text := range []string{
		`Error trying to connect as leafnode to remote server "127.0.0.1:1" (attempt 1): connection refused`,
		`127.0.0.1:1 - lid:7 - Problem registering with account "PROFILE": connection closed`,
		`127.0.0.1:1 - cid:7 - "v1.55.0:go:crm" - "PROFILE/user:crm" - authentication error - User "crm"`,
	} {
		log.Errorf("%s", text)
	}
	log.Noticef("Server is ready")
	log.Debugf("x")
	log.Tracef("x")
	log.Warnf("Plaintext passwords detected, use nkeys or bcrypt")
	if out.String() != "" {
		t.Errorf("said %s", out.String())
	}
	for _, text := range []string{
		`127.0.0.1:1 - lid:7 - Problem registering with account "PROFILE": maximum account active connections exceeded`,
		`127.0.0.1:2 - cid:8 - authentication error - User "debug"`,
		`127.0.0.1:2 - cid:8 - authentication error - User "/user:x"`,
		`127.0.0.1:3 - lid:9 - Leafnode Error 'Authorization Violation'`,
		`127.0.0.1:4 - lid:9 - Leafnode Error 'Authorization Violation'`, // another peer
		`no connection in front`,
	} {
		before := strings.Count(out.String(), "WARN")
		log.Errorf("%s", text)
		log.Errorf("%s", strings.NewReplacer("lid:", "lid:1", "cid:", "cid:1").Replace(text)) // the same at the next attempt
		if said := strings.Count(out.String(), "WARN") - before; said != 1 {
			t.Errorf("%s: said %d times", text, said)
		}
	}
	log.Warnf("Readloop processing time: %v", time.Second)
	if !strings.Contains(out.String(), "Readloop processing time: 1s") {
		t.Error("a warning is missing")
	}
}

// Clients that come and go while users change make the server report
// "Problem registering with account: connection closed"; see serverLog.Errorf.
func TestComingAndGoingDuringUpdatesIsNoWarning(t *testing.T) {
	var out logBuffer
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	b := bustest.StartConfig(t, bus.Config{Subjects: sp, Log: out.logger(slog.LevelDebug), Members: bus.Members{Users: bustest.Users(sp)}})
	done := make(chan struct{})
	var guests sync.WaitGroup
	for range 4 {
		guests.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					nc, err := b.Dial()
					if err != nil {
						t.Error(err) // a reload refuses who logs in, so Dial waits for it
						return
					}
					nc.Close()
				}
			}
		})
	}
	for i := range 50 {
		grant(t, b, crm(fmt.Sprint(i)))
	}
	close(done)
	guests.Wait()
	t.Logf("left while looked over: %d", strings.Count(out.String(), "Problem registering"))
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "level=DEBUG") {
			t.Error(line)
		}
	}
}

// held is a way to the bus that stops for as long as a test wants.
type held struct {
	*bustest.Bus
	gate sync.Mutex
}

type heldConn struct {
	net.Conn
	gate *sync.Mutex
}

func (h *held) InProcessConn() (net.Conn, error) {
	c, err := h.Bus.InProcessConn()
	return heldConn{c, &h.gate}, err
}

func (c heldConn) Write(b []byte) (int, error) {
	c.gate.Lock()
	defer c.gate.Unlock()
	return c.Conn.Write(b)
}

func TestDialWithAnotherWayInAndAName(t *testing.T) {
	h := &held{Bus: bustest.Start(t, "main")}
	nc, err := h.Server.Dial(nats.InProcessServer(h), nats.Name("clawdbot browser"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if nc.Opts.Name != "clawdbot browser" {
		t.Errorf("it is called %q", nc.Opts.Name)
	}
	heard := listen(t, h.Conn(t), "x")
	h.gate.Lock()
	publish(t, nc, "x")
	if _, err := heard.NextMsg(20 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("through a held pipe came %v", err)
	}
	h.gate.Unlock()
	next(t, heard)
}
