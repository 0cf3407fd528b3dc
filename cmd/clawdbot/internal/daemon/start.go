package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

// start brings the gateway up, in this order, until everything serves.
func (d *daemon) start(ctx context.Context) error {
	for _, step := range []struct {
		doing string // as a peer that waits for the start reads it
		fn    func(context.Context) error
	}{
		{"", d.openState}, {"", d.yield}, {"opening the store", d.openStore}, {"reading the config", d.chooseConfig},
		{"", d.startLog}, {"binding ports", d.planPorts}, {"", d.listen}, {"", d.admitClients}, {"", d.recordGeneration}, {"", d.claim},
		{"starting the bus", d.startBus}, {"", d.startSupervisor}, {"building components", d.startCore}, {"", d.buildParts},
	} {
		if step.doing != "" {
			d.noteStart(step.doing)
		}
		if err := step.fn(ctx); err != nil {
			return refusal(err)
		}
	}
	return nil
}

// noteStart lets peers see how far a start is that does not beat yet, so that a
// slow one is not taken for a dead one.
func (d *daemon) noteStart(doing string) {
	if len(d.undo) == 0 {
		d.push("note of the start", d.Profile.EndStart)
	}
	self, err := proc.Find(os.Getpid())
	if err == nil {
		err = d.Profile.NoteStart(profile.Starting{Process: self.Identity, Boot: d.boot, Step: doing, At: time.Now()})
	}
	if err != nil && d.log != nil {
		d.log.Warn("note of the start", "err", err)
	}
}

// refusal says of a start that the system refused whether trying again helps.
func refusal(err error) error {
	var refused *StartError
	switch {
	case errors.As(err, &refused):
		return err
	case errors.Is(err, store.ErrFull), isFull(err):
		return notNow("", "%w: free some space and start again", err)
	case errors.Is(err, profile.ErrLocked):
		return notNow("", "%w", err)
	case errors.Is(err, store.ErrReadOnly), errors.Is(err, fs.ErrPermission), isReadOnly(err):
		return refuse("", "%w", err)
	}
	return err
}

// openState makes the state folder.
func (d *daemon) openState(context.Context) error {
	keepPrivate()
	p := d.Profile
	if err := os.MkdirAll(p.StateDir, 0o700); err != nil {
		return fmt.Errorf("state folder %s cannot be made: %w", p.StateDir, err)
	}
	probe, err := os.CreateTemp(p.StateDir, ".probe-*")
	if err != nil {
		return fmt.Errorf("state folder %s is not writable: %w", p.StateDir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// yield gives way to a gateway of this profile that runs already, or ends it
// with --force.
func (d *daemon) yield(ctx context.Context) error {
	i, err := d.Profile.Registry.Get(d.Profile.Name)
	if err != nil || !i.Is(d.Profile) || !i.Alive() || d.earlier != "" && i.Process.PID == os.Getpid() {
		return nil // a registry that cannot be read is told of by claim; an earlier life of this process has ended
	}
	if !d.Force {
		return notNow(d.Profile.Command("gateway stop"), "the gateway of profile %s runs already, as pid %d on port %d since %s",
			d.Profile.Name, i.Process.PID, i.Ports.Gateway, i.StartedAt.Local().Format(time.DateTime))
	}
	return d.end(ctx, i)
}

// forceWait is how long a gateway may take to stop before it is killed.
const forceWait = 5 * time.Second

// end stops the registered gateway, which is proven to be this profile's own:
// see Registry.Prove.
func (d *daemon) end(ctx context.Context, i profile.Instance) error {
	switch err := d.Profile.Registry.Prove(i); {
	case errors.Is(err, proc.ErrGone):
		return nil
	case err != nil:
		return notNow("", "--force: %w, so it is left alone", err)
	}
	if err := proc.Terminate(ctx, i.Process, forceWait); err != nil {
		return notNow("", "--force: %w", err)
	}
	return nil
}

// openStore opens the profile's store, which is the guard that one process
// runs a profile. A store that cannot be opened is replaced, aloud.
func (d *daemon) openStore(ctx context.Context) error {
	p := d.Profile
	s, recovery, err := store.Recover(ctx, store.Config{
		Dir: p.StoreDir(), Checkpoints: p.CheckpointDir(), OnFault: func(err error) {
			select {
			case d.faults <- err:
			default: // the first one is the cause
			}
		},
	})
	switch {
	case errors.Is(err, store.ErrLocked):
		return notNow(p.Command("profiles"), "another process has the store of profile %s open: %w", p.Name, err)
	case errors.Is(err, store.ErrNewer):
		return refuse("", "%w", err)
	case err != nil:
		return err
	}
	d.store, d.recovery = s, recovery
	d.push("store", s.Close)
	stop, err := p.KeepCrashOutput()
	if err != nil { // the gateway runs without
		d.note(fmt.Sprintf("a crash will leave no stacks: %v", err))
		return nil
	}
	d.push("crash output", stop)
	return nil
}

// planPorts decides on the ports.
func (d *daemon) planPorts(context.Context) error {
	set, _, err := d.Profile.PlanPorts(d.config(), d.Port)
	if err != nil {
		return refuse(d.Profile.Command("ports"), "%w", err)
	}
	d.set(func(s *settings) { s.ports = set })
	return nil
}

// admitClients prepares who is let in.
func (d *daemon) admitClients(context.Context) error {
	var err error
	d.set(func(s *settings) { err = d.admit(s) })
	return err
}

// claim enters this process in the host registry. Two profiles with one bus
// name cannot run at once.
func (d *daemon) claim(context.Context) error {
	p := d.Profile
	self, err := proc.Find(os.Getpid())
	if err != nil {
		return err
	}
	d.instance, err = p.Registry.Update(func(all []profile.Instance) (profile.Instance, error) {
		next := profile.Instance{
			Profile: p.Name, Bus: p.Bus(), ConfigPath: p.ConfigPath, StateDir: p.StateDir, Workspace: d.workspace(d.settings()), Ports: d.settings().ports, TLS: d.settings().pin,
			LinkAddr: d.linkAddr(), Boot: d.boot, Manager: d.Manager, Keeper: d.Keeper, Process: self.Identity, StartedAt: time.Now(), Exe: p.Env().Exe, Version: d.Version,
		}
		for _, i := range all {
			mine := i.Is(p) // whose guard is the store's lock
			if i.Bus == p.Bus() && i.Alive() && !mine {
				return next, refuse("clawdbot --profile <another name> gateway",
					"profile %s (%s) runs as pid %d and has the bus name %s, which profile %s would need",
					i.Profile, i.StateDir, i.Process.PID, i.Bus, p.Name)
			}
			if mine {
				d.before, next.Unit, next.Maintenance = i, i.Unit, i.Maintenance
			}
		}
		return next, nil
	})
	if err != nil {
		return err
	}
	d.push("registry", d.leave)
	return nil
}

// leave ends this process's claim. One that failed leaves its process behind,
// as one that was killed does, so that no peer takes it for stopped; a start
// that failed leaves what it found.
func (d *daemon) leave() error {
	_, err := d.Profile.Registry.Update(func(all []profile.Instance) (profile.Instance, error) {
		i := d.instance
		for _, now := range all {
			if now.Is(d.Profile) {
				i = now // a unit may have been installed meanwhile
			}
		}
		switch {
		case d.asked:
			i.Boot, i.Process, i.StoppedAt = "", proc.Identity{}, time.Now()
		case !d.started:
			i.Process, i.StartedAt, i.StoppedAt = d.before.Process, d.before.StartedAt, d.before.StoppedAt
		}
		return i, nil
	})
	return err
}

// startBus starts the embedded server with its users and peers.
func (d *daemon) startBus(context.Context) error {
	var err error
	if d.members, err = d.busMembers(); err != nil {
		return err
	}
	cfg, set := d.config().Bus, d.settings().ports
	bc := bus.Config{
		Subjects: d.Profile.Subjects(), Port: set.Bus, LinkPort: set.Link, NoLink: d.linkAddr() == "",
		MonitorPort: set.Monitor, WebSocketPort: set.WebSocket,
		Members: d.members, Log: d.log.With("component", "bus"),
	}
	for _, r := range cfg.Remotes {
		bc.Remotes = append(bc.Remotes, bus.Remote{
			Name: r.Name, URLs: r.URLs, Credentials: d.Profile.ExpandHome(r.Credentials), CAPath: d.Profile.ExpandHome(r.TLS.CAPath),
			CertPath: d.Profile.ExpandHome(r.TLS.CertPath), KeyPath: d.Profile.ExpandHome(r.TLS.KeyPath), Subjects: r.Subjects,
		})
	}
	d.bus, err = bus.Start(bc)
	switch {
	case errors.Is(err, bus.ErrPort):
		return notNow(d.Profile.Command("ports"), "%w", err)
	case errors.Is(err, bus.ErrRemote):
		return refuse("", "bus.remotes: %w", err)
	case err != nil:
		return err
	}
	d.push("bus", func() error { d.bus.Close(); return nil })
	nc, err := d.dial("log")
	if err != nil {
		return err
	}
	d.push("log on the bus", func() error { d.logs.toBus(nil); nc.Close(); return nil })
	d.logs.toBus(nc)
	key, err := profile.Secret(d.Profile.BusKey(bus.UserDebug))
	if err != nil {
		return err
	}
	if _, err := bus.WriteContext(d.Profile.NATSDir(), d.Profile.Bus(), set.Bus, key); err != nil {
		d.log.Warn("nats tools will not find this bus", "err", err)
	}
	return nil
}

// startSupervisor starts the beat.
func (d *daemon) startSupervisor(context.Context) error {
	now := d.settings()
	cfg := supervisorConfig{
		subjects: d.Profile.Subjects(), dial: func() (*nats.Conn, error) { return d.dial("supervisor") }, version: d.Version,
		first: msg.Beat{
			Profile: d.Profile.Bus(), Boot: d.boot, PID: d.instance.Process.PID, Version: d.Version,
			Phase: msg.PhaseStarting, Detail: "building components", Generation: now.generation.N, Source: string(now.choice.Source),
		},
	}
	for _, b := range d.blueprints() {
		if b.on(now) {
			cfg.first.Components = append(cfg.first.Components, msg.Component{Name: b.name, State: msg.StateStarting})
		}
	}
	if every, ok := d.notify.Watchdog(); ok {
		cfg.watchdog, cfg.every = d.notify.Beat, every
	}
	var err error
	if d.super, err = newSupervisor(cfg); err != nil {
		return err
	}
	d.push("supervisor", d.super.close)
	d.fed() // the loop does it from now on
	d.sayStore()
	d.sayConfig()
	return nil
}

// sayStore tells what was wrong with the store.
func (d *daemon) sayStore() {
	for _, w := range d.recovery.Warnings {
		d.log.Warn("store: " + w)
	}
	if d.recovery.Reason != nil {
		d.log.Error("store was damaged and replaced", "reason", d.recovery.Reason, "quarantined", d.recovery.Quarantined, "replacedBy", successor(d.recovery))
	}
}

// workspace is the folder that the config or the profile names.
func (d *daemon) workspace(s *settings) string {
	if w := s.config().Agents.Defaults.Workspace; w != "" {
		return d.Profile.ExpandHome(w)
	}
	return d.Profile.Workspace
}

func randomName() string { return fmt.Sprintf("%x", randomBytes(8)) }
