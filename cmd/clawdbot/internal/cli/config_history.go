package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
)

func newConfigGenerationsCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "generations",
		Short: "The configs that ran, and what became of each",
		Long: `generations lists every config that the gateway ran. A new one is on probation
until every component has been healthy for a while, then it is good. One that
failed is bad, with the reason, and is not tried again until the file changes;
refused ones never ran. When the file cannot be used or is bad, the gateway runs
the last good one instead.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runGenerations(cmd.Context(), *asJSON) },
	}
}

// generationRow is a generation without its text, as config generations --json
// shows it.
type generationRow struct {
	N       uint64         `json:"n"`
	Hash    string         `json:"hash"`
	Time    time.Time      `json:"time"`
	Source  config.Source  `json:"source"`
	Verdict config.Verdict `json:"verdict"`
	Reason  string         `json:"reason,omitempty"`
	Running bool           `json:"running"`
}

// generationsAnswer is what the method generations.list returns.
type generationsAnswer struct {
	Generations []generationRow `json:"generations"`
	Running     uint64          `json:"running"` // 0 in safe mode
}

// hash is that of the config that runs, or "".
func (g generationsAnswer) hash() string {
	for _, r := range g.Generations {
		if r.N == g.Running {
			return r.Hash
		}
	}
	return ""
}

func (a *app) runGenerations(ctx context.Context, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	rows, err := a.generations(ctx, p)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(rows)
	}
	if len(rows) == 0 {
		a.printf("No config of profile %s has run yet.\n", p.Name)
		return nil
	}
	pen := a.pen(a.Out)
	var t table
	t.row(heads(pen, "GENERATION", "SINCE", "VERDICT", "HASH", "")...)
	for _, r := range rows {
		note := r.Reason
		if r.Running {
			note = strings.TrimSuffix(pen.good("running")+"; "+note, "; ")
		}
		t.row(strconv.FormatUint(r.N, 10), r.Time.Local().Format(time.DateTime), pen.state(string(r.Verdict)), r.Hash[:min(12, len(r.Hash))], note)
	}
	t.print(a.Out)
	return nil
}

// generations asks the gateway when it runs, else the store.
func (a *app) generations(ctx context.Context, p profile.Profile) ([]generationRow, error) {
	_, alive, err := running(p)
	if err != nil {
		return nil, err
	}
	rows := []generationRow{}
	if alive {
		var answer generationsAnswer
		if err := a.callOwn(ctx, p, "generations.list", nil, &answer); err != nil {
			return nil, err
		}
		for _, r := range answer.Generations {
			r.Running = r.N == answer.Running
			rows = append(rows, r)
		}
		return rows, nil
	}
	err = withStore(p, true, func(s *store.Store) error {
		list, err := config.NewGenerations(s).List()
		for _, g := range list {
			rows = append(rows, generationRow{N: g.N, Hash: g.Hash, Time: g.Time, Source: g.Source, Verdict: g.Verdict, Reason: g.Reason})
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return rows, nil
	}
	return rows, err
}

func newConfigDiffCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "diff [FROM] [TO]",
		Short: "What differs between two generations, or one and the file",
		Long: `diff compares two generations. Without TO the second is the config file as it is
now; without FROM the first is the last good generation. Secrets are hidden.`,
		Example: `  clawdbot config diff        # what changed since the config was last good
  clawdbot config diff 3 5`,
		Args: takes("[FROM]", "[TO]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var o diffOptions
			for n, to := range []*uint64{&o.From, &o.To} {
				if n >= len(args) {
					break
				}
				number, err := strconv.ParseUint(args[n], 10, 64)
				if err != nil || number == 0 {
					return usage(cmd, "%q is not the number of a generation", args[n])
				}
				*to = number
			}
			return a.runConfigDiff(cmd.Context(), o, *asJSON)
		},
	}
}

// diffOptions say what to compare. From 0 is the last good generation, To 0 the
// file.
type diffOptions struct{ From, To uint64 }

// difference is config diff --json. Diff is unified, with secrets hidden, and
// empty when nothing differs.
type difference struct {
	From string `json:"from"`
	To   string `json:"to"`
	Diff string `json:"diff"`
}

func (a *app) runConfigDiff(ctx context.Context, o diffOptions, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	answer, err := a.diff(ctx, p, o)
	if errors.Is(err, config.ErrNoGeneration) {
		return &exitError{exitFailed, err, p.Command("config generations")}
	}
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(answer)
	}
	if answer.Diff == "" {
		a.printf("%s and %s are the same.\n", answer.From, answer.To)
		return nil
	}
	a.printDiff(answer.Diff)
	return nil
}

// diff compares two configs that ran, or one with the file.
func (a *app) diff(ctx context.Context, p profile.Profile, o diffOptions) (difference, error) {
	rows, err := a.generations(ctx, p)
	if err != nil {
		return difference{}, err
	}
	if o.From == 0 {
		o.From = lastGood(rows)
	}
	switch {
	case len(rows) == 0:
		return difference{}, &exitError{exitFailed, fmt.Errorf("no config of profile %s has run yet, so there is nothing to compare with", p.Name), p.Command("gateway")}
	case o.From == 0:
		return difference{}, &exitError{exitFailed, fmt.Errorf("no config of profile %s is good yet; name the generation to compare with", p.Name), p.Command("config generations")}
	}
	view, err := a.stateOf(ctx, p)
	if err != nil {
		return difference{}, err
	}
	from, err := generation(view, o.From)
	if err != nil {
		return difference{}, err
	}
	d := difference{From: fmt.Sprintf("generation %d", o.From), To: p.ConfigPath}
	if o.To != 0 {
		to, err := generation(view, o.To)
		d.To = fmt.Sprintf("generation %d", o.To)
		d.Diff = config.Diff(d.From, from.Text(), d.To, to.Text())
		return d, err
	}
	loaded, err := p.Load()
	if loaded == nil {
		return difference{}, err
	}
	d.Diff = config.Diff(d.From, from.Text(), d.To, loaded.Text)
	return d, nil
}

// lastGood is the number of the newest good generation, 0 without one.
func lastGood(rows []generationRow) (n uint64) {
	for _, r := range rows {
		if r.Verdict == config.Good {
			n = r.N
		}
	}
	return n
}

// generation reads one with its text, or returns config.ErrNoGeneration.
func generation(view stateView, n uint64) (g config.Generation, err error) {
	raw, err := view.get(generationKeys + strconv.FormatUint(n, 10))
	if errors.Is(err, store.ErrNotFound) || isRefused(err) {
		return g, fmt.Errorf("generation %d: %w", n, config.ErrNoGeneration)
	}
	if err != nil {
		return g, err
	}
	return g, json.Unmarshal(raw, &g)
}
