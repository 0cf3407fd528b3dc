package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

func newHealthCmd(a *app) *cobra.Command {
	var o lookOptions
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the gateway whether it is well",
		Long: `health asks the gateway itself. It exits with 0 when the gateway is ready and no
part of it failed, with 1 when not, and with 3 when it cannot be reached.
With --json it prints the gateway's answer as it is.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.talk(cmd.Context(), o, func(ctx context.Context, c *conn) error { return a.runHealth(ctx, c, o) })
		},
	}
	o.register(a, cmd)
	return cmd
}

func (a *app) runHealth(ctx context.Context, c *conn, o lookOptions) error {
	answer, h, err := c.health(ctx)
	if err != nil {
		return err
	}
	if o.json {
		if err := a.printJSON(answer); err != nil {
			return err
		}
	} else {
		a.printHealth(c.target, h)
	}
	if !h.OK {
		return &exitError{exitFailed, fmt.Errorf("%s is not well: %s", c.target, verdictOf(h).Reason), c.aid()}
	}
	return nil
}

// aid is the command that helps a gateway that is not well.
func (t target) aid() string {
	if t.own {
		return t.profile.Command("doctor")
	}
	return t.command("logs --level warn")
}

// health is the gateway's answer, as it came and decoded.
func (c *conn) health(ctx context.Context) (json.RawMessage, msg.Health, error) {
	var h msg.Health
	var answer json.RawMessage
	if err := c.ask(ctx, "health", nil, &answer); err != nil {
		return nil, h, err
	}
	return answer, h, json.Unmarshal(answer, &h)
}

func (a *app) printHealth(t target, h msg.Health) {
	var r statusReport
	how := r.take(sighting{health: h})
	a.printHead(h.Profile, how.condition, "  up "+duration(h.Gateway.UptimeMs))
	a.sayNotInUse(h.Generation, t.notInUse())
	a.printMaintenance(h.Maintenance)
	a.printComponents(r.Components)
	a.printPeers(r.Peers)
	a.printIncidentStatus(r.Incidents)
}

// notInUse is the command that tells why a config file is not in use.
func (t target) notInUse() string {
	if t.own {
		return t.profile.Command("config validate")
	}
	return t.command("logs --level warn")
}
