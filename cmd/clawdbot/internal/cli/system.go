package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

func newSystemCmd(a *app) *cobra.Command {
	var o lookOptions
	cmd := newGroup(&cobra.Command{
		Use:     "system",
		Short:   "Who is connected; tell the agent something; heartbeats",
		GroupID: groupWork,
		Example: `  clawdbot system presence
  clawdbot system event --text "the build is green" --mode now
  clawdbot system heartbeat disable`,
	},
		a.asking(&cobra.Command{Use: "presence", Short: "Who is connected to the gateway", Args: takes()}, &o, a.runPresence(&o)),
		newSystemEventCmd(a, &o), newHeartbeatCmd(a, &o),
	)
	o.registerIn(a, cmd.PersistentFlags())
	return cmd
}

func (a *app) runPresence(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, _ []string) error {
		var list []msg.Presence
		if err := c.ask(ctx, "system-presence", nil, &list); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(list)
		}
		a.printPresence(list, time.Now())
		return nil
	}
}

func (a *app) printPresence(list []msg.Presence, now time.Time) {
	pen := a.pen(a.Out)
	t := table{heads(pen, "HOST", "MODE", "VERSION", "IP", "SINCE", "ROLES", "WHY")}
	for _, p := range list {
		since := "-"
		if p.TS != 0 {
			since = duration(max(0, now.UnixMilli()-p.TS))
		}
		t.row(pen.bold(printable(p.Host)), dash(printable(p.Mode)), dash(printable(p.Version)), dash(printable(p.IP)), since,
			dash(printable(strings.Join(p.Roles, ","))), pen.dim(printable(p.Reason)))
	}
	t.printFitted(a)
}

func newSystemEventCmd(a *app, o *lookOptions) *cobra.Command {
	q := msg.Wake{}
	cmd := a.asking(&cobra.Command{
		Use:   "event",
		Short: "Tell the agent's main session something that happened",
		Long: `event leaves a line for the agent's main session, which it gets with its next
run; with --mode now a run starts at once.`,
		Args: takes(),
	}, o, func(ctx context.Context, c *conn, _ []string) error {
		var answer msg.Woken
		if err := c.ask(ctx, "wake", q, &answer); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(answer)
		}
		a.printf("The agent of profile %s was told.\n", c.name())
		return nil
	})
	cmd.Flags().StringVar(&q.Text, "text", "", "what happened")
	cmd.Flags().StringVar(&q.Mode, "mode", "next-heartbeat", "now or next-heartbeat")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case strings.TrimSpace(q.Text) == "":
			return usage(cmd, "--text is needed: what the agent is told")
		case q.Mode != "now" && q.Mode != "next-heartbeat":
			return usage(cmd, "--mode: %q is none of now, next-heartbeat", q.Mode)
		}
		return nil
	}
	return cmd
}

func newHeartbeatCmd(a *app, o *lookOptions) *cobra.Command {
	set := func(enabled bool) answering {
		return func(ctx context.Context, c *conn, _ []string) error {
			var answer msg.HeartbeatsSet
			if err := c.ask(ctx, "set-heartbeats", msg.Heartbeats{Enabled: enabled}, &answer); err != nil {
				return err
			}
			if o.json {
				return a.printJSON(answer)
			}
			a.printf("Heartbeats of profile %s are %s.\n", c.name(), onOff(answer.Enabled))
			return nil
		}
	}
	return newGroup(&cobra.Command{Use: "heartbeat", Short: "The agent's regular wake-up"},
		a.asking(&cobra.Command{Use: "last", Short: "When it woke last, and what came of it", Args: takes()}, o, a.runLastHeartbeat(o)),
		a.asking(&cobra.Command{Use: "enable", Short: "Switch heartbeats on", Args: takes()}, o, set(true)),
		a.asking(&cobra.Command{Use: "disable", Short: "Switch heartbeats off", Args: takes()}, o, set(false)),
	)
}

func (a *app) runLastHeartbeat(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, _ []string) error {
		var last *msg.LastHeartbeat
		if err := c.ask(ctx, "last-heartbeat", nil, &last); err != nil {
			return err
		}
		switch {
		case o.json:
			return a.printJSON(last)
		case last == nil:
			a.printf("The agent of profile %s has had no heartbeat yet.\n", c.name())
			return nil
		}
		line := fmt.Sprintf("%s %s, after %s by %s", clock(last.TS), last.Status, elapsed(last.DurationMs), dash(last.Reason))
		a.wrapped("", printable(line))
		if last.Preview != "" {
			a.wrapped("  ", a.pen(a.Out).dim(printable(oneLine(last.Preview))))
		}
		return nil
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
