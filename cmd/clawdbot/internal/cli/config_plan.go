package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/profile"
	"clawdbot/profile/config"
)

func newConfigPlanCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "plan FILE",
		Short: "What a config would change: at once, by a restart, or not at all",
		Long: `plan compares a file with the config that runs, or with the one that ran last
when the gateway does not, and tells for each value that differs what it takes:

  hot        it is taken over at once
  component  only the components that use it start again
  restart    the whole gateway starts again
  refused    the file cannot be used; the exit code is 78

Nothing is changed. The file is read as if it stood in the config's place, so
its includes are those beside the config.`,
		Example: "  clawdbot config plan new.json5",
		Args:    takes("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runConfigPlan(cmd.Context(), args[0], *asJSON) },
	}
}

// planAnswer is what the method config.plan returns.
type planAnswer struct {
	Valid   bool           `json:"valid"`
	Issues  []config.Issue `json:"issues"`
	Effect  config.Effect  `json:"effect"`
	Changes config.Changes `json:"changes"`
	Against uint64         `json:"against"` // the generation that it was compared with; 0 for the defaults
}

func (a *app) runConfigPlan(ctx context.Context, file string, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	text, err := readConfig(file)
	if err != nil {
		return err
	}
	plan, err := a.plan(ctx, p, text)
	if err != nil {
		return err
	}
	plan.nameFile(p.ConfigPath, file)
	if err := a.showPlan(plan, file, asJSON); err != nil || asJSON || plan.Effect == config.EffectNone {
		return err
	}
	a.progress("to try it on probation: %s", p.Command("config apply "+shellWord(file)))
	return nil
}

// showPlan prints a plan. Its error is that of a file that cannot be used.
func (a *app) showPlan(plan planAnswer, file string, asJSON bool) error {
	refused := plan.refusal(a.short(file))
	if asJSON {
		return errors.Join(refused, a.printJSON(plan))
	}
	a.printPlan(plan)
	return refused
}

// readConfig reads a file that is meant to be a config.
func readConfig(file string) ([]byte, error) {
	text, err := config.ReadFile(file)
	if err != nil {
		return nil, &exitError{exitConfig, err, ""}
	}
	return text, nil
}

// plan asks the gateway when it answers, else compares with what ran last.
func (a *app) plan(ctx context.Context, p profile.Profile, text []byte) (plan planAnswer, err error) {
	_, alive, err := running(p)
	if err != nil {
		return plan, err
	}
	if alive {
		err := a.callOwn(ctx, p, "config.plan", rawParams{Raw: string(text)}, &plan)
		if err == nil || isRefused(err) {
			return plan, err
		}
		a.warn(fmt.Sprintf("%v; this is compared with what ran last", err))
	} else if !isSetUp(p) {
		return plan, notSetUp(p, exitConfig)
	}
	return planFromDisk(p, text)
}

// planFromDisk compares with the generation that ran last, or the defaults.
func planFromDisk(p profile.Profile, text []byte) (plan planAnswer, err error) {
	before, err := config.LoadText(p.ConfigOptions(), []byte("{}"))
	if err != nil {
		return plan, err
	}
	last, err := lastGeneration(p)
	switch {
	case err == nil:
		plan.Against = last.N
		if before, err = config.FromGeneration(last, p.ConfigOptions()); err != nil {
			return plan, fmt.Errorf("%s, which ran last, no longer loads: %w", last, err)
		}
	case !errors.Is(err, config.ErrNoGeneration) && !errors.Is(err, fs.ErrNotExist):
		return plan, err
	}
	next, err := config.LoadText(p.ConfigOptions(), text)
	if next == nil {
		return plan, err
	}
	plan.Changes, plan.Issues = config.Plan(before, next), append([]config.Issue{}, next.Issues...)
	if err == nil {
		set, _, portsErr := p.PlanPorts(next.Config, 0)
		if err = portsErr; err == nil {
			err = p.Clash(set)
		}
		if err != nil {
			plan.Changes = config.Changes{{Effect: config.EffectRefused, Why: err.Error()}}
		}
	}
	plan.Effect, plan.Valid = plan.Changes.Effect(), err == nil
	return plan, nil
}

// nameFile puts the file that was planned into the issues, in place of the path
// that it was read for.
func (plan planAnswer) nameFile(path, file string) {
	for n := range plan.Issues {
		if plan.Issues[n].File == path {
			plan.Issues[n].File = file
		}
	}
	short := filepath.Base(path) + ":"
	for n := range plan.Changes {
		if rest, ok := strings.CutPrefix(plan.Changes[n].Why, short); ok {
			plan.Changes[n].Why = filepath.Base(file) + ":" + rest
		}
	}
}

// refusal is the error of a config that cannot be used, else nil.
func (plan planAnswer) refusal(file string) error {
	if plan.Valid {
		return nil
	}
	if len(plan.Issues) == 0 {
		return &exitError{exitConfig, fmt.Errorf("%s cannot be used: %s", file, plan.Changes[0].Why), ""}
	}
	return &exitError{exitConfig, fmt.Errorf("%s cannot be used: %s", file, count(len(plan.Issues), "error")), ""}
}

func (a *app) printPlan(plan planAnswer) {
	if !plan.Valid {
		a.printIssues(plan.Issues, nil)
		return
	}
	against := fmt.Sprintf("generation %d", plan.Against)
	if plan.Against == 0 {
		against = "the defaults"
	}
	if plan.Effect == config.EffectNone {
		a.printf("Nothing changes: %s has the same values.\n", against)
		return
	}
	pen := a.pen(a.Out)
	var t table
	t.row(heads(pen, "PATH", "TAKES", "CHANGE")...)
	for _, c := range plan.Changes {
		t.row(c.Path, pen.effect(c.Effect), c.Why)
	}
	t.print(a.Out)
	a.printf("\nCompared with %s: the gateway %s.\n", against, whatHappens(plan.Effect, plan.Changes))
}

// whatHappens says in words what a gateway does for changes with the effect.
func whatHappens(effect config.Effect, changes config.Changes) string {
	switch effect {
	case config.EffectRestart:
		return "restarts"
	case config.EffectComponent:
		return "restarts " + strings.Join(changes.Components(), ", ") + " while the rest goes on"
	case config.EffectHot:
		return "takes it over at once"
	}
	return "changes nothing"
}

// effect colours what a change takes.
func (p pen) effect(e config.Effect) string {
	switch e {
	case config.EffectHot:
		return p.good(string(e))
	case config.EffectComponent:
		return p.warn(string(e))
	}
	return p.bad(string(e))
}
