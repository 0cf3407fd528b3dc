// Package daemon runs one gateway: it wires the profile's store, bus and
// components together and supervises them.
//
// Order comes from construction: lock, store, config, ports, bus, components.
// Each step pushes how it is undone, and all of it is undone last in, first
// out, so that the bus outlives every drain and the store outlives the bus.
//
// What runs may change while it runs. Each component is a part that can be
// given a new life without touching the others (part.go); a changed config is a
// transaction over parts, on probation until it has proven itself (reload.go);
// and what no part can take up restarts the gateway inside its process.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/oklog/run"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/service"
	"clawdbot/profile/store"
)

// Options say which gateway to run. Profile, Version and Console are required.
type Options struct {
	Profile profile.Profile
	Port    int  // base port of the command line; 0 means none was given
	Force   bool // end a gateway of this profile that runs already
	Version string
	Manager string    // who starts it again after a crash: systemd, launchd, schtasks or up; "" is nobody
	Keeper  string    // socket of the "clawdbot up" that keeps it, or ""
	Console io.Writer // log lines for people
	Color   bool
}

// Component is one supervised part of the daemon.
type Component interface {
	Name() string // gateway, bridge, canvas, browser, agent, rescue
	// Run serves until ctx ends, drains, and returns nil.
	Run(ctx context.Context) error
}

// StartError is a start that was refused: by the configuration, so that trying
// again is no use, or for now. Try is the command that helps, or "".
type StartError struct {
	Config bool
	Err    error
	Try    string
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

func refuse(try, format string, args ...any) error {
	return &StartError{Config: true, Err: fmt.Errorf(format, args...), Try: try}
}

func notNow(try, format string, args ...any) error {
	return &StartError{Err: fmt.Errorf(format, args...), Try: try}
}

// daemon is one gateway from its start to its stop.
type daemon struct {
	Options
	trial   trial
	began   time.Time
	boot    string // random name of this life
	earlier string // of the life before it in this process; "" for the first
	log     *slog.Logger
	logs    *logHandler
	logPath string
	notes   []string // for the log, from before it was open
	notify  service.Notifier

	store     *store.Store
	recovery  store.Recovery
	faults    chan error // what the store says of itself while it is open
	fileMark  string     // of the config file when it was read for this start
	now       atomic.Pointer[settings]
	before    profile.Instance // the registry's entry that this process found
	instance  profile.Instance // and wrote
	doors     map[string]*door // by component, until the component has it
	bus       *bus.Server
	dialAs    func(component string) (*nats.Conn, error) // nil means from the bus
	super     *supervisor
	parts     []*part
	asking    *prober
	proposals chan proposal // configs to apply
	proven    chan struct{} // closed once a config has proven itself
	proving   sync.Once
	started   bool     // the start came to its end
	asked     bool     // to stop
	again     *restart // another life follows this one; nil means none
	handOver  sync.Once
	leaving   chan struct{} // closed once again is set
	fed       func()        // ends the feeding of the watchdog between two lives

	meshing sync.Mutex                  // one change of the members at a time; guards the next two
	members bus.Members                 // as the bus has them
	known   map[string]profile.Instance // the registry as last seen, by bus name

	undo []step
}

// step is one thing to undo.
type step struct {
	name string
	fn   func() error
}

// Run runs a gateway until ctx ends. A gateway that has to restart, for a config
// that takes a new start, does so inside this call. It returns a *StartError
// when the start was refused.
func Run(ctx context.Context, o Options) error {
	if loaded, err := o.Profile.Load(); err == nil && loaded.Config.Gateway.Mode == "remote" {
		return refuse(o.Profile.Command("config set gateway.mode local"),
			"gateway.mode is remote: the gateway of profile %s is at %s, and none runs here", o.Profile.Name, loaded.Config.Gateway.Remote.URL)
	}
	defer rest()()
	return lives(ctx, o, func(*daemon) {})
}

// lives runs one life of the gateway after the other; prepare sees each before
// it starts.
func lives(ctx context.Context, o Options, prepare func(*daemon)) error {
	var t trial
	fed := func() {}
	defer func() { fed() }()
	for earlier := ""; ; {
		d := newDaemon(o, t)
		d.earlier, earlier = earlier, d.boot
		d.fed = fed
		prepare(d)
		err := d.run(ctx)
		if d.again == nil || ctx.Err() != nil {
			return err
		}
		t, fed = d.again.trial, d.fed
		if err != nil {
			t.notes = append(t.notes, "the life before this one ended badly: "+err.Error())
		}
	}
}

func newDaemon(o Options, t trial) *daemon {
	d := &daemon{
		Options: o, trial: t, began: time.Now(), boot: randomName(), doors: map[string]*door{}, faults: make(chan error, 1),
		proposals: make(chan proposal), proven: make(chan struct{}), leaving: make(chan struct{}), notes: t.notes, fed: func() {},
	}
	d.now.Store(&settings{})
	return d
}

func (d *daemon) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, d.unwind()) }()
	if err := d.start(ctx); err != nil {
		if d.again = d.otherwise(err); d.again != nil {
			err = nil
		} else if refused := (*StartError)(nil); d.trial.failed != nil && errors.As(d.trial.failed.err, &refused) {
			err = d.trial.failed.err // that is where it began
		}
		return errors.Join(err, d.abandon())
	}
	d.started = true
	return d.serve(ctx)
}

// abandon drains the components of a start that did not come to its end.
func (d *daemon) abandon() error {
	var errs errorList
	for _, p := range d.parts {
		_ = errs.add(p.name, p.close())
	}
	return errs.join()
}

func (d *daemon) push(name string, fn func() error) { d.undo = append(d.undo, step{name, fn}) }

func (d *daemon) unwind() error {
	var errs []error
	for i := len(d.undo) - 1; i >= 0; i-- {
		if err := d.undo[i].fn(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", d.undo[i].name, err))
		}
	}
	return errors.Join(errs...)
}

// dial connects a component to the bus, by its name.
func (d *daemon) dial(component string) (*nats.Conn, error) {
	if d.dialAs != nil {
		return d.dialAs(component)
	}
	return d.bus.Dial(nats.Name(component))
}

// serve runs the parts until ctx ends or the config asks for a restart.
func (d *daemon) serve(ctx context.Context) error {
	var g run.Group
	var errs errorList
	parts, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	add := func(name string, fn func(context.Context) error) {
		ctx, cancel := context.WithCancel(parts)
		g.Add(func() error { return errs.add(name, fn(ctx)) }, func(error) { cancel() })
	}
	add("signal", func(parts context.Context) error {
		select {
		case <-ctx.Done():
			d.asked = true
			d.stopping("asked to stop")
		case <-parts.Done():
		}
		return nil
	})
	add("mesh", d.mesh)
	add("config", d.followConfig)
	add("store", d.watchStore)
	for _, p := range d.parts {
		add(p.name, p.run)
	}
	add("probes", d.asking.run)
	add("ready", func(ctx context.Context) error {
		select {
		case <-d.super.started:
			d.ready()
			<-ctx.Done()
		case <-ctx.Done():
		}
		return nil
	})
	_ = g.Run() // its error is the first of those collected
	return errs.join()
}

// ready tells everyone that the gateway serves.
func (d *daemon) ready() {
	d.super.setPhase(msg.PhaseReady, "")
	if err := d.Profile.EndStart(); err != nil {
		d.log.Warn("end the note of the start", "err", err)
	}
	took, port := time.Since(d.began), d.settings().ports.Gateway
	d.log.Info("ready", "port", port, "pid", os.Getpid(), "took", took.Round(time.Millisecond).String())
	if err := d.notify.Ready(fmt.Sprintf("serving on port %d", port)); err != nil {
		d.log.Warn("tell the service manager", "err", err)
	}
}

// restart ends this life for another one in the same process. Peers take it for
// a start: if the next life does not come, they look after it.
func (d *daemon) restart(t trial, why string) {
	d.handOver.Do(func() {
		d.log.Info("restarting", "reason", why)
		d.super.setPhase(msg.PhaseStarting, "restarting: "+why)
		d.again = &restart{t}
		d.fed = feed(d.notify)
		close(d.leaving)
	})
}

// betweenLives bounds how long the service manager's watchdog is kept quiet while
// no supervised loop turns.
const betweenLives = time.Minute

// feed keeps the watchdog quiet until it is told to stop, or betweenLives is over.
func feed(n service.Notifier) (stop func()) {
	every, on := n.Watchdog()
	if !on {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.Background(), betweenLives)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			_ = n.Beat() // the manager's own deadline tells of a failure
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// stopping announces the end, so that no peer takes it for a crash.
func (d *daemon) stopping(why string) {
	d.log.Info("stopping", "reason", why)
	d.super.setPhase(msg.PhaseStopping, why)
	d.notifyStopping()
}

func (d *daemon) notifyStopping() {
	if err := d.notify.Stopping(); err != nil {
		d.log.Warn("tell the service manager", "err", err)
	}
}
