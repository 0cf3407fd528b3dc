package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/console"
	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

func newUpCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "up [PROFILE ...]", Short: "Run several gateways together, with one log", GroupID: groupStart,
		Long: `Runs the gateways of the profiles, main (or the unnamed one) and rescue when none
is named, each as a process of its own. Profiles that are missing are set up. A gateway that
crashes is started again, up to ten times in a minute; one that was asked to
stop is not. "clawdbot gateway start" starts it again, as does a gateway that
watches it. Ctrl-C stops all of them.

This is for a terminal, a container or a host without a service manager;
"clawdbot gateway install" is for the rest.`,
		Example: "  clawdbot up\n  clawdbot up main rescue",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{a.mainProfile(), "rescue"}
			}
			return runUp(cmd.Context(), a, args)
		},
	}
}

// fleet is the gateways that run together. It is their service.Keeper.
type fleet struct {
	app     *app
	members []*member
	pace    pace
	socket  string        // where this keeper is asked, "" when it cannot be
	ended   chan struct{} // closed when no member is started any more
	end     func()        // closes it

	out *console.Console // for all of them

	births   sync.Mutex // guards children, and that they are all of this process's own
	children map[int]bool
}

func runUp(ctx context.Context, a *app, names []string) error {
	profiles, err := a.fleetProfiles(names)
	if err != nil {
		return err
	}
	if err := newFleet(a, profiles).run(ctx); err != nil {
		return err
	}
	fmt.Fprintln(a.Err, "clawdbot: all stopped")
	return nil
}

func newFleet(a *app, profiles []profile.Profile) *fleet {
	f := &fleet{app: a, out: console.New(a.Err), pace: unitPace(), ended: make(chan struct{}), children: map[int]bool{}}
	f.end = sync.OnceFunc(func() { close(f.ended) })
	for n, p := range profiles {
		f.members = append(f.members, newMember(f, p, memberColor(n)))
	}
	return f
}

// run keeps the members until ctx ends or nothing of them runs any more.
func (f *fleet) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, f.end)()
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	errs := make([]error, len(f.members)+1)
	var wg sync.WaitGroup
	wg.Go(func() { <-f.ended; cancel() })
	if os.Getpid() == 1 {
		wg.Go(func() { f.reap(running) })
	}
	if l, err := f.members[0].p.Registry.ListenKeeper(); err != nil {
		f.app.warn(fmt.Sprintf("nobody can tell this to start a gateway again: %v", err))
	} else {
		f.socket = l.Addr().String()
		wg.Go(func() { errs[len(f.members)] = service.ServeKeeper(running, l, f) })
	}
	for n, m := range f.members {
		wg.Go(func() {
			if errs[n] = m.keep(running); errs[n] != nil {
				f.end() // one that can never start ends the rest: half a fleet would look like a whole one
			}
		})
	}
	wg.Wait()
	errs = append(errs, f.out.Close())
	if ctx.Err() == nil {
		errs = append(errs, f.givenUp())
	}
	return errors.Join(errs...)
}

// reap waits for what this process inherits as the first one of a container,
// such as the browser of a gateway that crashed.
func (f *fleet) reap(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		f.births.Lock()
		err := proc.Reap(f.children)
		f.births.Unlock()
		if err != nil {
			f.app.warn(err.Error())
			return
		}
	}
}

// settled ends the fleet when nothing of it runs and nothing will by itself.
func (f *fleet) settled() {
	for _, m := range f.members {
		if s := m.now().State; s != service.UpStopped && s != service.UpGaveUp {
			return
		}
	}
	f.end()
}

// givenUp names the members that crashed too often.
func (f *fleet) givenUp() error {
	var names []string
	try := ""
	for _, m := range f.members {
		if m.now().State == service.UpGaveUp {
			names, try = append(names, m.p.Name), m.p.Command("logs --limit 20")
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &exitError{exitFailed, fmt.Errorf("gave up %s: no gateway runs any more", strings.Join(names, " and ")), try}
}

func (f *fleet) member(name string) *member {
	for _, m := range f.members {
		if m.p.Name == name {
			return m
		}
	}
	return nil
}

// Status is what the keeper knows of a member.
func (f *fleet) Status(name string) (service.Status, bool) {
	m := f.member(name)
	if m == nil {
		return service.Status{}, false
	}
	return m.now(), true
}

// Start starts a member that does not run.
func (f *fleet) Start(ctx context.Context, name string) error {
	return f.member(name).tell(ctx, toStart)
}

// Stop stops a member, which then stays stopped.
func (f *fleet) Stop(ctx context.Context, name string) error { return f.member(name).tell(ctx, toStop) }

// Restart starts a member anew.
func (f *fleet) Restart(ctx context.Context, name string) error {
	return f.member(name).tell(ctx, toRestart)
}

// mainProfile is the profile that is main on the bus: the unnamed one where only
// that one is set up.
func (a *app) mainProfile() string {
	for _, name := range []string{"main", profile.Default} {
		if p, err := profile.Resolve(profile.Flags{Profile: name}, a.env); err == nil {
			if _, err := os.Stat(p.ConfigPath); err == nil {
				return name
			}
		}
	}
	return "main"
}

// fleetProfiles resolves the names and sets up what is missing.
func (a *app) fleetProfiles(names []string) ([]profile.Profile, error) {
	var list []profile.Profile
	seen := map[string]string{}
	for _, name := range names {
		p, err := profile.Resolve(profile.Flags{Profile: name}, a.env)
		if err != nil {
			return nil, err
		}
		if other, ok := seen[p.Bus()]; ok {
			return nil, &exitError{exitUsage, fmt.Errorf("%s and %s have the same bus name %s: name only one of them", other, name, p.Bus()), ""}
		}
		seen[p.Bus()] = name
		list = append(list, p)
	}
	for _, p := range list {
		res, err := setup.Run(p, setup.Options{})
		var invalid *config.Error
		if errors.As(err, &invalid) { // the gateway knows what to run instead
			a.warn(fmt.Sprintf("profile %s: %v", p.Name, err))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.Name, err)
		}
		if len(res.Created) > 0 {
			fmt.Fprintf(a.Err, "clawdbot: set up profile %s in %s, base port %d\n", p.Name, a.short(p.StateDir), res.Ports.Gateway)
		}
	}
	return list, nil
}

// copy prints a member's lines until it closes its end.
func (m *member) copy(from io.Reader) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			m.say(line)
		}
		if err != nil {
			return
		}
	}
}

func (m *member) say(text string) {
	f := m.fleet
	prefix := f.app.pen(f.app.Err).paint(m.color, fmt.Sprintf("%-8s│", m.p.Name))
	f.out.Print(fmt.Sprintf("%s %s\n", prefix, strings.TrimRight(text, "\r\n")))
}

// memberColor tells the members of a fleet apart.
func memberColor(n int) string { return []string{"36", "35", "34", "33", "32"}[n%5] }
