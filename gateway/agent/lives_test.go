package agent

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

func TestProbe(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{})
	if p, err := r.bus.Probe(name); err != nil || p.Did != "stored a record and took a turn" {
		t.Errorf("%+v, %v", p, err)
	}
	for e, err := range a.probes.All() {
		t.Errorf("the probe left %+v, %v", e, err)
	}
}

// One whose loop does not turn: it never began to.
func TestProbeOfAHeldLoop(t *testing.T) {
	r := newRig(t)
	s, err := store.Open(store.Config{Dir: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(r.config(s, Limits{}))
	if err != nil {
		t.Fatal(err)
	}
	var e *bus.Error
	if _, err := r.bus.Probe(name); !errors.As(err, &e) || !strings.HasPrefix(e.Message, "the loop that starts the workers took no turn") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(a.Run(ctx), s.Close()); err != nil {
		t.Error(err)
	}
}

// A disk that hangs holds the probe, which then stands for all that come after.
func TestProbeOfAHungStore(t *testing.T) {
	r := newRig(t)
	var hangs atomic.Bool
	stuck, over := make(chan struct{}, 1), make(chan struct{})
	disk := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if hangs.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			signal(stuck)
			<-over
		}
		return nil
	})
	s, err := store.Open(store.Config{Dir: r.dir, FS: errorfs.Wrap(vfs.Default, disk)})
	if err != nil {
		t.Fatal(err)
	}
	r.startOn(s, Limits{})
	release := sync.OnceFunc(func() { hangs.Store(false); close(over) })
	t.Cleanup(release)
	hangs.Store(true)
	first := make(chan error, 1)
	go func() {
		_, err := r.bus.Probe(name)
		first <- err
	}()
	<-stuck
	var e *bus.Error
	if _, err := r.bus.Probe(name); !errors.As(err, &e) || !strings.HasPrefix(e.Message, "the probe that began at ") {
		t.Errorf("a second one: %v", err)
	}
	release()
	<-first
	if _, err := r.bus.Probe(name); err != nil {
		t.Errorf("when the disk works again: %v", err)
	}
}

// A store that takes no writes is noticed before a message comes.
func TestProbeOfAFullStore(t *testing.T) {
	r := newRig(t)
	full := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errors.New("no space left on device")
		}
		return nil
	})}
	s, err := store.Open(store.Config{Dir: r.dir, FS: errorfs.Wrap(vfs.Default, &full)})
	if err != nil {
		t.Fatal(err)
	}
	r.startOn(s, Limits{})
	health, err := r.nc.SubscribeSync(r.bus.Subjects.Healths())
	if err == nil {
		err = r.nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	full.On()
	if _, err := r.bus.Probe(name); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("got %v", err)
	}
	r.eventually("health says failed", func() bool {
		m, err := health.NextMsg(time.Second)
		return err == nil && strings.Contains(string(m.Data), `"state":"failed"`)
	})
}

// A run whose end could not be stored has ended all the same: who waits for it
// must not be told to go on waiting, at once and again and again.
func TestEndThatIsNotStored(t *testing.T) {
	r := newRig(t)
	full := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errors.New("no space left on device")
		}
		return nil
	})}
	s, err := store.Open(store.Config{Dir: r.dir, FS: errorfs.Wrap(vfs.Default, &full)})
	if err != nil {
		t.Fatal(err)
	}
	r.responder = script(func(context.Context, Prompt, func(string)) (string, error) {
		full.On()
		_, _ = r.bus.Probe(name) // from then on the store takes nothing
		return "done", nil
	})
	r.startOn(s, Limits{})
	r.chat("main", "hello", "k")
	if d := r.wait("k"); d.Status != "error" || !strings.Contains(d.Error, "could not be stored") {
		t.Errorf("got %+v", d)
	}
}

func TestThreeLives(t *testing.T) {
	b := bustest.Start(t, "main")
	dir := filepath.Join(t.TempDir(), "store")
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &rig{T: t, bus: b, dir: dir}
	ignore := goleak.IgnoreCurrent()
	for life := range uint64(3) {
		a, err := New(r.config(s, quick))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		if _, err := b.Probe(name); err != nil {
			t.Error(err)
		}
		nc, err := b.Dial()
		if err != nil {
			t.Fatal(err)
		}
		r.nc = nc
		if accepted := r.mustSend("nobody-listens", msg.In{Text: "/help"}); accepted.Seq != life+1 {
			t.Errorf("life %d accepted %+v", life, accepted)
		}
		nc.Close()
		r.eventually("answers of all lives wait", func() bool { return a.waiting()["nobody-listens"] == int(life)+1 })
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	r.eventually("no connection to the bus is left", func() bool { now, err := b.Stats(); return err == nil && now.Clients == 0 })
	goleak.VerifyNone(t, ignore)
}

// One that is left behind loses its connection to the bus while it works.
func TestAbandoned(t *testing.T) {
	r := newRig(t)
	s, err := store.Open(store.Config{Dir: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var nc *nats.Conn
	cfg := r.config(s, quick)
	cfg.Dial = func() (_ *nats.Conn, err error) { nc, err = r.bus.Dial(); return nc, err }
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	r.mustSend("nobody-listens", msg.In{Text: "/help"})
	r.eventually("a worker tries to deliver", func() bool { return a.waiting()["nobody-listens"] == 1 })
	nc.Close()
	cancel()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not return")
	}
}
