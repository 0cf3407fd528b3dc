package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

func newNodesCmd(a *app) *cobra.Command {
	var o lookOptions
	waiting := pairing{"node", waitingNodes}
	list := a.asking(&cobra.Command{Use: "list", Short: "The paired nodes, and which are connected", Args: takes()}, &o, a.runNodes(&o))
	cmd := newGroupOr(&cobra.Command{
		Use:     "nodes",
		Short:   "Phones and machines that run commands for the agent",
		GroupID: groupWork,
		Long: `A node asks to be paired, and is paired when someone approves it. A node may be
named by its id, the beginning of that, or its name.`,
		Example: `  clawdbot nodes pending
  clawdbot nodes approve --latest
  clawdbot nodes invoke kitchen camera.snap --params '{"facing": "back"}'`,
	}, list.RunE, list,
		a.asking(&cobra.Command{Use: "pending", Short: "The nodes that wait for an approval", Args: takes()}, &o, a.runPendingNodes(&o)),
		newDecideCmd(a, &o, waiting, "approve"), newDecideCmd(a, &o, waiting, "reject"),
		a.asking(&cobra.Command{Use: "describe NODE", Short: "All that is known of one", Args: takes("NODE")}, &o, a.runNode(&o)),
		a.asking(&cobra.Command{Use: "rename NODE NAME", Short: "Give one another name", Args: takes("NODE", "NAME")}, &o, a.runRename(&o)),
		newInvokeCmd(a, &o),
	)
	o.registerIn(a, cmd.PersistentFlags())
	return cmd
}

func (a *app) runNodes(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, _ []string) error {
		var list msg.NodeList
		if err := c.ask(ctx, "node.list", nil, &list); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(list)
		}
		if len(list.Nodes) == 0 {
			a.printf("Profile %s has no node.\n", c.name())
			return nil
		}
		pen := a.pen(a.Out)
		t := table{heads(pen, " ", "NODE", "NAME", "PLATFORM", "VERSION", "STATE", "COMMANDS")}
		for _, n := range list.Nodes {
			dot, state := pen.dim("●"), "away"
			if n.Connected {
				dot, state = pen.good("●"), pen.good("connected")
			}
			t.row(dot, printable(shortID(n.NodeID)), dash(printable(n.DisplayName)), dash(printable(n.Platform)), dash(printable(n.Version)), state,
				pen.dim(printable(strings.Join(n.Commands, " "))))
		}
		t.printFitted(a)
		return nil
	}
}

func (a *app) runPendingNodes(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, _ []string) error {
		var list msg.NodePairings
		if err := c.ask(ctx, "node.pair.list", nil, &list); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(list.Pending)
		}
		if len(list.Pending) == 0 {
			a.printf("No node waits for profile %s.\n", c.name())
			return nil
		}
		pen := a.pen(a.Out)
		t := table{heads(pen, " ", "REQUEST", "NODE", "NAME", "PLATFORM", "FROM", "WAITS")}
		for _, r := range list.Pending {
			t.row(pen.warn("●"), shortID(r.RequestID), printable(shortID(r.NodeID)), dash(printable(r.DisplayName)), dash(printable(r.Platform)),
				dash(printable(r.RemoteIP)), waits(r.TS))
		}
		t.printFitted(a)
		a.printf("%s %s\n", pen.dim("try:"), c.command("nodes approve "+shortID(list.Pending[0].RequestID)))
		return nil
	}
}

// node finds a node by what a person calls it.
func (c *conn) node(ctx context.Context, given string) (string, error) {
	var list msg.NodeList
	if err := c.ask(ctx, "node.list", nil, &list); err != nil {
		return "", err
	}
	var names []named
	for _, n := range list.Nodes {
		names = append(names, named{n.NodeID, n.DisplayName})
	}
	return pickOne("node", given, names)
}

func (a *app) runNode(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		id, err := c.node(ctx, args[0])
		if err != nil {
			return err
		}
		var n msg.NodeDescription
		if err := c.ask(ctx, "node.describe", msg.NodeKey{NodeID: id}, &n); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(n)
		}
		a.printNode(n.NodeStatus)
		return nil
	}
}

func (a *app) printNode(n msg.NodeStatus) {
	pen := a.pen(a.Out)
	dot, state := pen.dim("●"), "away"
	if n.Connected {
		dot, state = pen.good("●"), pen.good("connected")
	}
	a.wrapped(dot+" ", pen.bold(printable(deviceName(n.DisplayName, n.NodeID)))+" is "+state)
	field := func(name, text string) {
		if text = printable(strings.TrimSpace(text)); text != "" {
			a.wrapped(pen.dim(fmt.Sprintf("  %-9s ", name)), text)
		}
	}
	field("id", n.NodeID)
	field("platform", n.Platform+" "+n.Version)
	field("device", n.DeviceFamily+" "+n.ModelIdentifier)
	field("from", n.RemoteIP)
	field("can", strings.Join(n.Caps, " "))
	field("commands", strings.Join(n.Commands, " "))
	if n.ConnectedAtMs != 0 {
		field("since", clock(n.ConnectedAtMs))
	}
}

func (a *app) runRename(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		id, err := c.node(ctx, args[0])
		if err != nil {
			return err
		}
		var answer msg.NodeName
		if err := c.ask(ctx, "node.rename", msg.NodeName{NodeID: id, DisplayName: args[1]}, &answer); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(answer)
		}
		a.printf("Node %s is called %s.\n", shortID(id), printable(answer.DisplayName))
		return nil
	}
}

// invokeMargin is what a call takes beyond the command on the node.
const invokeMargin = 5 * time.Second

func newInvokeCmd(a *app, o *lookOptions) *cobra.Command {
	var params string
	limit := 15 * time.Second
	cmd := &cobra.Command{
		Use: "invoke NODE COMMAND", Short: "Run one of its commands, and print what that returns", Args: takes("NODE", "COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := a.params(params)
			if err != nil {
				return usage(cmd, "--params: %w", err)
			}
			body, _ := given.(json.RawMessage) // nil without --params
			look := *o
			look.timeout = max(look.timeout, limit+invokeMargin)
			return a.talk(cmd.Context(), look, func(ctx context.Context, c *conn) error {
				id, err := c.node(ctx, args[0])
				if err != nil {
					return err
				}
				var answer msg.NodeInvoked
				if err := c.ask(ctx, "node.invoke", msg.NodeInvoke{
					NodeID: id, Command: args[1], Params: body, TimeoutMs: limit.Milliseconds(), IdempotencyKey: rand.Text(),
				}, &answer); err != nil {
					return err
				}
				if o.json {
					return a.printJSON(answer)
				}
				return a.printJSON(answer.Payload)
			})
		},
	}
	cmd.Flags().StringVar(&params, "params", "", "what the command takes, as `JSON`, @FILE or -")
	cmd.Flags().Var((*timeoutFlag)(&limit), "invoke-timeout", "how long the node may take, as in 500ms or 5s")
	return cmd
}
