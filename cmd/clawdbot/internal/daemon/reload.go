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
	answer := func(n uint64, e config.Effect, err error) error {
		if by == nil {
			return err
		}
		by.reply <- proposed{n, e, err}
		return nil
	}
	now := f.settings()
	changes := config.Plan(now.choice.Loaded, loaded)
	effect := changes.Effect()
	if now.choice.Source != config.FromFile && effect != config.EffectNone && now.safe() {
		effect = config.EffectRestart // safe mode runs too little to be changed into something else
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
	if effect == config.EffectRestart {
		n, err := f.record(loaded, by != nil)
		if err != nil {
			return answer(0, effect, err)
		}
		t := trial{need: f.need}
		if by != nil {
			t.loaded = loaded
		}
		_ = answer(n.N, effect, nil)
		return &restartError{t, "the config changed: " + paths(changes)}
	}
	next := &settings{choice: config.Choice{Source: config.FromFile, Loaded: loaded}}
	if err := f.prepare(next); err != nil {
		return answer(0, effect, err)
	}
	g, err := f.record(loaded, by != nil)
	if err != nil {
		return answer(0, effect, err)
	}
	next.generation = g
	_ = answer(g.N, effect, nil)
	f.log.Info("config changed", "generation", g.N, "effect", cmp.Or(string(effect), "none"), "paths", paths(changes))
	return f.try(ctx, next, changes.Components())
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

// try swaps the config in and begins its probation. One that cannot be swapped
// in is bad, and everything is as it was.
func (f *follower) try(ctx context.Context, next *settings, components []string) error {
	if err := f.gens.Begin(next.generation.N, f.boot, time.Now()); err != nil {
		return err
	}
	if err := f.swap(ctx, next, components); err != nil {
		return f.condemned(next.generation, fmt.Sprintf("it could not be taken up: %v", err))
	}
	f.announceConfig("applied", next.generation)
	f.result = f.super.prove(f.probation())
	return nil
}

// condemned marks a generation bad whose place the earlier one has taken again.
func (f *follower) condemned(g config.Generation, why string) error {
	now := f.settings()
	f.now.Store(now.with(func(s *settings) {
		s.refused = fmt.Sprintf("generation %d was rolled back: %s; generation %d runs", g.N, why, now.generation.N)
	}))
	g, err := f.gens.Mark(g.N, config.Bad, why)
	f.log.Error("config rolled back", "generation", g.N, "reason", why, "running", now.generation.N)
	f.announceConfig("rolled-back", g)
	return errors.Join(err, f.gens.Begin(now.generation.N, f.boot, time.Now()))
}

// swap gives the components their new lives, the gateway last so that whoever
// asked for it hears of it. When one cannot have it, all go back.
func (f *follower) swap(ctx context.Context, next *settings, components []string) error {
	prev := f.settings()
	f.now.Store(next)
	var done []*part
	parts := slices.DeleteFunc(slices.Clone(f.parts), func(p *part) bool { return !slices.Contains(components, p.name) })
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(last(a.name), last(b.name)) })
	for _, p := range parts {
		if err := p.restart(ctx, next); err != nil {
			f.now.Store(prev)
			for _, p := range done {
				err = errors.Join(err, p.restart(ctx, prev))
			}
			return err
		}
		done = append(done, p)
	}
	f.logs.level.Set(logLevel(next.config().Logging.Level))
	f.super.runs(next.change())
	return errors.Join(f.updateMembers(), f.register(next))
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
	i, err := f.Profile.Amend(func(i *profile.Instance) { i.Ports, i.Workspace = s.ports, f.workspace(s) })
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
		f.proving.Do(func() { close(f.daemon.proven) })
		return f.good(now)
	case now.generation.Verdict != config.Probation: // it has been well on this config before
		f.bear("not well", proof)
		return nil
	}
	return f.rollBack(ctx, now, proof)
}

// good marks the generation that runs.
func (f *follower) good(now *settings) error {
	if now.generation.Verdict != config.Probation {
		f.proven = now
		return nil
	}
	g, err := f.gens.Mark(now.generation.N, config.Good, "")
	if err != nil {
		return err
	}
	now = now.with(func(s *settings) { s.generation = g })
	f.now.Store(now)
	f.proven = now
	f.log.Info("config is good", "generation", g.N)
	f.announceConfig("applied", g)
	return nil
}

// rollBack leaves a generation that did not prove itself: for the one that ran
// before it in this life, else by a new start for the last good one. Without
// either the gateway stays as it is.
func (f *follower) rollBack(ctx context.Context, now *settings, proof error) error {
	back := f.proven
	if back == nil {
		if good, err := f.gens.LastGood(); err == nil && good.N != now.generation.N {
			return &restartError{trial{failed: &failure{now.choice.Loaded, proof}}, proof.Error()}
		}
		f.bear("not well, and there is no good generation to go back to", proof)
		return nil
	}
	next := back.with(func(s *settings) {
		l := *back.choice.Loaded
		l.Config, s.tightened = config.Tighten(l.Config, now.choice.Loaded)
		s.choice = config.Choice{
			Source: config.FromFallback, Loaded: &l, Generation: back.generation.N,
			Reason: fmt.Sprintf("generation %d was rolled back: %v; running %s", now.generation.N, proof, back.generation),
		}
		s.refused = ""
	})
	if err := f.prepare(next); err != nil {
		return err
	}
	if err := f.swap(ctx, next, config.Plan(now.choice.Loaded, next.choice.Loaded).Components()); err != nil {
		return &restartError{trial{failed: &failure{now.choice.Loaded, proof}}, fmt.Sprintf("%v; the way back failed: %v", proof, err)}
	}
	g, err := f.gens.Mark(now.generation.N, config.Bad, proof.Error())
	f.log.Error("config rolled back", "generation", g.N, "reason", proof, "running", back.generation.N)
	f.announceConfig("rolled-back", g)
	f.result = f.super.prove(probationTime)
	return errors.Join(err, f.gens.Begin(back.generation.N, f.boot, time.Now()))
}

// bear goes on with what runs, and says once why it is not well.
func (f *follower) bear(what string, why error) {
	if f.told != why.Error() {
		f.told = why.Error()
		f.log.Warn(what, "err", why)
	}
	f.result = f.super.prove(f.probation())
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

// offer hands a config to the follower and returns what becomes of it.
func (d *daemon) offer(ctx context.Context, loaded *config.Loaded, need time.Duration) (proposed, error) {
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
		return proposed{}, bus.Errorf(bus.CodeUnavailable, "the gateway is stopping")
	}
}
