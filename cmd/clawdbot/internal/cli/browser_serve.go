package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/daemon"
	"clawdbot/profile"
)

func browserServe(a *app) *cobra.Command {
	o := daemon.BrowserOptions{Version: a.version}
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve browser control without a gateway, for one on another host", Args: takes(),
		Long: `serve lets a gateway on another host use the browsers of this one: there,
browser.controlUrl is this host's address and browser.controlToken its token.
On a network it needs a token of its own, and is better reached by a tunnel or
through a proxy that speaks TLS: here it speaks plain HTTP.`,
		Example: `  clawdbot browser serve
  CLAWDBOT_BROWSER_CONTROL_TOKEN=… clawdbot browser serve --bind tailnet`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := profile.Resolve(a.flags, a.env)
			if err != nil {
				return err
			}
			if err := setUpMissing(a, p, 0); err != nil {
				return err
			}
			o.Profile, o.Log = p, slog.New(slog.NewTextHandler(a.Err, nil))
			o.Ready = func(url string) { a.printf("%s: browser control at %s\n", p.Name, url) }
			return startError(daemon.ServeBrowser(cmd.Context(), o))
		},
	}
	cmd.Flags().StringVar(&o.Bind, "bind", "loopback", "`ADDRESS` to listen on: loopback, lan, tailnet, auto or one of this host's")
	cmd.Flags().IntVar(&o.Port, "port", 0, "`PORT` to listen on; without it the profile's")
	cmd.Flags().StringVar(&o.Token, "token", "", "`TOKEN` that clients present; the list of processes shows it, the environment and browser.controlToken do not")
	cmd.Flags().StringArrayVar(&o.Hosts, "host", nil, "`NAME` that clients may reach it by, beside this host's own; may be repeated")
	return cmd
}
