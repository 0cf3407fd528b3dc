package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

func newSessionsCmd(a *app) *cobra.Command {
	var o lookOptions
	q := msg.SessionQuery{IncludeDerivedTitles: true}
	run := func(ctx context.Context, c *conn, _ []string) error { return a.runSessions(ctx, c, q, o.json) }
	list := a.asking(&cobra.Command{Use: "list", Short: "The conversations, the last used first", Args: takes()}, &o, run)
	cmd := newGroupOr(&cobra.Command{
		Use:     "sessions",
		Short:   "The agent's conversations",
		GroupID: groupWork,
		Long:    `A session may be named by its whole key, or in short: main is agent:main:main.`,
		Example: `  clawdbot sessions --active 60
  clawdbot sessions history main --limit 10`,
	}, list.RunE, list, newHistoryCmd(a, &o),
		a.asking(&cobra.Command{Use: "reset SESSION", Short: "Begin one anew: its messages go, its settings stay", Args: takes("SESSION")}, &o, a.runSessionReset(&o)),
		a.asking(&cobra.Command{Use: "delete SESSION", Short: "Remove one with its messages", Args: takes("SESSION")}, &o, a.runSessionDelete(&o)),
	)
	for _, c := range []*cobra.Command{cmd, list} {
		c.Flags().IntVar(&q.ActiveMinutes, "active", 0, "only those used in the last `MINUTES`")
		c.Flags().IntVarP(&q.Limit, "limit", "n", 0, "how many at most")
		c.PreRunE = func(cmd *cobra.Command, _ []string) error {
			if q.ActiveMinutes < 0 || q.Limit < 0 {
				return usage(cmd, "--active and --limit are counts, not less than 0")
			}
			return nil
		}
	}
	o.registerIn(a, cmd.PersistentFlags())
	return cmd
}

func (a *app) runSessions(ctx context.Context, c *conn, q msg.SessionQuery, asJSON bool) error {
	var list msg.SessionList
	if err := c.ask(ctx, "sessions.list", q, &list); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(list)
	}
	if len(list.Sessions) == 0 {
		a.printf("Profile %s has no such session.\n", c.name())
		return nil
	}
	pen := a.pen(a.Out)
	t := table{heads(pen, " ", "SESSION", "USED", "MESSAGES", "ABOUT")}
	for _, s := range list.Sessions {
		dot := pen.dim("●")
		if s.ActiveRuns > 0 {
			dot = pen.good("●")
		}
		about := s.DerivedTitle
		if s.Label != nil {
			about = *s.Label
		}
		t.row(dot, printable(s.Key), clock(s.UpdatedAt), strconv.FormatUint(s.Messages, 10), pen.dim(printable(oneLine(about))))
	}
	t.printFitted(a)
	return nil
}

func newHistoryCmd(a *app, o *lookOptions) *cobra.Command {
	q := msg.ChatQuery{}
	cmd := a.asking(&cobra.Command{Use: "history SESSION", Short: "Its last messages", Args: takes("SESSION")}, o,
		func(ctx context.Context, c *conn, args []string) error {
			q.SessionKey = args[0]
			var h msg.ChatHistory
			if err := c.ask(ctx, "chat.history", q, &h); err != nil {
				return err
			}
			if o.json {
				return a.printJSON(h)
			}
			a.printHistory(h)
			return nil
		})
	cmd.Flags().IntVarP(&q.Limit, "limit", "n", 50, "how many of the last messages")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if q.Limit < 1 {
			return usage(cmd, "--limit: %d is no number of messages", q.Limit)
		}
		return nil
	}
	return cmd
}

func (a *app) printHistory(h msg.ChatHistory) {
	pen := a.pen(a.Out)
	if len(h.Messages) == 0 {
		a.printf("Session %s has no messages.\n", printable(h.SessionKey))
		return
	}
	for n, m := range h.Messages {
		if n > 0 {
			a.printf("\n")
		}
		a.printf("%s %s\n", pen.bold(printable(m.Role)), pen.dim(time.UnixMilli(m.Timestamp).Format(time.DateTime)))
		for _, part := range m.Content {
			for line := range strings.Lines(part.Text) {
				a.wrapped("  ", printable(strings.TrimRight(line, "\r\n")))
			}
		}
		if m.ErrorMessage != "" {
			a.wrapped("  "+pen.bad("✗ "), printable(m.ErrorMessage))
		}
	}
}

func (a *app) runSessionReset(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		var answer msg.SessionReset
		if err := c.ask(ctx, "sessions.reset", msg.SessionKey{Key: args[0]}, &answer); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(answer)
		}
		a.printf("Session %s begins anew.\n", printable(answer.Key))
		return nil
	}
}

func (a *app) runSessionDelete(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		var answer msg.SessionDeleted
		if err := c.ask(ctx, "sessions.delete", msg.SessionDelete{Key: args[0]}, &answer); err != nil {
			return err
		}
		switch {
		case o.json:
			return a.printJSON(answer)
		case !answer.Deleted:
			a.printf("There was no session %s.\n", printable(answer.Key))
		default:
			a.printf("Session %s is gone, with its messages.\n", printable(answer.Key))
		}
		return nil
	}
}
