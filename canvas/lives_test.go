package canvas

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

// live runs a canvas on the bus and the root of h, behind the door, until stop
// is called.
func (h *host) live(door *bustest.Door, dial func() (*nats.Conn, error)) (stop func() error) {
	h.Helper()
	cfg := h.config(true)
	if err := cfg.Listener.Close(); err != nil {
		h.Fatal(err)
	}
	cfg.Listener, cfg.Dial = door.Key(), dial
	var err error
	if h.Server, err = New(cfg); err != nil {
		h.Fatal(err)
	}
	s := h.Server
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Second):
			return errors.New("Run does not return")
		}
	}
}

func behind(t *testing.T) (*host, *bustest.Door) {
	t.Helper()
	return &host{T: t, bus: bustest.Start(t, "main"), root: filepath.Join(t.TempDir(), "canvas")}, bustest.NewDoor(t)
}

func (h *host) files() (list []string) {
	h.Helper()
	err := filepath.WalkDir(h.root, func(path string, _ fs.DirEntry, err error) error {
		list = append(list, path)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return list
}

func TestProbe(t *testing.T) {
	h, door := behind(t)
	stop := h.live(door, h.bus.Dial)
	before := h.files()
	if p, err := h.bus.Probe(name); err != nil || p.Did != "served a file of its own by a capability URL" {
		t.Errorf("%+v, %v", p, err)
	}
	if after := h.files(); len(after) != len(before) {
		t.Errorf("the root has %v after the probe, %v before", after, before)
	}
	release := door.Hold()
	var e *bus.Error
	if _, err := h.bus.Probe(name); !errors.As(err, &e) || !strings.HasPrefix(e.Message, "capability URL on 127.0.0.1:") ||
		!strings.Contains(e.Message, "deadline exceeded") || strings.Contains(e.Message, capPath) {
		t.Errorf("with the loop held: %v", err)
	}
	release()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// The file of the probe is behind the same door as all others.
func TestProbeFileNeedsAPass(t *testing.T) {
	h := start(t, false, nil)
	if got := h.get(filesPath + probeFile); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a pass: %s", got.Status)
	}
	if got := h.get(filesPath+probeFile, bearer); got.StatusCode != http.StatusOK || got.body != probeText {
		t.Errorf("with the token: %s %q", got.Status, got.body)
	}
}

func TestThreeLives(t *testing.T) {
	h, door := behind(t)
	h.write("index.html", "hello")
	ignore := goleak.IgnoreCurrent()
	before := func() error { return nil }
	for range 3 { // each but the first begins while the one before still runs
		stop := h.live(door, h.bus.Dial)
		if err := before(); err != nil {
			t.Fatal(err)
		}
		before = stop
		if got := h.get(filesPath, bearer); got.StatusCode != http.StatusOK {
			t.Errorf("a file: %s", got.Status)
		}
		h.page("") // stays open
		if _, err := h.bus.Probe(name); err != nil {
			t.Error(err)
		}
	}
	if err := before(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	h.eventually("no connection to the bus is left", func() bool { now, err := h.bus.Stats(); return err == nil && now.Clients == 0 })
	goleak.VerifyNone(t, ignore)
}

// One that is left behind loses its connection to the bus while it runs.
func TestAbandoned(t *testing.T) {
	h, door := behind(t)
	var nc *nats.Conn
	stop := h.live(door, func() (_ *nats.Conn, err error) { nc, err = h.bus.Dial(); return nc, err })
	c := h.page("")
	nc.Close()
	if err := c.Write(t.Context(), 1, []byte(`{"userAction":{"id":"a"}}`)); err != nil {
		t.Fatal(err)
	}
	if got := h.get(filesPath, bearer); got.StatusCode != http.StatusOK {
		t.Errorf("a file: %s", got.Status)
	}
	if err := stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}
