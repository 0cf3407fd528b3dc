package bridge

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

// live runs a bridge behind the door until stop is called.
func live(t *testing.T, b *bustest.Bus, door *bustest.Door, limits Limits, dial func() (*nats.Conn, error)) (s *Server, stop func() error) {
	t.Helper()
	s, err := New(Config{
		Listener: door.Key(), Subjects: b.Subjects, Dial: dial, Version: "1.2.3",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Limits: limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() error {
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
	b, door := bustest.Start(t, "main"), bustest.NewDoor(t)
	_, stop := live(t, b, door, Limits{MaxConns: 2}, b.Dial)
	if p, err := b.Probe(name); err != nil || !strings.HasPrefix(p.Did, "answered a ping on 127.0.0.1:") {
		t.Errorf("%+v, %v", p, err)
	}
	release := door.Hold()
	var e *bus.Error
	if _, err := b.Probe(name); !errors.As(err, &e) || !strings.Contains(e.Message, "ping on 127.0.0.1:") || !strings.Contains(e.Message, "deadline exceeded") {
		t.Errorf("with the loop held: %v", err)
	}
	release()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A bridge that is full works.
func TestProbeOfAFullBridge(t *testing.T) {
	b, door := bustest.Start(t, "main"), bustest.NewDoor(t)
	s, stop := live(t, b, door, Limits{MaxConns: 1}, b.Dial)
	n := dial(t, s)
	n.send(`{"type":"ping","id":"1"}`)
	if f := n.read(); f["type"] != "pong" {
		t.Fatalf("got %v", f)
	}
	if p, err := b.Probe(name); err != nil || p.Did != "has as many connections as it takes: 1" {
		t.Errorf("%+v, %v", p, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestThreeLives(t *testing.T) {
	b, door := bustest.Start(t, "main"), bustest.NewDoor(t)
	ignore := goleak.IgnoreCurrent()
	for range 3 {
		s, stop := live(t, b, door, Limits{}, b.Dial)
		n := dial(t, s)
		n.send(`{"type":"ping","id":"1"}`)
		if f := n.read(); f["type"] != "pong" {
			t.Fatalf("got %v", f)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, n); err != nil {
			t.Errorf("a node's connection outlives the bridge: %v", err)
		}
	}
	eventually(t, "no connection to the bus is left", func() bool { now, err := b.Stats(); return err == nil && now.Clients == 0 })
	goleak.VerifyNone(t, ignore)
}

// One that is left behind loses its connection to the bus while it runs.
func TestAbandoned(t *testing.T) {
	b, door := bustest.Start(t, "main"), bustest.NewDoor(t)
	var nc *nats.Conn
	s, stop := live(t, b, door, Limits{}, func() (_ *nats.Conn, err error) { nc, err = b.Dial(); return nc, err })
	n := dial(t, s)
	nc.Close()
	n.send(`{"type":"hello","nodeId":"phone"}`)
	if f := n.read(); f["code"] != "NOT_PAIRED" {
		t.Errorf("got %v", f)
	}
	if err := stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}
