package gateway_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/gateway"
	"clawdbot/profile/gate"
	"clawdbot/profile/store"
)

// live runs a gateway on the listener until stop is called.
func live(t *testing.T, b *bustest.Bus, st *store.Store, l net.Listener, dial func() (*nats.Conn, error)) (f *fixture, stop func() error) {
	t.Helper()
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	s, err := gateway.New(gateway.Config{
		Listener: l, Subjects: b.Subjects, Dial: dial, Gate: g, Version: "1.0.0", Log: slog.New(slog.DiscardHandler),
		Identity: gateway.Identity{Profile: "main"}, Generation: nothingRuns, Store: st,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return &fixture{t: t, bus: b, addr: l.Addr().String()}, func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Second):
			return errors.New("Run does not return")
		}
	}
}

func TestProbeOfTheGateway(t *testing.T) {
	b, st, door := bustest.Start(t, "main"), newStore(t), bustest.NewDoor(t)
	f, stop := live(t, b, st, door.Key(), b.Dial)
	if p, err := b.Probe("gateway"); err != nil || p.Did != "answered /healthz and began a client's handshake" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, hello := f.connect(); len(hello.Snapshot.Presence) != 2 { // the gateway and this client
		t.Errorf("the probe is present: %+v", hello.Snapshot.Presence)
	}
	release := door.Hold()
	var e *bus.Error
	if _, err := b.Probe("gateway"); !errors.As(err, &e) || !strings.HasPrefix(e.Message, "/healthz on 127.0.0.1:") || !strings.Contains(e.Message, "deadline exceeded") {
		t.Errorf("with the loop held: %v", err)
	}
	release()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Many who only connect do not make the gateway look stuck: the oldest of them go.
func TestProbeOfACrowdedGateway(t *testing.T) {
	b, st, door := bustest.Start(t, "main"), newStore(t), bustest.NewDoor(t)
	f, stop := live(t, b, st, door.Key(), b.Dial)
	for range 600 {
		f.rawUpgrade()
	}
	if p, err := b.Probe("gateway"); err != nil || !strings.HasSuffix(p.Did, "began a client's handshake") {
		t.Errorf("got %+v, %v", p, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Each life but the first begins while the one before still runs, as the
// supervisor does it.
func TestThreeLives(t *testing.T) {
	b, st, door := bustest.Start(t, "main"), newStore(t), bustest.NewDoor(t)
	ignore := goleak.IgnoreCurrent()
	before := func() error { return nil }
	for range 3 {
		f, stop := live(t, b, st, door.Key(), b.Dial)
		if err := before(); err != nil {
			t.Fatal(err)
		}
		before = stop
		c, _ := f.connect()
		c.request("1", "health", nil)
		if r := c.response("1"); !r.OK {
			t.Fatal(r.Error)
		}
		if _, err := b.Probe("gateway"); err != nil {
			t.Error(err)
		}
	}
	if err := before(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "no connection to the bus is left", func() bool { now, err := b.Stats(); return err == nil && now.Clients == 0 })
	goleak.VerifyNone(t, ignore)
}

// The end of one life is no news for the clients of the next.
func TestOnlyOwnClientsAreToldOfTheEnd(t *testing.T) {
	b, st, door := bustest.Start(t, "main"), newStore(t), bustest.NewDoor(t)
	_, stopOld := live(t, b, st, bustest.NewDoor(t).Key(), b.Dial)
	f, stop := live(t, b, st, door.Key(), b.Dial)
	c, _ := f.connect()
	if err := stopOld(); err != nil {
		t.Fatal(err)
	}
	c.request("1", "health", nil)
	told := 0
	read := func() (id string) {
		f := c.read()
		if f.Event == "shutdown" {
			told++
		}
		return f.ID
	}
	for read() != "1" { // it serves on
	}
	if told != 0 {
		t.Error("the client was told of the end of the old life")
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for told == 0 {
		read()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// One that is left behind loses its connection to the bus while it runs.
func TestAbandoned(t *testing.T) {
	b, st, door := bustest.Start(t, "main"), newStore(t), bustest.NewDoor(t)
	var nc *nats.Conn
	f, stop := live(t, b, st, door.Key(), func() (_ *nats.Conn, err error) { nc, err = b.Dial(); return nc, err })
	c, _ := f.connect()
	nc.Close()
	c.request("1", "health", nil)
	if r := c.response("1"); r.OK || r.Error.Code != "UNAVAILABLE" {
		t.Errorf("got %+v, %v", r, r.Error)
	}
	if err := stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}
