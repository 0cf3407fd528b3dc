package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// answering does what a command does over its connection.
type answering func(ctx context.Context, c *conn, args []string) error

// asking makes a command that talks to a gateway and does one thing there. The
// options are read when it runs.
func (a *app) asking(cmd *cobra.Command, o *lookOptions, do answering) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.talk(cmd.Context(), *o, func(ctx context.Context, c *conn) error { return do(ctx, c, args) })
	}
	return cmd
}

// named is something that people name by its id, the beginning of that, or a
// name of its own.
type named struct{ id, name string }

// pickOne finds what a person means. Kind is what it is, as in "device".
func pickOne(kind, given string, list []named) (id string, err error) {
	var found, ids []string
	for _, n := range list {
		switch {
		case n.id == given:
			return n.id, nil
		case given != "" && (strings.HasPrefix(n.id, given) || strings.EqualFold(n.name, given)):
			found = append(found, n.id)
		}
		ids = append(ids, shortID(n.id))
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("%d %ss are called %q: say which by the id: %s", len(found), kind, given, strings.Join(found, ", "))
	case len(ids) == 0:
		return "", fmt.Errorf("no %s %q: there is none", kind, given)
	}
	return "", fmt.Errorf("no %s %q; there are: %s", kind, given, strings.Join(ids, ", "))
}

// shortID is a long id cut to what tells it from others.
func shortID(id string) string {
	const enough = 12
	if len(id) > 2*enough {
		return id[:enough]
	}
	return id
}
