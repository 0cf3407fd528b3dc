package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

// pairing is how one kind of client is let in: devices or nodes.
type pairing struct {
	kind    string                                        // as in "device"
	waiting func(context.Context, *conn) ([]named, error) // the newest first
}

func waitingDevices(ctx context.Context, c *conn) ([]named, error) {
	var list msg.DevicePairings
	err := c.ask(ctx, "device.pair.list", nil, &list)
	var names []named
	for _, r := range list.Pending {
		names = append(names, named{r.RequestID, r.DisplayName})
	}
	return names, err
}

func waitingNodes(ctx context.Context, c *conn) ([]named, error) {
	var list msg.NodePairings
	err := c.ask(ctx, "node.pair.list", nil, &list)
	var names []named
	for _, r := range list.Pending {
		names = append(names, named{r.RequestID, r.DisplayName})
	}
	return names, err
}

// newDecideCmd is approve or reject.
func newDecideCmd(a *app, o *lookOptions, p pairing, verb string) *cobra.Command {
	var latest bool
	short, done := "Let one in that waits", "may connect now"
	if verb == "reject" {
		short, done = "Refuse one that waits", "was refused"
	}
	cmd := a.asking(&cobra.Command{Use: verb + " [REQUEST]", Short: short, Args: takes("[REQUEST]")}, o,
		func(ctx context.Context, c *conn, args []string) error {
			id, err := p.request(ctx, c, args)
			if err != nil {
				return &exitError{exitFailed, err, c.command(p.kind + "s list")}
			}
			var answer map[string]any
			if err := c.ask(ctx, p.kind+".pair."+verb, msg.PairDecision{RequestID: id}, &answer); err != nil {
				return err
			}
			if o.json {
				return a.printJSON(answer)
			}
			a.printf("The %s of request %s %s.\n", p.kind, shortID(id), done)
			return nil
		})
	cmd.Flags().BoolVar(&latest, "latest", false, "the one that asked last")
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if latest == (len(args) == 1) {
			return usage(cmd, "%s needs a REQUEST or --latest, one of the two", cmd.CommandPath())
		}
		return nil
	}
	return cmd
}

// request finds the request that is meant: the newest without a word.
func (p pairing) request(ctx context.Context, c *conn, args []string) (string, error) {
	waiting, err := p.waiting(ctx, c)
	switch {
	case err != nil:
		return "", err
	case len(args) > 0:
		return pickOne("waiting request", args[0], waiting)
	case len(waiting) == 0:
		return "", fmt.Errorf("no %s waits", p.kind)
	}
	return waiting[0].id, nil // the newest comes first
}
