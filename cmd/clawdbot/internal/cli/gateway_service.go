package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/ports"
	"clawdbot/profile/service"
)

// newServiceCmds are the verbs of gateway that manage its service.
func newServiceCmds(a *app) []*cobra.Command {
	verb := func(name, short string, run func(context.Context, profile.Profile) error) *cobra.Command {
		return &cobra.Command{Use: name, Short: short, Args: takes(), RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.profile()
			if err != nil {
				return err
			}
			return a.serviceHelp(p, run(cmd.Context(), p))
		}}
	}
	return []*cobra.Command{
		newInstallCmd(a), newUninstallCmd(a),
		verb("start", "Start the service, and wait until it is ready", a.runServiceStart),
		verb("stop", "Stop the gateway, service or not, in order", a.runServiceStop),
		verb("restart", "Stop and start the service", a.runServiceRestart),
		newServiceStatusCmd(a),
	}
}

type installOptions struct {
	port  int
	force bool
	print bool
	json  bool
}

func newInstallCmd(a *app) *cobra.Command {
	var o installOptions
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the gateway as a service of your session",
		Long: `install writes the unit of the profile's gateway and lets it start with your
session. It does not start it now. A second install changes nothing and says
so; what it changes in a unit that is there, it shows.`,
		Example: `  clawdbot gateway install && clawdbot gateway start
  clawdbot --profile rescue gateway install --print`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("port") {
				if _, err := ports.Derive(o.port); err != nil {
					return usage(cmd, "--port: %w", err)
				}
			}
			return a.runInstall(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.port, "port", 0, "set gateway.port in the config first")
	flags.BoolVar(&o.force, "force", false, "replace a unit that clawdbot did not write")
	flags.BoolVar(&o.print, "print", false, "print the unit and change nothing")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

func (a *app) runInstall(ctx context.Context, o installOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	if o.print {
		return a.printUnit(p)
	}
	if err := a.setUpFirst(p, o.port); err != nil {
		return err
	}
	change, err := a.installService(ctx, p, o.force)
	if err != nil {
		return a.serviceHelp(p, err)
	}
	if o.json {
		return a.printJSON(change)
	}
	a.printChange(change)
	if view, err := a.serviceView(ctx, p); err == nil && !view.Active {
		a.printf("\nNext: %s\n", a.pen(a.Out).bold(p.Command("gateway start")))
	}
	return nil
}

func (a *app) printUnit(p profile.Profile) error {
	host, err := a.serviceHost()
	if err != nil {
		return err
	}
	file, err := host.Render(serviceSpec(p))
	if err != nil {
		return err
	}
	a.printf("# %s\n%s", file.Path, file.Content)
	return nil
}

// setUpFirst sets up a profile that is not, and writes the port that was asked
// for into its config. It says what it did on the error output.
func (a *app) setUpFirst(p profile.Profile, port int) error {
	loaded, err := p.Load()
	if err != nil {
		return configHelp(p, err)
	}
	if loaded.Exists && port == 0 {
		return nil
	}
	done, err := setup.Run(p, setup.Options{Port: port})
	if err != nil {
		return configHelp(p, err)
	}
	switch {
	case !loaded.Exists:
		fmt.Fprintf(a.Err, "clawdbot: profile %s was not set up: made %s, base port %d\n", p.Name, a.short(p.ConfigPath), done.Ports.Gateway)
	case len(done.Changed) > 0:
		fmt.Fprintf(a.Err, "clawdbot: set gateway.port to %d in %s\n", port, a.short(p.ConfigPath))
	}
	return nil
}

func newUninstallCmd(a *app) *cobra.Command {
	var force, asJSON bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service and remove it; the profile stays",
		Args:  takes(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.runUninstall(cmd.Context(), force, asJSON) },
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove a unit that clawdbot did not write")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (a *app) runUninstall(ctx context.Context, force, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	host, err := a.serviceHost()
	if err != nil {
		return err
	}
	change, err := host.Uninstall(ctx, p.Name, force)
	if err != nil {
		return a.serviceHelp(p, err)
	}
	if err := noteUnit(p, ""); err != nil && !errors.Is(err, profile.ErrNotRegistered) {
		return err
	}
	if asJSON {
		return a.printJSON(change)
	}
	a.printChange(change)
	return nil
}

func (a *app) printChange(c service.Change) {
	pen := a.pen(a.Out)
	switch c.Action {
	case service.Absent:
		a.printf("%s is not installed; nothing to remove.\n", c.Unit)
	case service.Unchanged:
		a.printf("%s is installed already; %s.\n", c.Unit, pen.good("unchanged"))
	default:
		a.printf("%s %s: %s\n", c.Unit, pen.good(string(c.Action)), a.short(c.Path))
	}
	if c.Diff != "" {
		a.printDiff(c.Diff)
	}
	for _, note := range c.Notes {
		a.wrapped(pen.warn("note: "), note)
	}
}

func (a *app) runServiceStart(ctx context.Context, p profile.Profile) error {
	host, view, err := a.installed(ctx, p)
	if err == nil {
		err = notBeside(p, view)
	}
	if err != nil {
		return err
	}
	if view.Active {
		a.printf("%s is active already.\n", view.Unit)
		return nil
	}
	if err := host.Start(ctx, p.Name); err != nil {
		return err
	}
	return a.sayStarted(ctx, p, "started")
}

// notBeside refuses to start the service beside a gateway of the profile that
// runs without it.
func notBeside(p profile.Profile, view service.Status) error {
	i, alive, err := running(p)
	if err != nil || !alive || view.Active || view.PID == i.Process.PID {
		return err
	}
	return &exitError{exitTryAgain, fmt.Errorf("the gateway of profile %s runs already, as process %d outside the service", p.Name, i.Process.PID),
		p.Command("gateway stop")}
}

func (a *app) runServiceRestart(ctx context.Context, p profile.Profile) error {
	host, view, err := a.installed(ctx, p)
	if errors.Is(err, service.ErrNotInstalled) || errors.Is(err, service.ErrNoManager) {
		if i, alive, _ := running(p); alive {
			return &exitError{exitFailed, fmt.Errorf("the gateway of profile %s runs as process %d, not as a service: stop it and start it where it was started", p.Name, i.Process.PID),
				p.Command("gateway stop")}
		}
	}
	if err == nil {
		err = notBeside(p, view)
	}
	if err != nil {
		return err
	}
	if err := host.Restart(ctx, p.Name); err != nil {
		return err
	}
	return a.sayStarted(ctx, p, "restarted")
}

func (a *app) sayStarted(ctx context.Context, p profile.Profile, what string) error {
	host, view, err := a.keeping(ctx, p)
	if err == nil && view.Manager == service.Up {
		err = a.awaitMember(ctx, p, host)
	}
	if err != nil {
		return err
	}
	text := ""
	if view.Text != "" {
		text = ", " + view.Text
	}
	a.printf("%s %s: pid %d%s\n", view.Unit, a.pen(a.Out).good(what), view.PID, text)
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if seen, err := a.look(ctx, p); err == nil { // else status tells
		a.sayRefused(p, seen.health.Generation)
	}
	return nil
}

// installed is what keeps the gateway of a profile running, else ErrNotInstalled,
// or ErrNoManager when it cannot have a service.
func (a *app) installed(ctx context.Context, p profile.Profile) (*service.Host, service.Status, error) {
	host, view, err := a.keeping(ctx, p)
	if err == nil && !view.Installed {
		err = a.managed(ctx, p)
	}
	if err == nil && !view.Installed {
		err = fmt.Errorf("%s: %w", view.Unit, service.ErrNotInstalled)
	}
	return host, view, err
}

// serviceView is what keeping says.
func (a *app) serviceView(ctx context.Context, p profile.Profile) (service.Status, error) {
	_, view, err := a.keeping(ctx, p)
	return view, err
}

// keeping is what keeps the profile's gateway running, and what it says of it: the
// clawdbot up that started it, else the service manager. Without a unit file that
// one is not asked: asking takes a process, and most profiles have none. With an
// error, Manager, Unit and Installed are still right.
func (a *app) keeping(ctx context.Context, p profile.Profile) (*service.Host, service.Status, error) {
	if host, view, ok := a.fleetOf(ctx, p); ok {
		return host, view, nil
	}
	host, err := a.serviceHost()
	if err != nil {
		return nil, service.Status{}, err
	}
	file, err := host.Render(serviceSpec(p))
	if err != nil {
		return nil, service.Status{}, err
	}
	view := service.Status{Manager: service.Native(runtime.GOOS)}
	if view.Unit, err = service.Name(view.Manager, p.Name); err != nil {
		return nil, view, err
	}
	if _, err := os.Stat(file.Path); errors.Is(err, os.ErrNotExist) {
		return host, view, nil
	}
	asked, err := host.Status(ctx, p.Name)
	if err != nil {
		view.Installed = true
		return host, view, err
	}
	return host, asked, nil
}

// serviceHelp adds the command that helps to an error about a service.
func (a *app) serviceHelp(p profile.Profile, err error) error {
	var notReady *service.StartError
	switch {
	case errors.Is(err, service.ErrNoManager):
		return &exitError{exitFailed, fmt.Errorf("the gateway of profile %s cannot be a service here: %w", p.Name, err), "clawdbot up " + p.Name}
	case errors.Is(err, service.ErrNotInstalled):
		return &exitError{exitFailed, fmt.Errorf("the gateway of profile %s is no service: %w", p.Name, err), p.Command("gateway install")}
	case errors.Is(err, service.ErrForeign):
		return &exitError{exitFailed, err, p.Command("gateway install --force")}
	case errors.As(err, &notReady):
		return &exitError{exitFailed, err, p.Command("logs --limit 20")}
	}
	return err
}
