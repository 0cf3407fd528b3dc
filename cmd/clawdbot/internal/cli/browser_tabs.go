package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/browser/api"
)

// browserTabs are the commands about tabs beside those of the group itself.
func browserTabs(a *app, o *browserOptions) []*cobra.Command {
	tab := actOnTabs(a, o, "tab", "List the tabs with their numbers", "list", func(_ *browserClient, out api.TabsActed) { a.printNumberedTabs(out.Tabs) })
	return []*cobra.Command{
		newGroupOr(tab, tab.RunE,
			actOnTabs(a, o, "new", "Open a blank tab", "new", func(_ *browserClient, out api.TabsActed) {
				if out.Tab != nil {
					a.printTabs([]api.Tab{*out.Tab})
				}
			}),
			actOnTabs(a, o, "select N", "Bring the tab with the number to the front", "select", func(c *browserClient, out api.TabsActed) {
				c.said(out.TargetID, "the tab is in front")
			}, "N"),
			actOnTabs(a, o, "close [N]", "Close the tab with the number; without one the first", "close", func(c *browserClient, out api.TabsActed) {
				c.said(out.TargetID, "the tab is closed")
			}, "[N]"),
		),
		browserVerb[api.NavigateRequest, api.Navigated]{
			use: "navigate URL", short: "Lead a tab to a page and wait until it has loaded", args: []string{"URL"}, path: "/navigate",
			flags: func(f *pflag.FlagSet, in *api.NavigateRequest) { onTab(f, &in.TabRequest) },
			fill:  func(in *api.NavigateRequest, args []string) error { in.URL = withScheme(args[0]); return nil },
			takes: func(api.NavigateRequest) time.Duration { return 20 * time.Second },
			show: func(c *browserClient, _ api.NavigateRequest, out api.Navigated) {
				c.said(out.TargetID, "the page is %s", out.URL)
			},
		}.command(a, o),
	}
}

// actOnTabs is an action of POST /tabs/action. People count tabs from 1.
func actOnTabs(a *app, o *browserOptions, use, short, action string, show func(*browserClient, api.TabsActed), args ...string) *cobra.Command {
	return browserVerb[api.TabsActionRequest, api.TabsActed]{
		use: use, short: short, args: args, path: "/tabs/action", in: api.TabsActionRequest{Action: action},
		fill: func(in *api.TabsActionRequest, args []string) error {
			if len(args) == 0 {
				return nil
			}
			n, err := number("N", args[0])
			if err == nil && n < 1 {
				err = fmt.Errorf("the number must be 1 or more, got %d", n)
			}
			n--
			in.Index = &n
			return err
		},
		show: func(c *browserClient, _ api.TabsActionRequest, out api.TabsActed) { show(c, out) },
	}.command(a, o)
}

func (a *app) printNumberedTabs(tabs []api.Tab) {
	pen := a.pen(a.Out)
	for i, t := range tabs {
		a.printf("%s  %s  %s\n", pen.bold(fmt.Sprintf("%2d", i+1)), pen.dim(t.TargetID[:min(8, len(t.TargetID))]), printable(t.Title)+pen.dim("  "+printable(t.URL)))
	}
}
