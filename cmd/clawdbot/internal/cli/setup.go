package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/ports"
)

type setupOptions struct {
	setup.Options
	json bool
}

func (o *setupOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&o.Port, "port", 0, "base port; without it the next free block of the host is taken")
	flags.StringVar(&o.Workspace, "workspace", "", "folder for the agents' files")
	flags.StringVar(&o.Bind, "bind", "", "who can connect: loopback, lan, tailnet or auto")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
}

func newSetupCmd(a *app) *cobra.Command {
	var o setupOptions
	cmd := &cobra.Command{
		Use:     "setup",
		Short:   "Make a profile ready to run",
		GroupID: groupStart,
		Long: `setup makes a profile's folders, its config with a fresh token, and a block of
ports that no other profile has, and tells the NATS tools where its bus is.
It never replaces what is there: a second run changes nothing and says so.
With --port, --workspace or --bind it sets just that in the config.`,
		Example: `  clawdbot setup
  clawdbot --profile rescue setup --port 19001`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("port") && o.Port == 0 {
				return usage(cmd, "--port: %w: 0 is outside 1 to 65535", ports.ErrBase)
			}
			return a.runSetup(cmd.Context(), o)
		},
	}
	o.register(cmd)
	return cmd
}

func (a *app) runSetup(ctx context.Context, o setupOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	result, err := setup.Run(p, o.Options)
	if err != nil {
		return configHelp(p, err)
	}
	if o.json {
		return a.printJSON(result)
	}
	a.warn(result.Warnings...)
	a.printSetup(result)
	next := p.Command("gateway")
	switch {
	case result.Restart:
		next = a.restartOf(ctx, p)
	case result.Running:
		next = p.Command("status")
	}
	a.printf("\nNext: %s\n", a.pen(a.Out).bold(next))
	return nil
}

func (a *app) printSetup(r setup.Result) {
	pen := a.pen(a.Out)
	switch {
	case r.Unchanged:
		a.printf("Profile %s was set up already; nothing changed.\n\n", pen.bold(r.Profile))
	case slices.Contains(r.Created, r.ConfigPath):
		a.printf("Profile %s is set up.\n\n", pen.bold(r.Profile))
	default:
		a.printf("Profile %s was set up already.\n", pen.bold(r.Profile))
		a.printList("made", r.Created)
		a.printList("changed", r.Changed)
		a.printf("\n")
	}
	nats := fmt.Sprintf("nats --context %s sub 'clawdbot.%s.>'", r.NATSContext, profile.BusName(r.Profile))
	if r.ContextSelected {
		nats = fmt.Sprintf("nats sub 'clawdbot.%s.>'", profile.BusName(r.Profile))
	}
	var t table
	t.row(pen.dim("  config"), a.short(r.ConfigPath))
	t.row(pen.dim("  state"), a.short(r.StateDir))
	t.row(pen.dim("  workspace"), a.short(r.Workspace))
	t.row(pen.dim("  ports"), portLine(r.Ports))
	t.row(pen.dim("  see all"), nats)
	t.print(a.Out)
}

func (a *app) printList(what string, items []string) {
	if len(items) > 0 {
		a.printf("  %s: %s\n", what, strings.Join(items, ", "))
	}
}

// portLine names the listeners that a person talks to.
func portLine(set ports.Ports) string {
	return fmt.Sprintf("gateway %d, bridge %d, browser %d, canvas %d, bus %d", set.Gateway, set.Bridge, set.Browser, set.Canvas, set.Bus)
}
