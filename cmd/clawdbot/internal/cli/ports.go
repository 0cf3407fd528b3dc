package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"clawdbot/profile/ports"
)

func newPortsCmd(a *app) *cobra.Command {
	var asJSON bool
	list := func(*cobra.Command, []string) error { return a.runPorts(asJSON) }
	cmd := newGroup(&cobra.Command{
		Use:     "ports",
		Short:   "Which profile has which ports, and who holds a port",
		GroupID: groupLook,
		Long: `ports shows the ports of every profile of this host, and the base of the next
free block. A profile's ports follow from its base port, gateway.port.`,
	},
		&cobra.Command{Use: "list", Short: "The same as ports alone", Args: takes(), RunE: list},
		&cobra.Command{
			Use:     "explain PORT",
			Short:   "Whose a port is, who holds it, and what to do",
			Example: "  clawdbot ports explain 18789",
			Args:    takes("PORT"),
			RunE: func(cmd *cobra.Command, args []string) error {
				port, err := strconv.Atoi(args[0])
				if err != nil || port < 1 || port > 65535 {
					return usage(cmd, "%q is no port from 1 to 65535", args[0])
				}
				return a.runExplain(port, asJSON)
			},
		},
	)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return helpOrUnknown(cmd, args)
		}
		return list(cmd, args)
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// portsRow is one profile in ports --json.
type portsRow struct {
	Profile string      `json:"profile"`
	Running bool        `json:"running"`
	Ports   ports.Ports `json:"ports"`
}

type portsList struct {
	Profiles []portsRow `json:"profiles"`
	NextFree int        `json:"nextFree"` // base of the block that the next setup takes
}

func (a *app) runPorts(asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	known, err := p.Known()
	if err != nil {
		return err
	}
	list := portsList{Profiles: []portsRow{}}
	for _, i := range known {
		list.Profiles = append(list.Profiles, portsRow{i.Profile, i.Alive(), i.Ports})
	}
	if list.NextFree, err = p.NextBase(); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(list)
	}
	a.printPorts(list)
	return nil
}

func (a *app) printPorts(list portsList) {
	pen := a.pen(a.Out)
	var t table
	if len(list.Profiles) > 0 {
		t.row(heads(pen, "PROFILE", "GATEWAY", "BRIDGE", "BROWSER", "RELAY", "CANVAS", "BUS", "LINK", "CDP")...)
	}
	for _, r := range list.Profiles {
		if r.Ports.Gateway == 0 {
			t.row(r.Profile, "-", "-", "-", "-", "-", "-", "-", "-")
			continue
		}
		cells := []string{pen.bold(r.Profile)}
		for _, port := range []int{r.Ports.Gateway, r.Ports.Bridge, r.Ports.Browser, r.Ports.Relay, r.Ports.Canvas, r.Ports.Bus, r.Ports.Link} {
			cell := strconv.Itoa(port)
			if r.Running {
				cell = pen.good(cell)
			}
			cells = append(cells, cell)
		}
		t.row(append(cells, fmt.Sprintf("%d-%d", r.Ports.CDP.From, r.Ports.CDP.To))...)
		for _, l := range r.Ports.Listeners() {
			if l.Component == "monitor" || l.Component == "websocket" {
				t.row(fmt.Sprintf("  and %s %d", l.Component, l.Port))
			}
		}
	}
	t.print(a.Out)
	a.printf("%s %d\n", pen.dim("next free block:"), list.NextFree)
}

func (a *app) runExplain(port int, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	info, err := p.ExplainPort(port)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(info)
	}
	pen := a.pen(a.Out)
	a.printf("%s: %s\n", pen.state(string(info.State)), info.Summary)
	if info.Try != "" {
		a.printf("%s %s\n", pen.dim("try:"), info.Try)
	}
	return nil
}
