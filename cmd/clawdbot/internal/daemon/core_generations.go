package daemon

import (
	"context"
	"errors"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// generationsList tells of the configs that ran, without their texts.
func (d *daemon) generationsList(context.Context, *bus.Request) (any, error) {
	all, err := config.NewGenerations(d.store).List()
	if err != nil {
		return nil, err
	}
	s := d.settings()
	list := msg.GenerationsList{
		Generations: []msg.GenerationInfo{}, Running: s.generation.N, Source: string(s.choice.Source), Reason: s.choice.Reason,
		Refused: s.refused, Tightened: append([]string{}, s.tightened...), Boot: d.boot,
	}
	for _, g := range all {
		list.Generations = append(list.Generations, generationInfo(g))
	}
	return list, nil
}

func generationInfo(g config.Generation) msg.GenerationInfo {
	return msg.GenerationInfo{
		N: g.N, Hash: g.Hash, Path: g.Path, Time: g.Time, Source: string(g.Source), Verdict: string(g.Verdict), Reason: g.Reason,
	}
}

func (d *daemon) generation(n uint64) (config.Generation, error) {
	g, err := config.NewGenerations(d.store).Get(n)
	if errors.Is(err, config.ErrNoGeneration) {
		return g, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	return g, err
}

func (d *daemon) generationsShow(_ context.Context, r *bus.Request) (any, error) {
	var q msg.GenerationQuery
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	g, err := d.generation(q.N)
	if err != nil {
		return nil, err
	}
	shown := msg.GenerationShown{Generation: generationInfo(g), Raw: safeText(g.Text())}
	if file, _ := d.Profile.Load(); file != nil { // one that is invalid has a text too
		shown.Diff = config.Diff(g.String(), g.Text(), d.Profile.ConfigPath, file.Text)
	}
	return shown, nil
}

// generationsRollback applies the text of a generation, and makes it the file.
// What that text includes is read from the files as they are now.
func (d *daemon) generationsRollback(ctx context.Context, r *bus.Request) (any, error) {
	var q msg.GenerationRollback
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	g, err := d.generation(q.N)
	if err != nil {
		return nil, err
	}
	if q.BaseHash == "" {
		if file, _ := d.Profile.Load(); file != nil {
			q.BaseHash = file.Hash
		}
	}
	return d.applyConfig(ctx, msg.ConfigApply{ConfigWrite: msg.ConfigWrite{Raw: string(g.Text()), BaseHash: q.BaseHash}})
}
