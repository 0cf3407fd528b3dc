package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/gateway/rescue/postmortem"
	"clawdbot/profile"
)

type postmortemOptions struct {
	output string // "" for a name of its own in the current folder
	json   bool
}

func newPostmortemCmd(a *app) *cobra.Command {
	var o postmortemOptions
	cmd := &cobra.Command{
		Use:     "postmortem PROFILE",
		Short:   "All that is known of a gateway, dead or alive, in one archive",
		GroupID: groupLook,
		Long: `postmortem gathers what this host knows of a gateway: the incidents that the
asking profile saw, its config and generations, last beats, recorded traffic,
log, service unit and journal, ports, store, disk and memory, and the
goroutines of its last crash. It writes one archive with a page for people
(report.html) and the same for programs (report.json). Secrets, and what people
wrote, are left out.

It takes nothing from the gateway: a dead one can start meanwhile, a live one
only copies its store.`,
		Example: `  clawdbot --profile rescue postmortem main
  clawdbot --profile rescue postmortem main -o /tmp/main.tar.gz`,
		Args: takes("PROFILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.failed(a.runPostmortem(cmd.Context(), args[0], o), o.json)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "`FILE` to write; a new name in the current folder by default")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

// postmortemResult is postmortem --json.
type postmortemResult struct {
	Path      string               `json:"path"`
	Bytes     int64                `json:"bytes"`
	Profile   string               `json:"profile"`
	Alive     bool                 `json:"alive"`
	Finding   string               `json:"finding"`
	Incidents int                  `json:"incidents"`
	Missing   []postmortem.Missing `json:"missing"`
}

func (a *app) runPostmortem(ctx context.Context, name string, o postmortemOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	peer, err := findPeer(p, name)
	if err != nil {
		return err
	}
	cfg := postmortem.Config{Own: p, Peer: peer, Version: a.version}
	if peer.Alive() {
		cfg.Checkpoint = func(ctx context.Context, peer profile.Profile) (string, error) {
			return liveState{ctx, a, peer}.checkpoint()
		}
	}
	report, err := postmortem.Collect(ctx, cfg)
	if err != nil {
		return err
	}
	r := postmortemResult{
		Path: o.output, Profile: peer.Profile, Alive: report.Alive, Finding: report.Finding,
		Incidents: len(report.Incidents), Missing: report.Missing,
	}
	if r.Path == "" {
		r.Path = report.Name()
	}
	if r.Bytes, err = report.Save(r.Path); err != nil {
		return &exitError{exitFailed, fmt.Errorf("the post-mortem is not written: %w", err), ""}
	}
	if o.json {
		return a.printJSON(r)
	}
	a.printPostmortem(r)
	return nil
}

// findPeer is the profile of the host with that name, or that name on the bus.
func findPeer(p profile.Profile, name string) (profile.Instance, error) {
	known, err := p.Known()
	if err != nil {
		return profile.Instance{}, err
	}
	for _, is := range []func(profile.Instance) bool{
		func(i profile.Instance) bool { return i.Profile == name },
		func(i profile.Instance) bool { return i.Bus == name },
	} {
		if n := slices.IndexFunc(known, is); n >= 0 {
			return known[n], nil
		}
	}
	other, err := profile.Resolve(profile.Flags{Profile: name}, p.Env().Bare())
	if err != nil {
		return profile.Instance{}, err
	}
	return profile.Instance{}, notSetUp(other, exitConfig)
}

func (a *app) printPostmortem(r postmortemResult) {
	pen := a.pen(a.Out)
	a.printf("%s %s\n", pen.bold(r.Profile+":"), r.Finding)
	if len(r.Missing) > 0 {
		names := make([]string, len(r.Missing))
		for n, m := range r.Missing {
			names[n] = m.Source
		}
		a.printf("%s %s\n", pen.dim("without:"), strings.Join(names, ", "))
	}
	a.printf("%s, %d bytes: read report.html in it\n", r.Path, r.Bytes)
}
