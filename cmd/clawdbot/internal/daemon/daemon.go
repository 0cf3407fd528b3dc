// Package daemon runs one gateway: it wires the profile's store, bus and
// components together and supervises them.
//
// Order comes from construction: lock, store, config, ports, bus, components.
// Each step pushes how it is undone, and all of it is undone last in, first
// out, so that the bus outlives every drain and the store outlives the bus.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/oklog/run"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/service"
	"clawdbot/profile/store"
)

// Options say which gateway to run. Profile, Version and Console are required.
type Options struct {
	Profile profile.Profile
	Port    int  // base port of the command line; 0 means none was given
	Force   bool // end a gateway of this profile that runs already
	Version string
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

// daemon is one gateway while it starts, runs and stops.
type daemon struct {
	Options
	began   time.Time
	log     *slog.Logger
	logs    *logHandler
	logPath string
	notify  service.Notifier

	store      *store.Store
	recovery   store.Recovery
	faults     chan error // what the store says of itself while it is open
	choice     config.Choice
	issues     []string // of the file, when it was refused
	generation config.Generation
	ports      ports.Ports
	before     profile.Instance        // the registry's entry that this process found
	instance   profile.Instance        // and wrote
	listeners  map[string]net.Listener // by component
	bus        *bus.Server
	super      *supervisor
	components []Component
	started    bool // the start came to its end
	asked      bool // to stop

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

// Run runs a gateway until ctx ends. It returns a *StartError when the start
// was refused.
func Run(ctx context.Context, o Options) error { return newDaemon(o).run(ctx) }

func newDaemon(o Options) *daemon {
	return &daemon{Options: o, began: time.Now(), listeners: map[string]net.Listener{}, faults: make(chan error, 1)}
}

func (d *daemon) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, d.unwind()) }()
	if err := d.start(ctx); err != nil {
		return errors.Join(err, d.abandon())
	}
	d.started = true
	return d.serve(ctx)
}

// abandon drains the components of a start that did not come to its end.
func (d *daemon) abandon() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var errs errorList
	for _, c := range d.components {
		_ = errs.add(c.Name(), c.Run(ctx))
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

// serve runs the components until ctx ends or one of them does.
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
	add("probation", d.probation)
	add("store", d.watchStore)
	for _, c := range d.components {
		add(c.Name(), func(ctx context.Context) error {
			err := c.Run(ctx)
			if err == nil && ctx.Err() == nil {
				err = errors.New("ended by itself")
			}
			if err != nil {
				d.failing(c.Name())
			}
			return err
		})
	}
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
	took := time.Since(d.began)
	d.log.Info("ready", "port", d.ports.Gateway, "pid", d.instance.Process.PID, "took", took.Round(time.Millisecond).String())
	if err := d.notify.Ready(fmt.Sprintf("serving on port %d", d.ports.Gateway)); err != nil {
		d.log.Warn("tell the service manager", "err", err)
	}
}

// stopping announces the end, so that no peer takes it for a crash.
func (d *daemon) stopping(why string) {
	d.log.Info("stopping", "reason", why)
	d.super.setPhase(msg.PhaseStopping, why)
	d.notifyStopping()
}

// failing tells that the gateway ends because a part of it broke. To its peers
// that is a crash, not a stop.
func (d *daemon) failing(part string) {
	d.log.Error("stopping", "reason", part+" failed")
	d.notifyStopping()
}

func (d *daemon) notifyStopping() {
	if err := d.notify.Stopping(); err != nil {
		d.log.Warn("tell the service manager", "err", err)
	}
}

// probation waits until the generation has proven itself and marks it good.
func (d *daemon) probation(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.super.healthy:
	}
	if d.generation.Verdict == config.Probation {
		g, err := config.NewGenerations(d.store).Mark(d.generation.N, config.Good, "")
		if err != nil {
			d.log.Error("generation not marked good", "err", err)
		} else {
			d.log.Info("config is good", "generation", g.N)
			d.announceConfig("applied", g)
		}
	}
	<-ctx.Done()
	return nil
}
