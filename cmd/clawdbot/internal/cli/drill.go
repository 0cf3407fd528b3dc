package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/drill"
	"clawdbot/profile"
	"clawdbot/profile/ports"
)

// drillOptions are the flags of drill.
type drillOptions struct {
	only  []string
	busy  time.Duration
	allow float64
	keep  bool
	json  bool
}

func newDrillCmd(a *app) *cobra.Command {
	var o drillOptions
	cmd := &cobra.Command{
		Use: "drill", Short: "Rehearse faults on a scratch pair and score the rescue", GroupID: groupWork,
		Long: `drill runs a main, cloned from the profile, and a rescue in a scratch folder, on
ports that nobody has, does to them what happens to gateways, and measures what
comes of it. The real profiles, their files and their processes are not touched,
and no secret of theirs is used. It takes about two minutes and exits with 1 when
something did not go as promised. Ctrl-C stops it and cleans up.

` + drillFaults(),
		Example: "  clawdbot drill\n  clawdbot drill --only kill,bad-config --keep",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.allow < 1:
				return usage(cmd, "--allow: %g is below 1, the figures as they are promised", o.allow)
			case o.busy <= 0:
				return usage(cmd, "--busy: %s is no time", o.busy)
			}
			return a.runDrill(cmd.Context(), o)
		},
	}
	cmd.Flags().StringSliceVar(&o.only, "only", nil, "rehearse only these `FAULTS`, as in kill,freeze")
	cmd.Flags().DurationVar(&o.busy, "busy", 20*time.Second, "how long busy-host keeps the host busy")
	cmd.Flags().Float64Var(&o.allow, "allow", 1, "on a slow host: allow so many `TIMES` the promised figures")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the scratch folder, with logs and stores")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the scorecard as JSON")
	_ = cmd.RegisterFlagCompletionFunc("only", completeFaults) // fails only for a flag that is not there
	return cmd
}

func drillFaults() string {
	var b strings.Builder
	b.WriteString("The faults:\n")
	for _, f := range drill.Faults() {
		fmt.Fprintf(&b, "  %-14s %s\n", f.Name, f.What)
	}
	return strings.TrimRight(b.String(), "\n")
}

func completeFaults(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, f := range drill.Faults() {
		names = append(names, f.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) runDrill(ctx context.Context, o drillOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	cfg, err := a.drillConfig(p, o)
	if err != nil {
		return a.failed(err, o.json)
	}
	card, err := drill.Run(ctx, cfg)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitFailed, errors.New("the drill was interrupted; its gateways are stopped"), ""}
	case errors.Is(err, drill.ErrFault):
		return a.failed(&exitError{exitUsage, fmt.Errorf("--only: %w", err), "clawdbot drill --help"}, o.json)
	case err != nil:
		return a.failed(err, o.json)
	}
	if o.json {
		err = a.printJSON(card)
	} else {
		a.printCard(card)
	}
	if err != nil || card.Passed {
		return err
	}
	return a.drillFailed(p, card)
}

// drillConfig is what the drill needs to know of this host and the profile. A
// host without any is rehearsed on the defaults.
func (a *app) drillConfig(p profile.Profile, o drillOptions) (drill.Config, error) {
	if p.Name != profile.Default && !isSetUp(p) {
		return drill.Config{}, notSetUp(p, exitConfig)
	}
	loaded, err := p.Load()
	if err != nil {
		return drill.Config{}, err
	}
	known, err := p.Known()
	if err != nil {
		return drill.Config{}, err
	}
	var taken []ports.Ports
	for _, i := range known {
		if i.Ports.Gateway != 0 {
			taken = append(taken, i.Ports)
		}
	}
	return drill.Config{
		Exe: p.Env().Exe, Env: profile.Others(), Own: ownGroup, Like: loaded.Config, Taken: taken,
		Only: o.only, Busy: o.busy, Allow: o.allow, Keep: o.keep,
		Next: func(name, what string) { fmt.Fprintf(a.Err, "clawdbot: %s: %s\n", name, what) },
	}, nil
}

// printCard prints a row for each fault, and below what did not go as promised.
func (a *app) printCard(card drill.Card) {
	pen := a.pen(a.Out)
	t := table{heads(pen, "", "fault", "detected", "serving again", "false alarms", "repairs", "lost")}
	for _, s := range card.Scores {
		if s.Skipped != "" {
			t.row(pen.dim("-"), s.Name, pen.dim("not here"))
			continue
		}
		mark := pen.good("✓")
		if !s.Passed {
			mark = pen.bad("✗")
		}
		lost := pen.dim("-")
		if s.Lost >= 0 {
			lost = zero(pen, s.Lost) + pen.dim(fmt.Sprintf(" of %d", s.Acknowledged))
		}
		t.row(mark, s.Name, figure(pen, s.DetectMs, s.DetectLimit, card.Allow), figure(pen, s.RecoverMs, s.RecoverLimit, card.Allow),
			zero(pen, s.FalseAlarms), fmt.Sprint(len(s.Repairs)), lost)
	}
	t.print(a.Out)
	for _, s := range card.Scores {
		if s.Skipped != "" {
			a.wrapped(pen.dim(s.Name)+": ", s.Skipped)
		}
		for _, f := range s.Failures {
			a.wrapped(pen.bad(s.Name)+": ", f)
		}
	}
	if card.Folder != "" {
		a.printf("%s %s\n", pen.dim("kept in"), card.Folder)
	}
}

// figure is a measured time with the promised one.
func figure(p pen, ms, limit int64, allow float64) string {
	if ms < 0 {
		return p.dim("-")
	}
	text := spell(ms)
	if limit == 0 {
		return text
	}
	if float64(ms) > float64(limit)*allow {
		text = p.bad(text)
	}
	return text + p.dim(" of "+spell(limit))
}

func spell(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(ms)/1000), ".0") + " s"
}

// zero is a number that should be 0.
func zero(p pen, n int) string {
	if n > 0 {
		return p.bad(fmt.Sprint(n))
	}
	return "0"
}

func (a *app) drillFailed(p profile.Profile, card drill.Card) error {
	var names []string
	for _, s := range card.Scores {
		if len(s.Failures) > 0 {
			names = append(names, s.Name)
		}
	}
	return &exitError{
		exitFailed, fmt.Errorf("%d of %d rehearsals did not go as promised", len(names), len(card.Scores)),
		p.Command("drill --keep --only " + strings.Join(names, ",")),
	}
}
