package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/ports"
	"clawdbot/profile/service"
)

type onboardOptions struct {
	setupOptions
	nonInteractive bool
	installDaemon  bool
	noManager      error // why there can be no service, or nil
}

func newOnboardCmd(a *app) *cobra.Command {
	var o onboardOptions
	cmd := &cobra.Command{
		Use:     "onboard",
		Short:   "A few questions, then a profile that is ready to run",
		GroupID: groupStart,
		Long: `onboard asks for what a profile needs, sets it up, and on wish installs it as a
service of your session, starts it and checks its health. Without the service
it ends with the command that runs the gateway.
Each question is also a flag; with --non-interactive nothing is asked.`,
		Example: `  clawdbot onboard
  clawdbot --profile rescue onboard --non-interactive --install-daemon`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("port") && o.Port == 0 {
				return usage(cmd, "--port: %w: 0 is outside 1 to 65535", ports.ErrBase)
			}
			return a.runOnboard(cmd.Context(), o)
		},
	}
	o.register(cmd)
	cmd.Flags().BoolVar(&o.nonInteractive, "non-interactive", false, "ask nothing; flags and defaults decide")
	cmd.Flags().BoolVar(&o.installDaemon, "install-daemon", false, "install the gateway as a service and start it")
	return cmd
}

// onboarded is onboard --json. Service is absent when none was asked for,
// Health when no gateway runs.
type onboarded struct {
	Setup   setup.Result    `json:"setup"`
	Service *service.Change `json:"service,omitempty"`
	Health  *condition      `json:"health,omitempty"`
}

func (a *app) runOnboard(ctx context.Context, o onboardOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	if !o.nonInteractive || o.installDaemon {
		o.noManager = a.managed(ctx, p)
	}
	if o.noManager != nil && o.installDaemon {
		return a.serviceHelp(p, o.noManager)
	}
	if !o.nonInteractive {
		if !isTerminal(a.In) || !isTerminal(a.Out) {
			return &exitError{exitUsage, errors.New("onboard asks questions, and this is no terminal"), p.Command("onboard --non-interactive")}
		}
		if err := a.ask(ctx, p, &o); err != nil {
			return err
		}
	}
	var done onboarded
	o.Verb = "onboard"
	if done.Setup, err = setup.Run(p, o.Options); err != nil {
		return configHelp(p, err)
	}
	if !o.json {
		a.warn(done.Setup.Warnings...)
		a.printSetup(done.Setup)
	}
	if o.installDaemon {
		if err := a.onboardService(ctx, p, &done, o.json); err != nil {
			if o.json { // the profile is made
				err = errors.Join(err, a.printJSON(done))
			}
			return err
		}
	}
	return a.onboardHealth(ctx, p, done, o)
}

func (a *app) onboardService(ctx context.Context, p profile.Profile, done *onboarded, quiet bool) error {
	change, err := a.installService(ctx, p, false)
	if err != nil {
		return a.serviceHelp(p, err)
	}
	done.Service = &change
	if !quiet {
		a.printf("\n")
		a.printChange(change)
	}
	host, err := a.serviceHost()
	if err != nil {
		return err
	}
	start := host.Start
	if done.Setup.Restart {
		start = host.Restart
	}
	return a.serviceHelp(p, start(ctx, p.Name))
}

// onboardHealth ends onboarding: with the gateway's health when one runs or
// should, else with the command that runs it.
func (a *app) onboardHealth(ctx context.Context, p profile.Profile, done onboarded, o onboardOptions) error {
	_, alive, err := running(p)
	if err != nil {
		return err
	}
	if alive || o.installDaemon {
		how := checkHealth(ctx, p)
		done.Health = &how
	}
	pen := a.pen(a.Out)
	switch {
	case o.json:
		if err := a.printJSON(done); err != nil {
			return err
		}
	case done.Health == nil:
		a.printf("\nNext: %s\n", pen.bold(p.Command("gateway")))
	default:
		a.printf("\nGateway of profile %s: %s (%s)\n", pen.bold(p.Name), pen.state(string(done.Health.Verdict)), done.Health.Reason)
		if done.Setup.Restart && !o.installDaemon {
			a.printf("\nNext: %s\n", pen.bold(a.restartOf(ctx, p)))
		}
	}
	if done.Health != nil && done.Health.Verdict != msg.VerdictOK {
		return &exitError{exitUnreachable, fmt.Errorf("the gateway of profile %s is %s: %s", p.Name, done.Health.Verdict, done.Health.Reason), p.Command("logs")}
	}
	return nil
}

// healthWait is how long a gateway that was just started may take.
const healthWait = 10 * time.Second

// checkHealth asks the profile's gateway how it is until it is well or
// healthWait is over.
func checkHealth(ctx context.Context, p profile.Profile) condition {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		how := condition{msg.VerdictUnknown, "it is not in the host registry"}
		if i, err := p.Registry.Get(p.Name); err == nil && i.Is(p) {
			how = probe(ctx, i)
		}
		if how.Verdict == msg.VerdictOK {
			return how
		}
		select {
		case <-ctx.Done():
			return how
		case <-tick.C:
		}
	}
}
