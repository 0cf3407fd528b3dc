package browser

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

// behind is the config of browser control behind the door.
func behind(t *testing.T, b *bustest.Bus, door *bustest.Door) Config {
	t.Helper()
	cfg := testConfig(t)
	if err := cfg.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Listener, cfg.Subjects, cfg.Dial = door.Key(), b.Subjects, b.Dial
	return cfg
}

// live runs browser control until stop is called.
func live(t *testing.T, b *bustest.Bus, cfg Config) (s *site, stop func() error) {
	t.Helper()
	server, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	return &site{Server: server, bus: b, url: "http://" + server.Addr().String()}, func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Second):
			return errors.New("Run does not return")
		}
	}
}

func TestProbe(t *testing.T) {
	needChromium(t)
	b, door := bustest.Start(t, "main"), bustest.NewDoor(t)
	s, stop := live(t, b, behind(t, b, door))
	if p, err := b.Probe(name); err != nil || p.Did != "its gate answered over HTTP" {
		t.Errorf("%+v, %v", p, err)
	}
	s.ok(t, "POST", "/start", "", nil)
	if p, err := b.Probe(name); err != nil || p.Did != "its gate answered over HTTP, and 1 Chromium over CDP" {
		t.Errorf("%+v, %v", p, err)
	}
	http.DefaultClient.CloseIdleConnections()
	release := door.Hold()
	var e *bus.Error
	if _, err := b.Probe(name); !errors.As(err, &e) || !strings.HasPrefix(e.Message, "HTTP on 127.0.0.1:") || !strings.Contains(e.Message, "deadline exceeded") {
		t.Errorf("with the loop held: %v", err)
	}
	release()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestThreeLives(t *testing.T) {
	needChromium(t)
	b, door := bustest.Start(t, "main"), bustest.NewDoor(t)
	cfg := behind(t, b, door)
	ignore := goleak.IgnoreCurrent()
	for range 3 {
		cfg.Listener = door.Key()
		s, stop := live(t, b, cfg)
		s.ok(t, "POST", "/start", "", nil)
		s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, nil)
		if _, err := b.Probe(name); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "nothing of Chromium is left", func() bool { return len(leftovers()) == 0 })
	}
	eventually(t, "no connection to the bus is left", func() bool { now, err := b.Stats(); return err == nil && now.Clients == 0 })
	goleak.VerifyNone(t, ignore)
}

// One that is left behind loses its connection to the bus while a Chromium runs.
func TestAbandoned(t *testing.T) {
	needChromium(t)
	b, door := bustest.Start(t, "main"), bustest.NewDoor(t)
	var nc *nats.Conn
	cfg := behind(t, b, door)
	cfg.Dial = func() (_ *nats.Conn, err error) { nc, err = b.Dial(); return nc, err }
	s, stop := live(t, b, cfg)
	s.ok(t, "POST", "/start", "", nil)
	nc.Close()
	s.ok(t, "GET", "/tabs", "", nil)
	owned := s.processes(t)
	cfg.Listener, cfg.Dial = door.Key(), b.Dial
	next, stopNext := live(t, b, cfg)
	if len(owned) != 1 || len(next.processes(t)) != 0 {
		t.Errorf("of the one that was given up: %+v, then %+v", owned, next.processes(t))
	}
	next.ok(t, "POST", "/start", "", nil)
	if err := stopNext(); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}
