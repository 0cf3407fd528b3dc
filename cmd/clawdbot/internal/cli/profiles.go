package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"clawdbot/profile"
	"clawdbot/profile/ports"
)

func newProfilesCmd(a *app) *cobra.Command {
	var asJSON bool
	list := func(cmd *cobra.Command, _ []string) error { return a.runProfiles(cmd.Context(), asJSON) }
	cmd := newGroup(&cobra.Command{
		Use:     "profiles",
		Short:   "All profiles of this host, and how they are",
		GroupID: groupLook,
		Long: `profiles lists every profile of this host: how its gateway is, its process,
ports, service unit and paths. With --json it also tells who set each value,
and why that one won.`,
	},
		&cobra.Command{Use: "list", Short: "The same as profiles alone", Args: takes(), RunE: list},
		newAuditCmd(a, &asJSON),
		newProfilesRemoveCmd(a, &asJSON),
	)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return helpOrUnknown(cmd, args)
		}
		return list(cmd, args)
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// profileRow is one profile in profiles --json.
type profileRow struct {
	Profile    string            `json:"profile"`
	Bus        string            `json:"bus"`
	Verdict    string            `json:"verdict"`
	Reason     string            `json:"reason"`
	PID        int               `json:"pid"` // 0 when it does not run
	Ports      ports.Ports       `json:"ports"`
	ConfigPath string            `json:"configPath"`
	StateDir   string            `json:"stateDir"`
	Workspace  string            `json:"workspace"`
	Unit       string            `json:"unit"`
	Exe        string            `json:"exe"`
	Version    string            `json:"version"`
	Settings   []profile.Setting `json:"settings"`
	Warnings   []string          `json:"warnings"`
}

func (a *app) runProfiles(ctx context.Context, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	known, err := p.Known()
	if err != nil {
		return err
	}
	rows := make([]profileRow, len(known))
	var wg sync.WaitGroup
	for n, i := range known {
		wg.Go(func() { rows[n] = describe(ctx, p, i) })
	}
	wg.Wait()
	if asJSON {
		return a.printJSON(rows)
	}
	a.printProfiles(p, rows)
	return nil
}

// describe gathers what is known of one instance. p is the profile that the
// command line chose, whose settings may come from the environment.
func describe(ctx context.Context, p profile.Profile, i profile.Instance) profileRow {
	how := probe(ctx, i)
	row := profileRow{
		Profile: i.Profile, Bus: i.Bus, Verdict: string(how.Verdict), Reason: how.Reason, Ports: i.Ports,
		ConfigPath: i.ConfigPath, StateDir: i.StateDir, Workspace: i.Workspace, Unit: i.Unit, Exe: i.Exe, Version: i.Version,
		Settings: []profile.Setting{}, Warnings: []string{},
	}
	if i.Alive() {
		row.PID = i.Process.PID
	}
	owner, ok := settingsOf(p, i)
	if !ok {
		row.Settings = append(row.Settings,
			profile.Setting{Name: "stateDir", Value: i.StateDir, From: "registry", Why: "set by hand when it was set up"},
			profile.Setting{Name: "configPath", Value: i.ConfigPath, From: "registry", Why: "set by hand when it was set up"})
		return row
	}
	row.Settings = slices.Clone(owner.Settings)
	loaded, err := owner.Load()
	if err != nil {
		row.Warnings = append(row.Warnings, oneLine(err.Error()))
		return row
	}
	for _, w := range loaded.Warnings {
		row.Warnings = append(row.Warnings, w.String())
	}
	_, settings, err := owner.PlanPorts(loaded.Config, 0)
	if err != nil {
		row.Warnings = append(row.Warnings, oneLine(err.Error()))
	}
	row.Settings = append(row.Settings, settings...)
	if w := loaded.Config.Agents.Defaults.Workspace; w != "" {
		row.Settings = slices.DeleteFunc(row.Settings, func(s profile.Setting) bool { return s.Name == "workspace" })
		row.Settings = append(row.Settings, profile.Setting{Name: "workspace", Value: owner.ExpandHome(w), From: "config", Why: "agents.defaults.workspace"})
	}
	return row
}

// settingsOf resolves the instance's profile anew to tell who set what. It is
// false for one whose paths were set by hand, in an environment of its own.
func settingsOf(p profile.Profile, i profile.Instance) (profile.Profile, bool) {
	if i.Is(p) && i.ConfigPath == p.ConfigPath {
		return p, true
	}
	owner, err := profile.Resolve(profile.Flags{Profile: i.Profile}, p.Env().Bare())
	return owner, err == nil && i.Is(owner) && i.ConfigPath == owner.ConfigPath
}

func (a *app) printProfiles(p profile.Profile, rows []profileRow) {
	pen := a.pen(a.Out)
	if len(rows) == 0 {
		a.printf("There is no profile on this host yet.\n\nNext: %s\n", pen.bold(p.Command("setup")))
		return
	}
	var t table
	t.row(heads(pen, "PROFILE", "VERDICT", "PID", "PORT", "UNIT")...)
	for n, r := range rows {
		if n > 0 {
			t.row()
		}
		pid, port := "-", "-"
		if r.PID != 0 {
			pid = strconv.Itoa(r.PID)
		}
		if r.Ports.Gateway != 0 {
			port = strconv.Itoa(r.Ports.Gateway)
		}
		t.row(pen.bold(r.Profile), pen.state(r.Verdict), pid, port, dash(r.Unit))
		if r.Verdict != "ok" {
			t.row("  " + r.Reason)
		}
		t.row(pen.dim("  config     ") + a.short(r.ConfigPath))
		t.row(pen.dim("  state      ") + a.short(r.StateDir))
		t.row(pen.dim("  workspace  ") + a.short(r.Workspace))
		for _, w := range r.Warnings {
			t.row("  " + pen.warn(w))
		}
	}
	t.print(a.Out)
}

func newAuditCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "audit",
		Short: "Prove that no two profiles share anything",
		Long: `audit compares every two profiles of this host: paths, ports, names on the bus,
units. It names each thing that two of them share, with the command that ends
it, and then exits with 1.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error { return a.runAudit(*asJSON) },
	}
}

func (a *app) runAudit(asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	known, err := p.Known()
	if err != nil {
		return err
	}
	if _, err := p.Registry.List(); err != nil { // what cannot be read cannot be cleared
		return &exitError{exitFailed, fmt.Errorf("isolation is not proven: %w", err), p.Command("doctor")}
	}
	found := profile.Audit(known)
	pen := a.pen(a.Out)
	switch {
	case asJSON:
		report := struct {
			Isolated bool              `json:"isolated"`
			Profiles int               `json:"profiles"`
			Overlaps []profile.Overlap `json:"overlaps"`
		}{len(found) == 0, len(known), append([]profile.Overlap{}, found...)}
		if err := a.printJSON(report); err != nil {
			return err
		}
	case len(found) == 0:
		a.printf("%s: %s, and no two share a path, a port, a name or a unit.\n", pen.good("isolated"), count(len(known), "profile"))
	}
	if len(found) == 0 {
		return nil
	}
	if !asJSON {
		for _, o := range found {
			a.printf("%s %s\n  %s %s\n", pen.bad("shared:"), o.Detail, pen.dim("try:"), o.Try)
		}
	}
	return &exitError{exitFailed, fmt.Errorf("the profiles are not isolated: %s", count(len(found), "overlap")), ""}
}

// count is "1 profile" or "2 profiles".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
