package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/config/json5"
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
	reply.Warnings = append(reply.Warnings, issueLines(loaded.Warnings)...)
	reply.Exists, reply.Hash = loaded.Exists, loaded.Hash
	if loaded.Exists {
		reply.Raw = safeText(loaded.Text)
	}
	reply.Parsed, reply.Config = config.Redact(loaded.Tree), config.Redact(loaded.Effective())
	return reply, nil
}

// safeText is a config text with its secrets hidden; nil when what is secret in
// it cannot be told.
func safeText(text []byte) *string {
	safe, ok := config.RedactText(text)
	if !ok {
		return nil
	}
	s := string(safe)
	return &s
}

func (d *daemon) configSchema(context.Context, *bus.Request) (any, error) {
	return msg.ConfigSchema{
		Schema: json.RawMessage(config.FormSchema()), Version: d.Version, GeneratedAt: time.Now().UTC().Format(time.RFC3339),
	}, nil
}

// configSet replaces the text of the config file, and configPatch merges into
// it. The gateway takes the file up as after any edit.
func (d *daemon) configSet(_ context.Context, r *bus.Request) (any, error) {
	return d.writeConfig(r, func(_, raw []byte) ([]byte, error) { return raw, nil })
}

func (d *daemon) configPatch(_ context.Context, r *bus.Request) (any, error) {
	return d.writeConfig(r, json5.Merge)
}

func (d *daemon) writeConfig(r *bus.Request, change func(text, raw []byte) ([]byte, error)) (any, error) {
	var q msg.ConfigWrite
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	before, _ := d.Profile.Load() // what is wrong with it the edit tells
	if err := based(before, q.BaseHash); err != nil {
		return nil, err
	}
	after, err := config.Edit(d.Profile.ConfigOptions(), q.BaseHash, func(text []byte) ([]byte, error) {
		changed, err := change(text, []byte(q.Raw))
		if err != nil {
			return nil, err
		}
		return config.RestoreText(changed, text)
	})
	if after == nil {
		return nil, editRefused(err)
	}
	reply := msg.ConfigWritten{
		OK: true, Path: after.Path, Hash: after.Hash, Config: config.Redact(after.Effective()), Valid: err == nil,
		Issues: append([]string{}, issueLines(after.Issues)...), Warnings: append([]string{}, issueLines(after.Warnings)...),
	}
	if now := d.settings(); err == nil {
		effect, waits := now.config().Gateway.Reload.Does(config.Plan(now.choice.Loaded, after).Effect())
		reply.Effect, reply.Note = string(effect), waits
	}
	return reply, nil
}

// based refuses a change of a file whose hash the caller does not know.
func based(file *config.Loaded, hash string) error {
	switch {
	case file == nil || !file.Exists || file.Hash == hash:
		return nil
	case hash == "":
		return bus.Errorf(bus.CodeInvalidRequest, "config base hash required; call config.get and send its hash as baseHash")
	}
	return changedMeanwhile(file.Hash)
}

func changedMeanwhile(hash string) error {
	failed := bus.Errorf(bus.CodeInvalidRequest, "%v", config.ErrChanged)
	if hash != "" {
		failed.Details = map[string]any{"hash": hash}
	}
	return failed
}

// editRefused says why an edit changed nothing.
func editRefused(err error) error {
	var invalid *config.Error
	switch {
	case errors.Is(err, config.ErrLocked):
		return &bus.Error{Code: bus.CodeUnavailable, Message: err.Error(), Retryable: true}
	case errors.Is(err, config.ErrChanged):
		return changedMeanwhile("")
	case errors.As(err, &invalid):
		failed := bus.Errorf(bus.CodeInvalidRequest, "the config was not changed: %v", err)
		failed.Details = map[string]any{"issues": configIssues(invalid.Issues)}
		return failed
	}
	return bus.Errorf(bus.CodeInvalidRequest, "the config was not changed: %v", err)
}

func configIssues(issues []config.Issue) []msg.ConfigIssue {
	list := []msg.ConfigIssue{}
	for _, i := range issues {
		list = append(list, msg.ConfigIssue(i))
	}
	return list
}

// configPlan tells what a config would do, and does nothing.
func (d *daemon) configPlan(_ context.Context, r *bus.Request) (any, error) {
	var q msg.ConfigPlan
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	file, _ := d.Profile.Load() // only its text is needed
	text, err := planned(q, file)
	if err != nil {
		return nil, err
	}
	loaded, err := config.LoadText(d.Profile.ConfigOptions(), text)
	var invalid *config.Error
	if err != nil && !errors.As(err, &invalid) {
		return nil, err
	}
	s := d.settings()
	changes := config.Plan(s.choice.Loaded, loaded)
	plan := msg.ConfigPlanned{
		Valid: invalid == nil, Raw: safeText(text), Issues: configIssues(loaded.Issues), Effect: string(changes.Effect()), Changes: []msg.PlannedChange{}, Against: s.generation.N,
	}
	for _, c := range changes {
		plan.Changes = append(plan.Changes, msg.PlannedChange{Path: c.Path, Effect: string(c.Effect), Components: c.Components, Why: c.Why})
	}
	if invalid == nil {
		if err := d.portsFit(loaded); err != nil {
			plan.Valid, plan.Effect = false, string(config.EffectRefused)
			plan.Issues = append(plan.Issues, msg.ConfigIssue{File: d.Profile.ConfigPath, Rule: "ports", Message: err.Error()})
		}
	}
	return plan, nil
}

// planned is the text that a plan is asked for.
func planned(q msg.ConfigPlan, file *config.Loaded) ([]byte, error) {
	if q.Patch == "" {
		return restored(q.Raw, file)
	}
	if q.Raw != "" {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "send raw or patch, not both")
	}
	if file == nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "the config file cannot be read, so there is nothing to patch")
	}
	text, err := json5.Merge(file.Text, []byte(q.Patch))
	if err != nil {
		return nil, editRefused(err)
	}
	return restored(string(text), file)
}

// portsFit says whether the ports of a config are this profile's to take.
func (d *daemon) portsFit(loaded *config.Loaded) error {
	set, _, err := d.Profile.PlanPorts(loaded.Config, d.Port)
	if clash := d.Profile.Clash(set); err == nil && errors.Is(clash, profile.ErrPort) {
		err = clash
	}
	return err
}

// restored is a text from a client with the secrets that it was shown without.
func restored(raw string, file *config.Loaded) ([]byte, error) {
	var from []byte
	if file != nil {
		from = file.Text
	}
	text, err := config.RestoreText([]byte(raw), from)
	if err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	return text, nil
}

// maxProbation bounds what a caller may ask for.
const maxProbation = time.Hour

// configApply puts a config on probation and writes it to the file. The answer
// comes before it is swapped in; generations.list tells how it went.
func (d *daemon) configApply(ctx context.Context, r *bus.Request) (any, error) {
	var q msg.ConfigApply
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	return d.applyConfig(ctx, q)
}

func (d *daemon) applyConfig(ctx context.Context, q msg.ConfigApply) (any, error) {
	need := time.Duration(q.ProbationMs) * time.Millisecond
	if need < 0 || need > maxProbation {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "probationMs: must be from 0 to %d", maxProbation.Milliseconds())
	}
	file, _ := d.Profile.Load() // one that is invalid has a hash too
	if err := based(file, q.BaseHash); err != nil && (q.BaseHash != "" || !q.Try) {
		return nil, err
	}
	text, err := restored(q.Raw, file)
	if err != nil {
		return nil, err
	}
	loaded, err := config.LoadText(d.Profile.ConfigOptions(), text)
	if err != nil {
		return nil, editRefused(err)
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
	reply := msg.ConfigApplied{
		OK: true, Path: d.Profile.ConfigPath, Written: !q.Try, Generation: done.generation, Effect: string(done.effect),
		ProbationMs: need.Milliseconds(), Running: d.settings().generation.N,
	}
	if q.Try {
		if file != nil {
			reply.Hash = file.Hash
		}
		return reply, nil
	}
	written, err := config.Edit(d.Profile.ConfigOptions(), q.BaseHash, func([]byte) ([]byte, error) { return text, nil })
	if written == nil {
		return nil, fmt.Errorf("generation %d is on probation, but it was not written to %s: %w", done.generation, d.Profile.ConfigPath, err)
	}
	reply.Hash = written.Hash
	return reply, nil
}
