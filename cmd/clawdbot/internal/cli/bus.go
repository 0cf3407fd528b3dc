package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
)

func newBusCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := newGroup(&cobra.Command{
		Use:     "bus",
		Short:   "Watch the bus, send on it, and let programs onto it",
		GroupID: groupWork,
		Long: `bus is a small client of the profile's NATS bus, for hosts without the nats tool.

A profile has two users of its own: debug reads everything and asks the micro
services who they are, ingress hands in messages for the agent. Any other
program gets a user with just its subjects from bus grant.`,
		Example: `  clawdbot bus sub
  clawdbot bus req clawdbot.main.in.cli '{"text":"/status"}'
  clawdbot bus grant weather --publish clawdbot.main.in.weather`,
	},
		newBusInfoCmd(a, &asJSON), newBusContextCmd(a, &asJSON), newBusGrantCmd(a, &asJSON),
		newBusRevokeCmd(a, &asJSON), newBusUsersCmd(a, &asJSON),
		newBusSubCmd(a, &asJSON), newBusPubCmd(a, &asJSON), newBusReqCmd(a, &asJSON),
	)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// ask calls a method of the chosen profile's gateway. What the gateway refuses
// is told in its own words.
func ask[T any](ctx context.Context, a *app, method string, params any) (profile.Profile, T, error) {
	var answer T
	p, err := a.profile()
	if err != nil {
		return p, answer, err
	}
	err = plain(a.call(ctx, p, method, params, &answer))
	return p, answer, err
}

func newBusInfoCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "info", Short: "Address, figures and peers of the bus", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, info, err := ask[msg.BusInfo](cmd.Context(), a, "bus.info", nil)
			switch {
			case err != nil:
				return a.failed(err, *asJSON)
			case *asJSON:
				return a.printJSON(info)
			}
			a.printBusInfo(p, info)
			return nil
		},
	}
}

func (a *app) printBusInfo(p profile.Profile, i msg.BusInfo) {
	pen := a.pen(a.Out)
	a.printf("Bus of profile %s: %s\n", pen.bold(p.Name), busURL(i.Port))
	for _, l := range [][2]string{
		{"subjects", p.Subjects().All()},
		{"link", dash(i.LinkAddr)},
		{"peers", dash(strings.Join(i.Peers, ", "))},
		{"clients", fmt.Sprintf("%d, and %s", i.Clients, count(i.Links, "link"))},
		{"in", fmt.Sprintf("%s, %d bytes", count(int(i.InMsgs), "message"), i.InBytes)},
		{"out", fmt.Sprintf("%s, %d bytes", count(int(i.OutMsgs), "message"), i.OutBytes)},
		{"slow", count(int(i.SlowConsumers), "consumer")},
		{"see all", p.Command("bus sub")},
	} {
		a.wrapped(pen.dim(fmt.Sprintf("  %-9s", l[0])), l[1])
	}
}

func busURL(port int) string { return fmt.Sprintf("nats://127.0.0.1:%d", port) }

func newBusGrantCmd(a *app, asJSON *bool) *cobra.Command {
	var u bus.User
	cmd := &cobra.Command{
		Use:   "grant NAME",
		Short: "Make a user for a program, with just its subjects",
		Long: `grant makes a user of the bus, or replaces one, and prints what the program needs
to connect. The password is shown this once.`,
		Example: `  clawdbot bus grant weather --publish clawdbot.main.in.weather --subscribe clawdbot.main.out.weather`,
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u.Name = args[0]
			return a.failed(a.runGrant(cmd.Context(), u, *asJSON), *asJSON)
		},
	}
	cmd.Flags().StringSliceVar(&u.Publish, "publish", nil, "a `SUBJECT` that it may send to; wildcards and several are fine")
	cmd.Flags().StringSliceVar(&u.Subscribe, "subscribe", nil, "a `SUBJECT` that it may listen to")
	return cmd
}

// granted is bus grant --json.
type granted struct {
	URL string `json:"url"`
	msg.BusGrant
}

func (a *app) runGrant(ctx context.Context, u bus.User, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	if err := bus.CheckGrant(p.Subjects(), u); err != nil {
		return &exitError{exitUsage, err, ""}
	}
	before, err := a.busUsers(ctx)
	if err != nil {
		return err
	}
	p, g, err := ask[msg.BusGrant](ctx, a, "bus.grant", msg.BusUser{Name: u.Name, Publish: u.Publish, Subscribe: u.Subscribe})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(before, func(old busUser) bool { return old.Name == u.Name }) {
		fmt.Fprintf(a.Err, "clawdbot: user %s was there: it has a new password, and the old one ends\n", u.Name)
	}
	g.Publish, g.Subscribe = append([]string{}, g.Publish...), append([]string{}, g.Subscribe...)
	if asJSON {
		return a.printJSON(granted{busURL(g.Port), g})
	}
	pen := a.pen(a.Out)
	a.printf("User %s may use the bus of profile %s.\n\n", pen.bold(g.User), p.Name)
	var t table
	t.row(pen.dim("  url"), busURL(g.Port))
	t.row(pen.dim("  user"), g.User)
	t.row(pen.dim("  password"), g.Password)
	t.row(pen.dim("  inbox prefix"), g.InboxPrefix)
	t.row(pen.dim("  publish"), dash(strings.Join(g.Publish, ", ")))
	t.row(pen.dim("  subscribe"), dash(strings.Join(g.Subscribe, ", ")))
	t.print(a.Out)
	a.printf("\nThe password is shown this once. Take it back with: %s\n", p.Command("bus revoke "+g.User))
	return nil
}

func newBusRevokeCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "Take a granted user back; its connections end", Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, answer, err := ask[json.RawMessage](cmd.Context(), a, "bus.revoke", msg.BusRevoke{Name: args[0]})
			switch {
			case err != nil:
				return a.failed(err, *asJSON)
			case *asJSON:
				return a.printJSON(answer)
			}
			a.printf("User %s is no user of profile %s's bus any more.\n", args[0], p.Name)
			return nil
		},
	}
}

// busUser is a user as bus users --json shows it, without the password.
type busUser struct {
	Name      string   `json:"name"`
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`
}

// busUsers asks the gateway who may use its bus.
func (a *app) busUsers(ctx context.Context) ([]busUser, error) {
	_, answer, err := ask[struct {
		Users []busUser `json:"users"`
	}](ctx, a, "bus.users", nil)
	return answer.Users, err
}

func newBusUsersCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "users", Short: "Who may use the bus, and for which subjects", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			users, err := a.busUsers(cmd.Context())
			switch {
			case err != nil:
				return a.failed(err, *asJSON)
			case *asJSON:
				return a.printJSON(users)
			}
			pen := a.pen(a.Out)
			for _, u := range users {
				a.printf("%s\n", pen.bold(u.Name))
				a.wrapped(pen.dim("  publishes   "), dash(strings.Join(u.Publish, ", ")))
				a.wrapped(pen.dim("  subscribes  "), dash(strings.Join(u.Subscribe, ", ")))
			}
			return nil
		},
	}
}

func newBusContextCmd(a *app, asJSON *bool) *cobra.Command {
	var choose bool
	cmd := &cobra.Command{
		Use:   "context",
		Short: "Tell the NATS tools where the bus is",
		Long: `context writes the profile's context for the NATS tools, unless it is there and
right, and prints it. The tools then find the bus: nats --context NAME sub '>'.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error { return a.runContext(choose, *asJSON) },
	}
	cmd.Flags().BoolVar(&choose, "select", false, "make it the context that the tools take by themselves")
	return cmd
}

// contextReport is bus context --json.
type contextReport struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	URL      string `json:"url"`
	Selected bool   `json:"selected"` // the NATS tools take it by themselves
	Written  bool   `json:"written"`  // it was missing or outdated
}

func (a *app) runContext(choose, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	c, err := natsContextOf(p)
	if err != nil {
		return err
	}
	r := contextReport{Name: c.name, Path: c.path, URL: busURL(c.port)}
	if r.Written = c.wrong() != ""; r.Written {
		if err := c.write(p); err != nil {
			return err
		}
	}
	choice := filepath.Join(p.NATSDir(), "context.txt")
	if choose {
		if err := profile.WriteFile(choice, []byte(c.name)); err != nil {
			return fmt.Errorf("nats context: %w", err)
		}
	}
	selected, err := os.ReadFile(choice)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nats context: %w", err)
	}
	r.Selected = strings.TrimSpace(string(selected)) == c.name
	if asJSON {
		return a.printJSON(r)
	}
	a.printContext(p, r)
	return nil
}

func (a *app) printContext(p profile.Profile, r contextReport) {
	pen := a.pen(a.Out)
	what, command := "is up to date", fmt.Sprintf("nats --context %s sub '%s'", r.Name, p.Subjects().All())
	if r.Written {
		what = "was written"
	}
	if r.Selected {
		what, command = what+", and is selected", fmt.Sprintf("nats sub '%s'", p.Subjects().All())
	}
	a.printf("Context %s %s.\n", pen.bold(r.Name), what)
	a.wrapped(pen.dim("  url      "), r.URL)
	a.wrapped(pen.dim("  file     "), a.short(r.Path))
	a.wrapped(pen.dim("  see all  "), command)
	if !r.Selected {
		a.printf("%s %s\n", pen.dim("try:"), p.Command("bus context --select"))
	}
}
