package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// configGet answers config.get with the file as it is on disk now, secrets
// left out.
func (d *daemon) configGet(context.Context, *bus.Request) (any, error) {
	loaded, err := d.Profile.Load()
	var invalid *config.Error
	if err != nil && !errors.As(err, &invalid) {
		return nil, err
	}
	reply := msg.ConfigFile{Path: d.Profile.ConfigPath, Valid: err == nil, Issues: []string{}, Warnings: []string{}, LegacyIssues: []string{}}
	if invalid != nil {
		reply.Issues = issueLines(invalid.Issues)
	}
	if loaded == nil {
		return reply, nil
	}
	for _, w := range loaded.Warnings {
		reply.Warnings = append(reply.Warnings, w.String())
	}
	reply.Exists, reply.Hash = loaded.Exists, loaded.Hash
	reply.Parsed, reply.Config = config.Redact(loaded.Tree), config.Redact(loaded.Effective())
	return reply, nil
}

func (d *daemon) configSchema(context.Context, *bus.Request) (any, error) {
	return map[string]any{"schema": json.RawMessage(config.Schema()), "version": d.Version}, nil
}

// configGenerations lists the generations without their texts.
func (d *daemon) configGenerations(context.Context, *bus.Request) (any, error) {
	list, err := config.NewGenerations(d.store).List()
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Files, list[i].Env = nil, ""
	}
	s := d.settings()
	return map[string]any{
		"generations": list, "running": s.generation.N, "source": s.choice.Source, "reason": s.choice.Reason,
		"refused": s.refused, "tightened": s.tightened, "boot": d.boot,
	}, nil
}

// rawConfig is the request of config.plan and config.apply.
type rawConfig struct {
	Raw         string `json:"raw"`
	BaseHash    string `json:"baseHash"`
	ProbationMs int64  `json:"probationMs"`
}

// configPlan tells what a config would do, and does nothing.
func (d *daemon) configPlan(_ context.Context, r *bus.Request) (any, error) {
	var q rawConfig
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	loaded, err := config.LoadText(d.Profile.ConfigOptions(), []byte(q.Raw))
	var invalid *config.Error
	if err != nil && !errors.As(err, &invalid) {
		return nil, err
	}
	s := d.settings()
	changes := config.Plan(s.choice.Loaded, loaded)
	issues, effect := loaded.Issues, changes.Effect()
	if issues == nil {
		issues = []config.Issue{}
	}
	if invalid == nil {
		set, _, err := d.Profile.PlanPorts(loaded.Config, d.Port)
		if clash := d.Profile.Clash(set); err == nil && errors.Is(clash, profile.ErrPort) {
			err = clash
		}
		if err != nil {
			effect, invalid = config.EffectRefused, &config.Error{}
			issues = append(issues, config.Issue{File: d.Profile.ConfigPath, Rule: "ports", Message: err.Error()})
		}
	}
	return map[string]any{"valid": invalid == nil, "issues": issues, "effect": effect, "changes": changes, "against": s.generation.N}, nil
}

// maxProbation bounds what a caller may ask for.
const maxProbation = time.Hour

// configApply puts a config on probation. The answer comes before it is swapped
// in; config.generations tells how it went.
func (d *daemon) configApply(ctx context.Context, r *bus.Request) (any, error) {
	var q rawConfig
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	need := time.Duration(q.ProbationMs) * time.Millisecond
	if need < 0 || need > maxProbation {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "probationMs: must be from 0 to %d", maxProbation.Milliseconds())
	}
	file, _ := d.Profile.Load() // one that is invalid has a hash too
	if q.BaseHash != "" && (file == nil || file.Hash != q.BaseHash) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", config.ErrChanged)
	}
	loaded, err := config.LoadText(d.Profile.ConfigOptions(), []byte(q.Raw))
	if err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	if file != nil && file.Hash != loaded.Hash {
		if _, err := config.NewGenerations(d.store).Keep(file, "it was the file when another config was applied", time.Now()); err != nil {
			return nil, err
		}
	}
	done, err := d.offer(ctx, loaded, need)
	if err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	if need == 0 {
		need = probationTime
	}
	return map[string]any{
		"generation": done.generation, "effect": done.effect, "probationMs": need.Milliseconds(), "running": d.settings().generation.N,
	}, nil
}
