package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// proposal is a config to run on probation, given by hand.
type proposal struct {
	loaded *config.Loaded
	need   time.Duration
	reply  chan proposed
}

// proposed is the answer to a proposal, before anything is swapped.
type proposed struct {
	generation uint64
	effect     config.Effect
	err        error
}

// propose puts a config on probation, as gateway.reload.mode allows it; by hand
// it is always allowed.
func (f *follower) propose(ctx context.Context, loaded *config.Loaded, by *proposal) error {
	now := f.settings()
	changes := config.Plan(now.choice.Loaded, loaded)
	effect := changes.Effect()
	if now.safe() {
		effect = config.EffectRestart // too little runs to be changed into something else
	}
	f.need = 0
	if by != nil {
		f.need = by.need
	} else if may, waits := now.config().Gateway.Reload.Does(effect); may == config.EffectNone && effect != config.EffectNone {
		f.now.Store(now.with(func(s *settings) { s.refused = waits }))
		f.log.Warn("config: " + waits)
		return nil
	} else {
		effect = may
	}
	next := &settings{choice: config.Choice{Source: config.FromFile, Loaded: loaded}}
	err := f.prepare(next)
	if clash := f.Profile.Clash(next.ports); err == nil && errors.Is(clash, profile.ErrPort) {
		err = clash
	}
	if err == nil {
		next.generation, err = f.record(loaded, by != nil)
	}
	if by != nil {
		by.reply <- proposed{next.generation.N, effect, err}
	}
	switch {
	case err != nil && by == nil:
		f.refuse(err.Error(), nil)
		return nil
	case err != nil:
		return nil // who asked has the answer
	}
	f.supersede(next.generation)
	f.log.Info("config changed", "generation", next.generation.N, "effect", cmp.Or(string(effect), "none"), "paths", paths(changes))
	if effect != config.EffectRestart {
		return f.try(ctx, next, changes.Components())
	}
	t := trial{need: f.need, n: next.generation.N}
	if by != nil {
		t.loaded = loaded
	}
	f.restart(t, "the config changed: "+paths(changes))
	return nil
}

// record remembers a config that is about to run. One that was bad gets another
// chance by hand.
func (f *follower) record(loaded *config.Loaded, byHand bool) (config.Generation, error) {
	g, err := f.gens.Record(loaded, config.FromFile, time.Now())
	if err == nil && g.Verdict == config.Bad && byHand {
		g, err = f.gens.Retry(g.N)
	}
	return g, err
}

// prepare works out what follows from a config: its ports and who is let in.
func (f *follower) prepare(s *settings) error {
	set, _, err := f.Profile.PlanPorts(s.config(), f.Port)
	if err != nil {
		return err
	}
	s.ports = set
	return f.admit(s)
}

// supersede ends the probation of a generation that gives way to another one.
func (f *follower) supersede(by config.Generation) {
	now := f.settings().generation
	if f.result == nil || now.Verdict != config.Probation || now.N == by.N {
		return
	}
	why := fmt.Sprintf("replaced by generation %d before it had proven itself", by.N)
	if _, err := f.gens.Mark(now.N, config.Refused, why); err != nil {
		f.log.Error("config", "err", err)
	}
}

// try swaps the config in and begins its probation. From one that cannot be
// swapped in there is a way back at once.
func (f *follower) try(ctx context.Context, next *settings, components []string) error {
	if err := f.gens.Begin(next.generation.N, f.boot, time.Now()); err != nil {
		return err
	}
	prev := f.settings()
	if err := f.swap(ctx, next, components); err != nil {
		if ctx.Err() != nil { // the gateway is stopping, which is nobody's fault
			return nil
		}
		return f.goBack(ctx, next, prev, fmt.Errorf("it could not be taken up: %w", err))
	}
	f.announceConfig("applied", next.generation)
	f.prove(components)
	return nil
}

// swap gives the components their new lives, the gateway last so that whoever
// asked for it hears of it. When one cannot have it, all go back.
func (f *follower) swap(ctx context.Context, next *settings, components []string) error {
	prev := f.settings()
	f.now.Store(next)
	parts := slices.DeleteFunc(slices.Clone(f.parts), func(p *part) bool { return !slices.Contains(components, p.name) })
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(last(a.name), last(b.name)) })
	for _, p := range parts {
		if err := p.restart(ctx, next); err != nil {
			f.now.Store(prev)
			for _, p := range f.parts {
				if p.builtOn() == next { // also one that was restarted for another reason meanwhile
					err = errors.Join(err, p.restart(ctx, prev))
				}
			}
			return err
		}
	}
	f.logs.level.Set(logLevel(next.config().Logging.Level))
	f.super.runs(next.change())
	if err := errors.Join(f.updateMembers(), f.register(next)); err != nil { // the mesh tries again
		f.log.Warn("host registry and bus members", "err", err)
	}
	return nil
}

// last is 1 for the component through which people hear of the others.
func last(component string) int {
	if component == "gateway" {
		return 1
	}
	return 0
}

// register tells the host of what moved.
func (f *follower) register(s *settings) error {
	f.meshing.Lock()
	defer f.meshing.Unlock()
	i, err := f.Profile.Amend(func(i *profile.Instance) { i.Ports, i.TLS, i.Workspace = s.ports, s.pin, f.workspace(s) })
	if err == nil {
		f.instance = i
	}
	return err
}

// settle ends a probation.
func (f *follower) settle(ctx context.Context, proof error) error {
	now := f.settings()
	switch {
	case errors.Is(proof, errSuperseded):
		return nil
	case proof == nil:
		f.told = ""
		f.proving.Do(func() { close(f.proven) })
		return f.good(now)
	case now.generation.Verdict != config.Probation: // it has been well on this config before
		f.bear("not well", proof)
		return nil
	}
	if f.base != nil {
		return f.goBack(ctx, now, f.base, proof)
	}
	if good, err := f.gens.LastGood(); err == nil && good.N != now.generation.N {
		f.restart(trial{failed: &failure{now.choice.Loaded, now.generation.N, proof, true}}, proof.Error())
		return nil
	}
	f.bear("not well, and there is no good generation to go back to", proof)
	return nil
}

// good marks the generation that runs.
func (f *follower) good(now *settings) error {
	if now.generation.Verdict != config.Probation {
		f.base = now
		return nil
	}
	g, err := f.gens.Mark(now.generation.N, config.Good, "")
	if err != nil {
		return err
	}
	now = now.with(func(s *settings) { s.generation = g })
	f.now.Store(now)
	f.base = now
	f.log.Info("config is good", "generation", g.N)
	f.announceConfig("applied", g)
	return f.gens.Begin(g.N, f.boot, time.Now())
}

// goBack leaves a generation that did not prove itself, for the settings that
// ran before it. What protects the gateway stays as the user's last word has it:
// going back weakens nothing.
func (f *follower) goBack(ctx context.Context, from, to *settings, why error) error {
	running := f.settings()
	l := *to.choice.Loaded
	tightened, sentences, err := f.gens.Tighten(l.Config, f.newest, f.Profile.ConfigOptions())
	if err != nil {
		return err
	}
	next := to.with(func(s *settings) {
		l.Config, s.tightened = tightened, sentences
		s.choice = config.Choice{
			Source: config.FromFallback, Loaded: &l, Generation: to.generation.N,
			Reason: fmt.Sprintf("generation %d was rolled back: %v; running %s", from.generation.N, why, to.name()),
		}
		if to.safe() {
			s.choice.Source, s.choice.Generation = config.FromSafeMode, 0
		}
		s.refused, s.issues = "", nil
	})
	if err = f.prepare(next); err == nil {
		err = f.swap(ctx, next, config.Plan(running.choice.Loaded, next.choice.Loaded).Components())
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		f.restart(trial{failed: &failure{from.choice.Loaded, from.generation.N, why, true}}, fmt.Sprintf("%v; the way back failed: %v", why, err))
		return nil
	}
	g := from.generation
	if g.N != to.generation.N { // the .env file, or chance, can fail a config that is good
		g, err = f.gens.Mark(g.N, config.Bad, why.Error())
	}
	f.log.Error("config rolled back", "generation", g.N, "reason", why, "running", to.generation.N)
	f.announceConfig("rolled-back", g)
	f.need = 0
	f.prove(nil)
	return errors.Join(err, f.gens.Begin(to.generation.N, f.boot, time.Now()))
}

// bear goes on with what runs, and says once why it is not well.
func (f *follower) bear(what string, why error) {
	if f.told != why.Error() {
		f.told = why.Error()
		f.log.Warn(what, "err", why)
	}
	f.prove(f.componentNames())
}

// paths names what changed, and not all of it.
func paths(changes config.Changes) string {
	var list []string
	for _, c := range changes {
		list = append(list, c.Path)
	}
	if len(list) > 5 {
		list = append(list[:5], fmt.Sprintf("and %d more", len(list)-5))
	}
	return strings.Join(list, ", ")
}

// offerTime is how long a proposal waits for one before it.
const offerTime = 10 * time.Second

// offer hands a config to the follower and returns what becomes of it.
func (d *daemon) offer(ctx context.Context, loaded *config.Loaded, need time.Duration) (proposed, error) {
	ctx, cancel := context.WithTimeout(ctx, offerTime)
	defer cancel()
	p := proposal{loaded: loaded, need: need, reply: make(chan proposed, 1)}
	select {
	case d.proposals <- p:
	case <-ctx.Done():
		return proposed{}, bus.Errorf(bus.CodeUnavailable, "the gateway is busy with another config")
	}
	select {
	case r := <-p.reply:
		return r, r.err
	case <-ctx.Done():
		return proposed{}, bus.Errorf(bus.CodeUnavailable, "the gateway takes up another config, or stops")
	}
}
