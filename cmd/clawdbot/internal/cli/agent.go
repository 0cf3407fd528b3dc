package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

// runPatience is how long a run may take, and runMargin what is waited beyond.
const (
	runPatience = 10 * time.Minute
	runMargin   = 5 * time.Second
)

func newAgentCmd(a *app) *cobra.Command {
	o := lookOptions{}
	q := msg.AgentRun{}
	cmd := &cobra.Command{
		Use:     "agent",
		Short:   "Say something to the agent, and print its answer",
		GroupID: groupWork,
		Example: `  clawdbot agent --message "what is on today?"
  clawdbot agent --message /status --session main --json`,
		Args: takes(),
	}
	o.register(a, cmd)
	o.timeout = runPatience
	cmd.Flag("timeout").DefValue, cmd.Flag("timeout").Usage = runPatience.String(), "how long the run may take, as in 30s or 10m"
	flags := cmd.Flags()
	flags.StringVarP(&q.Message, "message", "m", "", "what to say")
	flags.StringVar(&q.SessionKey, "session", "", "the session's `KEY`; by default the agent's main session")
	flags.StringVar(&q.SessionID, "session-id", "", "the session's `ID`, in place of its key")
	flags.StringVar(&q.AgentID, "agent", "", "the `ID` of the agent; by default the default one")
	flags.StringVar(&q.Thinking, "thinking", "", "how much the model thinks")
	flags.BoolVar(&q.Deliver, "deliver", false, "deliver the answer to a channel as well")
	flags.StringVar(&q.Channel, "channel", "", "that channel; by default the session's last one")
	flags.StringVarP(&q.To, "to", "t", "", "whom the answer is delivered to")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if strings.TrimSpace(q.Message) == "" {
			return usage(cmd, "--message is needed: what to say")
		}
		q.IdempotencyKey, q.Timeout = rand.Text(), int64(max(o.timeout.Seconds(), 1))
		look := o
		look.timeout += runMargin
		return a.talk(cmd.Context(), look, func(ctx context.Context, c *conn) error { return a.runAgent(ctx, c, q, o.json) })
	}
	return cmd
}

func (a *app) runAgent(ctx context.Context, c *conn, q msg.AgentRun, asJSON bool) error {
	var done msg.AgentDone
	if err := c.explain(c.CallFinal(ctx, "agent", q, &done)); err != nil {
		return err
	}
	if asJSON {
		if err := a.printJSON(done); err != nil {
			return err
		}
	} else if done.Result != nil {
		for _, p := range done.Result.Payloads {
			a.printf("%s\n", printableText(p.Text))
		}
	}
	switch done.Status {
	case "ok":
		return nil
	case "timeout":
		return &exitError{exitTryAgain, errors.New("the run did not end in time; it may still go on"), c.command("sessions history " + cmp.Or(q.SessionKey, "main"))}
	}
	return errors.New(cmp.Or(done.Error, done.Summary, "the run ended as "+done.Status))
}

// printableText is printable for a text of several lines.
func printableText(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n")
	for i, l := range lines {
		lines[i] = printable(strings.TrimSuffix(l, "\r"))
	}
	return strings.Join(lines, "\n")
}
