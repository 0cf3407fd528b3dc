package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

// start brings the gateway up, in this order, until everything serves.
func (d *daemon) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.openState, d.yield, d.openStore, d.chooseConfig, d.startLog, d.planPorts, d.listen,
		d.recordGeneration, d.claim, d.startBus, d.startSupervisor, d.startCore, d.buildComponents,
	} {
		if err := step(ctx); err != nil {
			return refusal(err)
		}
	}
	return nil
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
	if err != nil || !i.Is(d.Profile) || !i.Alive() {
		return nil // a registry that cannot be read is told of by claim
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
// pid and start time are those that it registered, and so is the program.
func (d *daemon) end(ctx context.Context, i profile.Instance) error {
	exe, err := proc.Exe(i.Process.PID)
	if err != nil || i.Exe == "" || exe != i.Exe {
		return notNow("", "--force: pid %d is not proven to be the gateway of profile %s, so it is left alone", i.Process.PID, d.Profile.Name)
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
	return nil
}

// chooseConfig takes the file, else the last good generation, else safe mode.
func (d *daemon) chooseConfig(context.Context) error {
	loaded, loadErr := d.Profile.Load()
	var invalid *config.Error
	if errors.As(loadErr, &invalid) {
		for _, i := range invalid.Issues {
			d.issues = append(d.issues, i.String())
		}
	}
	var lastGood *config.Generation
	g, err := config.NewGenerations(d.store).LastGood()
	switch {
	case err == nil:
		lastGood = &g
	case !errors.Is(err, config.ErrNoGeneration):
		return err
	}
	d.choice = config.Choose(loaded, loadErr, lastGood, d.Profile.ConfigOptions())
	return nil
}

// planPorts decides on the ports.
func (d *daemon) planPorts(context.Context) error {
	set, _, err := d.Profile.PlanPorts(d.choice.Loaded.Config, d.Port)
	if err != nil {
		return refuse(d.Profile.Command("ports"), "%w", err)
	}
	d.ports = set
	return nil
}

// recordGeneration remembers the config that is about to run.
func (d *daemon) recordGeneration(context.Context) error {
	gens := config.NewGenerations(d.store)
	var err error
	switch d.choice.Source {
	case config.FromSafeMode:
		return nil // safe mode is no config of the user's
	case config.FromFallback:
		d.generation, err = gens.Get(d.choice.Generation)
	default:
		d.generation, err = gens.Record(d.choice.Loaded, d.choice.Source, time.Now())
	}
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
			Profile: p.Name, Bus: p.Bus(), ConfigPath: p.ConfigPath, StateDir: p.StateDir, Workspace: d.workspace(), Ports: d.ports,
			LinkAddr: d.linkAddr(), Process: self.Identity, StartedAt: time.Now(), Exe: p.Env().Exe, Version: d.Version,
		}
		for _, i := range all {
			mine := i.Is(p) // whose guard is the store's lock
			if i.Bus == p.Bus() && i.Alive() && !mine {
				return next, refuse("clawdbot --profile <another name> gateway",
					"profile %s (%s) runs as pid %d and has the bus name %s, which profile %s would need",
					i.Profile, i.StateDir, i.Process.PID, i.Bus, p.Name)
			}
			if mine {
				d.before, next.Unit = i, i.Unit
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
			i.Process, i.StoppedAt = proc.Identity{}, time.Now()
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
	cfg := d.choice.Loaded.Config.Bus
	bc := bus.Config{
		Subjects: d.Profile.Subjects(), Port: d.ports.Bus, LinkPort: d.ports.Link, NoLink: d.linkAddr() == "",
		MonitorPort: d.ports.Monitor, WebSocketPort: d.ports.WebSocket,
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
	nc, err := d.bus.Dial()
	if err != nil {
		return err
	}
	d.push("log on the bus", func() error { d.logs.toBus(nil); nc.Close(); return nil })
	d.logs.toBus(nc)
	key, err := profile.Secret(d.Profile.BusKey(bus.UserDebug))
	if err != nil {
		return err
	}
	if _, err := bus.WriteContext(d.Profile.NATSDir(), d.Profile.Bus(), d.ports.Bus, key); err != nil {
		d.log.Warn("nats tools will not find this bus", "err", err)
	}
	return nil
}

// startSupervisor starts the beat.
func (d *daemon) startSupervisor(context.Context) error {
	cfg := supervisorConfig{
		subjects: d.Profile.Subjects(), dial: d.bus.Dial, version: d.Version,
		first: msg.Beat{
			Profile: d.Profile.Bus(), Boot: boot(), PID: d.instance.Process.PID, Version: d.Version,
			Phase: msg.PhaseStarting, Detail: "building components", Generation: d.generation.N, Source: string(d.choice.Source),
		},
	}
	for _, name := range componentNames {
		if d.on(name) {
			cfg.first.Components = append(cfg.first.Components, msg.Component{Name: name, State: msg.StateStarting})
		}
	}
	if every, ok := d.notify.Watchdog(); ok {
		cfg.watchdog, cfg.every = d.notify.Beat, every/2
	}
	var err error
	if d.super, err = newSupervisor(cfg); err != nil {
		return err
	}
	d.push("supervisor", d.super.close)
	d.sayConfig()
	return nil
}

// sayConfig tells which config runs and what is wrong with the file.
func (d *daemon) sayConfig() {
	for _, w := range d.choice.Loaded.Warnings {
		d.log.Warn("config: " + w.String())
	}
	for _, w := range d.recovery.Warnings {
		d.log.Warn("store: " + w)
	}
	if d.recovery.Reason != nil {
		d.log.Error("store was damaged and replaced", "reason", d.recovery.Reason, "quarantined", d.recovery.Quarantined, "replacedBy", successor(d.recovery))
	}
	switch d.choice.Source {
	case config.FromFile:
		d.log.Info("config", "file", d.Profile.Env().Short(d.choice.Loaded.Path), "generation", d.generation.N, "verdict", string(d.generation.Verdict))
		d.announceConfig("applied", d.generation)
	default:
		d.log.Error("config refused: " + d.choice.Reason)
		d.announceConfig("refused", config.Generation{Verdict: config.Refused, Reason: d.choice.Reason})
		d.announceConfig("fallback", d.generation)
	}
}

// announceConfig publishes what became of a config; one that was refused comes
// with its issues.
func (d *daemon) announceConfig(what string, g config.Generation) {
	subj, err := d.Profile.Subjects().Config(what)
	if err != nil {
		d.log.Error("announce config", "err", err)
		return
	}
	change := msg.ConfigChange{Generation: g.N, Source: string(d.choice.Source), Verdict: string(g.Verdict), Reason: g.Reason}
	if g.Verdict == config.Refused {
		change.Issues = d.issues
	}
	body, err := json.Marshal(change)
	if err == nil {
		err = d.super.nc.Publish(subj, body)
	}
	if err != nil {
		d.log.Warn("announce config", "err", err)
	}
}

// workspace is the folder that the config or the profile names.
func (d *daemon) workspace() string {
	if w := d.choice.Loaded.Config.Agents.Defaults.Workspace; w != "" {
		return d.Profile.ExpandHome(w)
	}
	return d.Profile.Workspace
}

// boot is a random name for this life of the process.
func boot() string { return fmt.Sprintf("%x", randomBytes(8)) }
