package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/profile"
)

func newMaintenanceCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "maintenance", Short: "Tell the peers to leave this gateway alone for a while", GroupID: groupWork,
		Long: `A gateway under maintenance is watched and left alone: no peer restarts it or
ends it, whatever they see. It is announced in the host registry, so that it
holds whether the gateway runs or not, and it ends by itself.`,
		Example: `  clawdbot maintenance on --for 10m --reason "new disk"
  clawdbot maintenance off`,
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return newGroup(cmd, newMaintenanceOnCmd(a, &asJSON),
		&cobra.Command{Use: "off", Short: "End it", Args: takes(), RunE: func(*cobra.Command, []string) error {
			return a.runMaintenance(nil, asJSON)
		}},
		&cobra.Command{Use: "status", Short: "Is there one?", Args: takes(), RunE: func(*cobra.Command, []string) error {
			return a.runMaintenanceStatus(asJSON)
		}},
	)
}

func newMaintenanceOnCmd(a *app, asJSON *bool) *cobra.Command {
	var (
		lasts time.Duration
		m     = profile.Maintenance{By: "operator"}
	)
	cmd := &cobra.Command{Use: "on", Short: "Begin it, or change how long it lasts", Args: takes(), RunE: func(cmd *cobra.Command, _ []string) error {
		if lasts < time.Second || lasts > profile.MaxMaintenance {
			return usage(cmd, "--for %s: a maintenance lasts from 1s to %s, as in 10m or 2h", lasts, profile.MaxMaintenance)
		}
		m.Until = time.Now().Add(lasts).Round(time.Second)
		return a.runMaintenance(&m, *asJSON)
	}}
	cmd.Flags().DurationVar(&lasts, "for", 10*time.Minute, "how long it lasts, 1s to 24h")
	cmd.Flags().StringVar(&m.Reason, "reason", "", "one sentence for those who look")
	return cmd
}

// maintenanceReport is maintenance --json.
type maintenanceReport struct {
	Profile     string               `json:"profile"`
	Maintenance *profile.Maintenance `json:"maintenance"` // null when there is none
}

// runMaintenance begins one, or ends it with nil.
func (a *app) runMaintenance(m *profile.Maintenance, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	if _, err := p.Announce(m, time.Now()); err != nil {
		return maintenanceHelp(p, err)
	}
	return a.sayMaintenance(p, m, asJSON)
}

func (a *app) runMaintenanceStatus(asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	i, err := p.Registry.Get(p.Name)
	if err == nil && !i.Is(p) {
		err = fmt.Errorf("%w: %s", profile.ErrNotRegistered, p.Name)
	}
	if err != nil {
		return maintenanceHelp(p, err)
	}
	if !i.InMaintenance(time.Now()) {
		i.Maintenance = nil
	}
	return a.sayMaintenance(p, i.Maintenance, asJSON)
}

func (a *app) sayMaintenance(p profile.Profile, m *profile.Maintenance, asJSON bool) error {
	switch {
	case asJSON:
		return a.printJSON(maintenanceReport{p.Name, m})
	case m == nil:
		a.printf("%s is not under maintenance.\n", p.Name)
	case m.Reason == "":
		a.printf("%s is under maintenance until %s.\n", p.Name, m.Until.Local().Format(time.DateTime))
	default:
		a.printf("%s is under maintenance until %s: %s\n", p.Name, m.Until.Local().Format(time.DateTime), m.Reason)
	}
	return nil
}

func maintenanceHelp(p profile.Profile, err error) error {
	switch {
	case errors.Is(err, profile.ErrNotRegistered):
		return &exitError{exitConfig, fmt.Errorf("profile %s was never set up", p.Name), p.Command("setup")}
	case errors.Is(err, profile.ErrLocked):
		return &exitError{exitTryAgain, err, ""}
	}
	return err
}
