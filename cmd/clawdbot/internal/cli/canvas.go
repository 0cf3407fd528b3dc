package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

func newCanvasCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := newGroup(&cobra.Command{
		Use:     "canvas",
		Short:   "Show the pages that the agent makes",
		GroupID: groupWork,
		Long: `canvas tells where the profile's pages are. They need the gateway's token, or an
address from canvas url, which lets one browser in and is good for ten minutes.`,
		Example: `  clawdbot canvas url
  clawdbot browser open "$(clawdbot canvas url)"`,
	},
		&cobra.Command{
			Use: "url [PATH]", Short: "Print an address that lets a browser in", Args: takes("[PATH]"),
			Long: `url prints a fresh address of the page at PATH in the canvas folder, or of its
index.html. Whoever has the address can see the pages.`,
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.failed(a.runCanvasURL(cmd.Context(), strings.Join(args, ""), asJSON), asJSON)
			},
		},
		&cobra.Command{
			Use: "status", Short: "Where the pages are, and how many are open", Args: takes(),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.failed(a.runCanvasStatus(cmd.Context(), asJSON), asJSON)
			},
		},
	)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (a *app) runCanvasURL(ctx context.Context, path string, asJSON bool) error {
	_, l, err := ask[msg.CanvasLink](ctx, a, "canvas.url", msg.CanvasQuery{Path: path})
	if isRefused(err) && strings.HasPrefix(err.Error(), "path: ") { // else the canvas is off
		return &exitError{exitUsage, err, ""}
	}
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(l)
	}
	a.printf("%s\n", l.URL)
	fmt.Fprintf(a.Err, "clawdbot: good until %s\n", time.UnixMilli(l.ExpiresAtMs).Format(time.TimeOnly))
	return nil
}

func (a *app) runCanvasStatus(ctx context.Context, asJSON bool) error {
	p, s, err := ask[msg.CanvasStatus](ctx, a, "canvas.status", nil)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(s)
	}
	pen := a.pen(a.Out)
	reload := "off"
	if s.LiveReload {
		reload = "on"
	}
	a.printf("Canvas of profile %s: %s\n", pen.bold(p.Name), s.URL)
	a.wrapped(pen.dim("  folder       "), a.short(s.Root))
	a.wrapped(pen.dim("  live reload  "), reload)
	a.wrapped(pen.dim("  open         "), count(s.Pages, "page"))
	a.wrapped(pen.dim("  see it       "), p.Command("canvas url"))
	return nil
}
