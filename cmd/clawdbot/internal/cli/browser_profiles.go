package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/browser/api"
)

// browserProfiles are the commands about browser profiles and their Chromiums.
func browserProfiles(a *app, o *browserOptions) []*cobra.Command {
	return []*cobra.Command{
		browserVerb[api.CreateProfileRequest, api.CreatedProfile]{
			use: "create-profile [NAME]", short: "Create a browser profile", args: []string{"[NAME]"}, path: "/profiles/create",
			flags: func(f *pflag.FlagSet, in *api.CreateProfileRequest) {
				f.StringVar(&in.Name, "name", "", "`NAME` of a-z, 0-9 and -")
				f.StringVar(&in.Color, "color", "", "accent `COLOUR` such as #0066CC; without it a free one")
				f.StringVar(&in.CDPURL, "cdp-url", "", "`URL` of a browser that runs elsewhere")
				f.StringVar(&in.Driver, "driver", "", "`DRIVER`: clawd starts a browser, extension uses the one with our extension")
			},
			fill: func(in *api.CreateProfileRequest, args []string) error {
				if len(args) > 0 {
					in.Name = args[0]
				}
				return nil
			},
			show: func(c *browserClient, _ api.CreateProfileRequest, out api.CreatedProfile) {
				c.said("", "browser profile %s is created (%s %s)", out.Profile, out.CDPURL, out.Color)
			},
		}.command(a, o),
		deleteProfile(a, o),
		browserVerb[struct{}, api.ResetProfile]{
			use: "reset-profile", short: "Stop the browser and move its user data to the trash", path: "/reset-profile",
			show: func(c *browserClient, _ struct{}, out api.ResetProfile) {
				if !out.Moved {
					c.said("", "browser profile %s had no user data", out.Profile)
					return
				}
				c.said("", "the user data of browser profile %s are in %s", out.Profile, a.short(out.To))
			},
		}.command(a, o),
		browserVerb[struct{}, api.Processes]{
			use: "ps", short: "List the Chromiums that are this gateway's own", method: "GET", path: "/ps",
			show: func(c *browserClient, _ struct{}, out api.Processes) { a.printProcesses(c, out.Processes) },
		}.command(a, o),
	}
}

func deleteProfile(a *app, o *browserOptions) *cobra.Command {
	var name string
	cmd := &cobra.Command{Use: "delete-profile [NAME]", Short: "Delete a browser profile; its user data go to the trash", Args: takes("[NAME]")}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the browser profile")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			name = args[0]
		}
		if name == "" {
			return usage(cmd, "%s needs NAME", cmd.CommandPath())
		}
		return browse(cmd.Context(), a, *o, browserCall{"DELETE", "/profiles/" + name, nil}, func(c *browserClient, out api.DeletedProfile) {
			c.said("", "browser profile %s is deleted", out.Profile)
			if out.To != "" {
				c.said("", "its user data are in %s", a.short(out.To))
			}
		})
	}
	return cmd
}

func (a *app) printProcesses(c *browserClient, all []api.Process) {
	if len(all) == 0 {
		c.said("", "no Chromium of this gateway runs")
		return
	}
	pen := a.pen(a.Out)
	var t table
	t.row(heads(pen, "PROFILE", "STATE", "PID", "CDP", "TABS", "SINCE", "")...)
	for _, p := range all {
		since := "-"
		if p.Since != 0 {
			since = time.UnixMilli(p.Since).Format("2006-01-02 15:04:05")
		}
		t.row(pen.bold(p.Profile), pen.state(p.State), orDash(p.PID), orDash(p.CDPPort), strconv.Itoa(p.Tabs), since, printable(p.Note))
	}
	t.print(a.Out)
}

// orDash is a number, - for none.
func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
