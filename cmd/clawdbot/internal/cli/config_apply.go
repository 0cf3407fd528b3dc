package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/profile"
	"clawdbot/profile/config"
)

// applyOptions say what to apply. An empty File is the profile's own config, a
// Probation of 0 the gateway's own time.
type applyOptions struct {
	File      string
	Probation time.Duration
}

// maxProbation bounds how long a config may be on probation.
const maxProbation = time.Hour

func newConfigApplyCmd(a *app, asJSON *bool) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply [FILE]",
		Short: "Run a config on probation; keep it only if all stays healthy",
		Long: `apply gives the running gateway a config on probation: what it changes starts
again, and health is watched. When a component does not stay healthy, the
gateway goes back to the last good config by itself and says why; the exit code
is then 1.

Without FILE it is the config file, also when its text was bad before. Another
FILE takes the config file's place after it has proven itself, unless that was
changed meanwhile; the text that it replaces is kept as a generation.`,
		Example: `  clawdbot config apply
  clawdbot config apply new.json5 --probation 30s`,
		Args: takes("[FILE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("probation") && (o.Probation < time.Millisecond || o.Probation > maxProbation) {
				return usage(cmd, "--probation: must be from 1ms to %s (got %s)", maxProbation, o.Probation)
			}
			o.File = strings.Join(args, "")
			return a.runConfigApply(cmd.Context(), o, *asJSON)
		},
	}
	cmd.Flags().DurationVar(&o.Probation, "probation", 0, "how `LONG` everything must be healthy, such as 30s; without it the gateway's own time")
	return cmd
}

// rawParams are those of config.plan and config.apply.
type rawParams struct {
	Raw         string `json:"raw"`
	BaseHash    string `json:"baseHash,omitempty"`    // of the config file as it was looked at
	ProbationMs int64  `json:"probationMs,omitempty"` // 0 is the gateway's own
	Try         bool   `json:"try,omitempty"`         // the file is written once it is good
}

// applied is config apply --json, once the gateway took the config.
type applied struct {
	Generation  uint64         `json:"generation"`
	Effect      config.Effect  `json:"effect"`
	ProbationMs int64          `json:"probationMs"`
	Verdict     config.Verdict `json:"verdict"`
	Reason      string         `json:"reason,omitempty"`
	File        string         `json:"file"`
	Installed   bool           `json:"installed"` // another file took the config file's place
}

func (a *app) runConfigApply(ctx context.Context, o applyOptions, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	file := o.File
	if file == "" {
		file = p.ConfigPath
	}
	text, err := readConfig(file)
	if err != nil {
		return err
	}
	now, err := p.Load()
	if now == nil {
		return err
	}
	var plan planAnswer
	if err := a.callOwn(ctx, p, "config.plan", rawParams{Raw: string(text)}, &plan); err != nil {
		return err
	}
	if plan.nameFile(p.ConfigPath, file); !plan.Valid {
		return a.showPlan(plan, file, asJSON)
	}
	result := applied{File: p.ConfigPath}
	params := rawParams{Raw: string(text), BaseHash: now.Hash, Try: true, ProbationMs: o.Probation.Milliseconds()}
	if err := a.callOwn(ctx, p, "config.apply", params, &result); err != nil {
		return applyRefused(p, err)
	}
	a.progress("generation %d is on probation for %s; the gateway %s",
		result.Generation, time.Duration(result.ProbationMs)*time.Millisecond, whatHappens(result.Effect, plan.Changes))
	verdict, err := a.awaitVerdict(ctx, p, result)
	if err != nil {
		return err
	}
	result.Generation, result.Verdict, result.Reason = verdict.N, verdict.Verdict, verdict.Reason
	failed := notKept(p, verdict)
	if failed == nil && !sameFile(file, p.ConfigPath) {
		failed = install(p, now.Hash, text)
		result.Installed = failed == nil
	}
	return a.printApplied(result, failed, asJSON)
}

// notKept is the error of a generation that is not good.
func notKept(p profile.Profile, g generationRow) error {
	became := "was rolled back"
	switch g.Verdict {
	case config.Good:
		return nil
	case config.Refused: // it was not on trial long enough to be bad
		became = "was not kept"
	}
	return &exitError{exitFailed, fmt.Errorf("generation %d %s: %s", g.N, became, g.Reason), p.Command("config generations")}
}

func (a *app) printApplied(r applied, failed error, asJSON bool) error {
	switch {
	case asJSON:
		return errors.Join(failed, a.printJSON(r))
	case failed != nil:
		return failed
	case r.Installed:
		a.printf("Generation %d is %s and is now %s.\n", r.Generation, a.pen(a.Out).good("good"), a.short(r.File))
	default:
		a.printf("Generation %d is %s.\n", r.Generation, a.pen(a.Out).good("good"))
	}
	return nil
}

// progress tells of long work beside the result.
func (a *app) progress(format string, args ...any) {
	fmt.Fprintf(a.Err, "clawdbot: "+format+"\n", args...)
}

// applyRefused says why the gateway did not take a config up.
func applyRefused(p profile.Profile, err error) error {
	switch {
	case !isRefused(err):
		return err
	case strings.Contains(err.Error(), config.ErrChanged.Error()):
		return &exitError{exitTryAgain, fmt.Errorf("%s was changed while it was applied; look at it and try again", p.ConfigPath), p.Command("config diff")}
	}
	return &exitError{exitConfig, err, ""}
}

// Waiting for a verdict: how often the gateway is asked, and how long it may
// need beyond the probation, to start again for instance.
const (
	verdictPoll  = 200 * time.Millisecond
	verdictGrace = 30 * time.Second
)

// awaitVerdict waits until the config is no longer on probation. A gateway that
// does not answer may be starting again.
func (a *app) awaitVerdict(ctx context.Context, p profile.Profile, r applied) (generationRow, error) {
	limit, cancel := context.WithTimeout(ctx, time.Duration(r.ProbationMs)*time.Millisecond+verdictGrace)
	defer cancel()
	for {
		var answer generationsAnswer
		err := a.callOwn(limit, p, "generations.list", nil, &answer)
		if row, ok := outcome(answer.Generations, r.Generation); ok {
			return row, nil
		}
		select {
		case <-limit.Done():
			return generationRow{}, a.noVerdict(ctx, p, r, err)
		case <-time.After(verdictPoll):
		}
	}
}

// outcome is what became of the config that was applied as generation n. A start
// may have recorded it again since, under another number.
func outcome(rows []generationRow, n uint64) (found generationRow, ok bool) {
	first := slices.IndexFunc(rows, func(r generationRow) bool { return r.N == n })
	if first < 0 {
		return found, false
	}
	for _, r := range rows[first:] {
		if r.Hash == rows[first].Hash && r.Verdict != config.Probation {
			return r, true
		}
	}
	return found, false
}

// noVerdict says how the wait ended. Last is what the gateway said last.
func (a *app) noVerdict(ctx context.Context, p profile.Profile, r applied, last error) error {
	try := p.Command("config generations")
	switch {
	case ctx.Err() != nil:
		return &exitError{exitFailed, fmt.Errorf("interrupted; generation %d stays on probation, and the gateway decides by itself", r.Generation), try}
	case last != nil:
		return &exitError{exitUnreachable, fmt.Errorf("generation %d is on probation, but %w", r.Generation, last), p.Command("status")}
	}
	return &exitError{exitFailed, fmt.Errorf("generation %d is still on probation", r.Generation), try}
}

// install puts a proven text in the config file's place, unless that is not the
// one any more that was looked at.
func install(p profile.Profile, hash string, text []byte) error {
	_, err := config.Edit(p.ConfigOptions(), hash, func([]byte) ([]byte, error) { return bytes.Clone(text), nil })
	if err == nil {
		return nil
	}
	code := exitFailed
	if anyIs(err, config.ErrChanged, config.ErrLocked) {
		code = exitTryAgain
	}
	return &exitError{code, fmt.Errorf("the config is good and runs, but was not written to %s: %w", p.ConfigPath, err), p.Command("config diff")}
}

// sameFile says whether two paths lead to one file.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
