package cli

import (
	"context"

	"github.com/spf13/cobra"

	"clawdbot/bus/rpc"
)

func newGatewayMethodsCmd(a *app) *cobra.Command {
	var o lookOptions
	cmd := &cobra.Command{
		Use:   "methods",
		Short: "List the methods that a gateway serves now",
		Long: `methods lists what the gateway serves at this moment, with the scope that each
needs. A service on the bus can add methods of its own.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.talk(cmd.Context(), o, func(_ context.Context, c *conn) error { return a.printMethods(c, o.json) })
		},
	}
	o.register(a, cmd)
	return cmd
}

// methodRow is a method that a gateway serves; Doc is "" for one that this
// program does not know.
type methodRow struct {
	Name  string `json:"name"`
	Scope string `json:"scope"`
	Doc   string `json:"doc,omitempty"`
}

// methodsReport is gateway methods --json.
type methodsReport struct {
	Profile string      `json:"profile"`
	Methods []methodRow `json:"methods"`
	Events  []string    `json:"events"`
}

func (a *app) printMethods(c *conn, asJSON bool) error {
	known := map[string]rpc.Method{}
	for _, m := range rpc.Methods() {
		known[m.Name] = m
	}
	served := c.Hello().Features
	r := methodsReport{Profile: c.name(), Methods: []methodRow{}, Events: served.Events}
	for _, name := range served.Methods {
		row := methodRow{Name: name, Scope: rpc.Admin}
		if m, ok := known[name]; ok {
			row.Scope, row.Doc = m.Scope, m.Doc
		}
		r.Methods = append(r.Methods, row)
	}
	if asJSON {
		return a.printJSON(r)
	}
	pen := a.pen(a.Out)
	t := table{heads(pen, "METHOD", "SCOPE", "WHAT")}
	for _, m := range r.Methods {
		t.row(printable(m.Name), dash(m.Scope), pen.dim(m.Doc))
	}
	t.printFitted(a)
	return nil
}
