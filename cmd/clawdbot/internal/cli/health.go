package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"clawdbot/gateway/frame"
	"clawdbot/profile"
)

func newHealthCmd(a *app) *cobra.Command {
	var o lookOptions
	cmd := &cobra.Command{
		Use:     "health",
		Short:   "Ask the gateway whether it is well",
		GroupID: groupLook,
		Long: `health asks the gateway itself. It exits with 0 when the gateway is ready and no
part of it failed, with 1 when not, and with 3 when it cannot be reached.
With --json it prints the gateway's answer as it is.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runHealth(cmd.Context(), o) },
	}
	o.register(cmd)
	return cmd
}

func (a *app) runHealth(ctx context.Context, o lookOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	answer, h, err := a.health(ctx, p)
	if err != nil {
		return a.failed(err, o.json)
	}
	if o.json {
		if err := a.printJSON(answer); err != nil {
			return err
		}
	} else {
		a.printHealth(p, h)
	}
	if !h.OK {
		how := verdictOf(h)
		return &exitError{exitFailed, fmt.Errorf("the gateway of profile %s is not well: %s", p.Name, how.Reason), p.Command("doctor")}
	}
	return nil
}

// health is the gateway's answer, as it came and decoded. An error that is no
// refusal says that the gateway is unreachable.
func (a *app) health(ctx context.Context, p profile.Profile) (json.RawMessage, frame.Health, error) {
	var h frame.Health
	c, err := a.dial(ctx, p)
	if err != nil {
		return nil, h, err
	}
	defer c.Close()
	var answer json.RawMessage
	if err := c.Call(ctx, "health", nil, &answer); err != nil {
		var refused *frame.Error
		if errors.As(err, &refused) {
			return nil, h, fmt.Errorf("the gateway of profile %s refuses: %w", p.Name, err)
		}
		return nil, h, &exitError{exitUnreachable, fmt.Errorf("the gateway of profile %s does not answer: %w", p.Name, err), p.Command("status")}
	}
	return answer, h, json.Unmarshal(answer, &h)
}

func (a *app) printHealth(p profile.Profile, h frame.Health) {
	var r statusReport
	how := r.take(sighting{health: h})
	a.printHead(h.Profile, how.condition, "  up "+duration(h.Gateway.UptimeMs))
	a.sayRefused(p, h.Generation)
	a.printMaintenance(h.Maintenance)
	a.printComponents(r.Components)
	a.printPeers(r.Peers)
	a.printIncidentStatus(r.Incidents)
}
