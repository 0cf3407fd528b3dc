package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/profile"
)

type dashboardOptions struct {
	lookOptions
	noOpen    bool
	withToken bool
}

func newDashboardCmd(a *app) *cobra.Command {
	var o dashboardOptions
	cmd := &cobra.Command{
		Use:     "dashboard",
		Short:   "Open the gateway's page in your browser",
		GroupID: groupLook,
		Long: `dashboard opens the page signed in. When it cannot open a browser, or with
--no-open, it prints the link, whose token stands behind a # and so is never
sent over the network. Whoever has the link can do all that you can: it is
printed with its token only on a terminal, or with --with-token.`,
		Example: `  clawdbot dashboard
  clawdbot --profile rescue dashboard --no-open`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.talk(cmd.Context(), o.lookOptions, func(_ context.Context, c *conn) error {
				return a.runDashboard(cmd.Context(), c.target, o)
			})
		},
	}
	o.register(a, cmd)
	cmd.Flags().BoolVar(&o.noOpen, "no-open", false, "print the link and open nothing")
	cmd.Flags().BoolVar(&o.withToken, "with-token", false, "print the token in the link wherever the output goes")
	return cmd
}

// dashboardReport is dashboard --json. TokenIncluded says whether the URL signs in.
type dashboardReport struct {
	URL           string `json:"url"`
	TokenIncluded bool   `json:"tokenIncluded"`
	Opened        bool   `json:"opened"`
}

func (a *app) runDashboard(ctx context.Context, t target, o dashboardOptions) error {
	page, err := a.page(t)
	if err != nil {
		return err
	}
	signedIn := page
	if t.Token != "" {
		signedIn += "#token=" + url.QueryEscape(t.Token)
	}
	r := dashboardReport{URL: page}
	var failed error
	if !o.noOpen && !o.json {
		if failed = a.openLink(ctx, signedIn); failed == nil {
			a.printf("Opened %s in your browser.\n", page)
			return nil
		}
		a.warn(failed.Error())
	}
	if o.withToken || !o.json && isTerminal(a.Out) {
		r.URL, r.TokenIncluded = signedIn, signedIn != page
	}
	if o.json {
		return a.printJSON(r)
	}
	a.printf("%s\n", r.URL)
	if !r.TokenIncluded {
		a.progress("the page asks for the token; --with-token prints a link that signs in")
	}
	return nil
}

// page is the address of the dashboard.
func (a *app) page(t target) (string, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return "", err
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	if t.own {
		if u.Path, err = basePath(t.profile); err != nil {
			return "", err
		}
	}
	u.Path = "/" + strings.Trim(u.Path, "/") + "/"
	if u.Path == "//" {
		u.Path = "/"
	}
	return u.String(), nil
}

// basePath is where the profile's gateway has its dashboard.
func basePath(p profile.Profile) (string, error) {
	loaded, err := p.Load()
	if err != nil {
		return "/", nil // the gateway runs on another generation
	}
	ui := loaded.Config.Gateway.ControlUI
	if !ui.Enabled {
		err := errors.New("the dashboard is off: gateway.controlUi.enabled is false")
		return "", &exitError{exitConfig, err, p.Command("config set gateway.controlUi.enabled true")}
	}
	return cmp.Or(ui.BasePath, "/"), nil
}

// openLink opens the link in a browser, without telling it to anyone who can
// list processes.
func (a *app) openLink(ctx context.Context, link string) error {
	opener, err := a.opener()
	if err != nil {
		return err
	}
	if err := lend(ctx, link, opener); err != nil {
		return fmt.Errorf("no browser was opened: %w", err)
	}
	return nil
}
