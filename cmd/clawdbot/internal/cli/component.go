package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/gateway/frame"
	"clawdbot/profile"
)

func newComponentCmd(a *app) *cobra.Command {
	var asJSON bool
	list := func(cmd *cobra.Command, _ []string) error {
		return a.failed(a.runComponents(cmd.Context(), asJSON), asJSON)
	}
	cmd := newGroupOr(&cobra.Command{
		Use:     "component",
		Short:   "The parts of a running gateway: how each is, and a new life for one",
		GroupID: groupWork,
		Long: `The gateway asks each of its parts, every few seconds, for a small piece of its
real work. One that does not do it in time is degraded and gets a new life
alone; the others go on. restart does the same by hand.`,
		Example: `  clawdbot component
  clawdbot component restart browser`,
	}, list,
		&cobra.Command{Use: "list", Short: "How each one is, and what it did when it was last asked", Args: takes(), RunE: list},
		&cobra.Command{
			Use: "restart NAME", Short: "Give one a new life; the others go on", Args: takes("NAME"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.failed(a.runComponentRestart(cmd.Context(), args[0], asJSON), asJSON)
			},
		},
	)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	a.reach.registerTimed(cmd.PersistentFlags())
	return cmd
}

// componentsReport is the answer of component.list, and component list --json.
type componentsReport struct {
	Components []msg.ComponentInfo `json:"components"`
}

func (a *app) runComponents(ctx context.Context, asJSON bool) error {
	_, r, err := ask[componentsReport](ctx, a, "component.list", nil)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(r)
	}
	a.printComponentTable(r.Components, time.Now())
	return nil
}

func (a *app) printComponentTable(list []msg.ComponentInfo, now time.Time) {
	pen := a.pen(a.Out)
	t := table{heads(pen, " ", "COMPONENT", "STATE", "UP", "RESTARTS", "TOOK", "WHEN ASKED FOR WORK")}
	for _, c := range list {
		up, took := "-", "-"
		if !c.Since.IsZero() {
			up = duration(now.Sub(c.Since).Milliseconds())
		}
		if c.Probe.TookUs > 0 {
			took = fmt.Sprintf("%.1f ms", float64(c.Probe.TookUs)/1000)
		}
		t.row(pen.dot(string(c.State)), c.Name, pen.state(string(c.State)), up, strconv.Itoa(c.Restarts), took, pen.dim(printable(c.Probe.Did)))
	}
	t.printFitted(a)
	for _, c := range list { // in full, for it tells what to do
		if ill := c.State == msg.StateDegraded || c.State == msg.StateFailed; c.ProbeError != "" || ill {
			a.wrapped(pen.bad(c.Name)+": ", printable(cmp.Or(c.ProbeError, c.Detail)))
		}
	}
}

// componentTime is how long a new life may take: an old one that does not end
// is left after some seconds.
const componentTime = 30 * time.Second

func (a *app) runComponentRestart(ctx context.Context, name string, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, componentTime)
	defer cancel()
	p, answer, err := ask[msg.ComponentRestarted](ctx, a, "component.restart", msg.ComponentRestart{Name: name})
	if err != nil {
		return componentHelp(p, name, err)
	}
	switch {
	case asJSON:
		return a.printJSON(answer)
	case answer.Restarting != "":
		a.printf("%s of profile %s is restarting: %s\n", name, p.Name, a.pen(a.Out).dim("it ends this connection as well"))
	default:
		a.printf("%s of profile %s has a new life.\n", name, p.Name)
	}
	return nil
}

// componentHelp names the command that tells more of a restart that failed.
func componentHelp(p profile.Profile, name string, err error) error {
	var refused *frame.Error
	if !errors.As(err, &refused) {
		return err
	}
	return &exitError{exitFailed, fmt.Errorf("%s is not restarted: %w", name, err), p.Command("component list")}
}
