package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/daemon"
	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/ports"
)

// gatewayOptions are the flags of `gateway` and `gateway run`.
type gatewayOptions struct {
	port      int
	portGiven bool
	force     bool
	manager   string // who starts it again, see profile.Instance
	keeper    string
}

func newGatewayCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "gateway", Short: "Run this profile's gateway, manage its service, talk to it", GroupID: groupStart,
		Long: `Runs the gateway of this profile in the foreground until Ctrl-C. A profile
that was not set up is set up with defaults first.

With a verb it manages the gateway's service instead, or talks to a gateway that
runs, here or elsewhere.`,
		Example: `  clawdbot gateway
  clawdbot --profile rescue gateway --port 19001
  clawdbot gateway install && clawdbot gateway start`,
		Args: cobra.ArbitraryArgs,
	}
	o := runFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return helpOrUnknown(cmd, args)
		}
		return runGateway(cmd, a, *o)
	}
	verb := &cobra.Command{Use: "run", Short: "Run the gateway in the foreground", Args: cobra.NoArgs}
	verbFlags := runFlags(verb)
	verb.RunE = func(cmd *cobra.Command, _ []string) error { return runGateway(cmd, a, *verbFlags) }
	verb.Flags().StringVar(&verbFlags.manager, "manager", "", "who starts the gateway again after a crash")
	verb.Flags().StringVar(&verbFlags.keeper, "keeper", "", "socket of the clawdbot up that keeps it")
	for _, internal := range []string{"manager", "keeper"} {
		_ = verb.Flags().MarkHidden(internal) // fails only for a flag that is not there
	}
	cmd.AddCommand(verb)
	cmd.AddCommand(newServiceCmds(a)...)
	cmd.AddCommand(newGatewayCallCmd(a), newHealthCmd(a), newGatewayMethodsCmd(a), newGatewayProbeCmd(a), newGatewayDiscoverCmd(a))
	return cmd
}

func runFlags(cmd *cobra.Command) *gatewayOptions {
	o := &gatewayOptions{}
	cmd.Flags().IntVar(&o.port, "port", 0, "base port; the other ports follow from it")
	cmd.Flags().BoolVar(&o.force, "force", false, "end a gateway of this profile that runs already")
	return o
}

func runGateway(cmd *cobra.Command, a *app, o gatewayOptions) error {
	o.portGiven = cmd.Flags().Changed("port")
	p, err := profile.Resolve(a.flags, a.env)
	if err != nil {
		return err
	}
	if o.portGiven {
		if _, err := ports.Derive(o.port); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--port: %w", err), ""}
		}
	}
	if err := setUpMissing(a, p, o.port); err != nil {
		return err
	}
	if i, alive, err := running(p); o.force && err == nil && alive {
		a.sayEnding(p, i)
	}
	err = daemon.Run(cmd.Context(), daemon.Options{
		Profile: p, Port: o.port, Force: o.force, Version: a.version, Console: a.Err, Color: bool(a.pen(a.Err)),
		Manager: o.manager, Keeper: o.keeper,
	})
	return startError(err)
}

// startError is the error of a start with its exit code.
func startError(err error) error {
	var refused *daemon.StartError
	if !errors.As(err, &refused) {
		return err
	}
	code := exitTryAgain
	if refused.Config {
		code = exitConfig
	}
	return &exitError{code, refused.Err, refused.Try}
}

// setUpMissing makes a profile with defaults when there is none, and says so.
func setUpMissing(a *app, p profile.Profile, port int) error {
	loaded, err := p.Load()
	if err != nil || loaded.Exists {
		return nil // the daemon tells what is wrong with a config
	}
	if _, err := os.Stat(p.StoreDir()); err == nil {
		return nil // it has run before: its config is lost, and defaults could be weaker than what it said
	}
	res, err := setup.Run(p, setup.Options{Port: port})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "clawdbot: profile %s was not set up: made %s with defaults, base port %d\n", p.Name, a.short(res.ConfigPath), res.Ports.Gateway)
	return nil
}
