package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
)

func newUpCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "up [PROFILE ...]", Short: "Run several gateways together, with one log", GroupID: groupStart,
		Long: `Runs the gateways of the profiles, main and rescue when none is named, each
as a process of its own. Profiles that are missing are set up. A gateway that
crashes is started again, one that was asked to stop is not. Ctrl-C stops all
of them.

This is for a terminal, a container or a host without a service manager;
"clawdbot gateway install" is for the rest.`,
		Example: "  clawdbot up\n  clawdbot up main rescue",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"main", "rescue"}
			}
			return runUp(cmd.Context(), a, args)
		},
	}
}

// Pauses between a crash and the next start, and how long a gateway may take
// to stop.
const (
	restartMin     = 250 * time.Millisecond
	restartMax     = 10 * time.Second
	steadyAfter    = time.Minute // a gateway that ran this long starts with the shortest pause again
	memberStopWait = 10 * time.Second
)

// fleet is the gateways that run together.
type fleet struct {
	app *app
	mu  sync.Mutex // one line at a time
}

func runUp(ctx context.Context, a *app, names []string) error {
	profiles, err := a.fleetProfiles(names)
	if err != nil {
		return err
	}
	f := &fleet{app: a}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(profiles))
	var wg sync.WaitGroup
	for n, p := range profiles {
		wg.Go(func() {
			if errs[n] = f.keep(ctx, p, memberColor(n)); errs[n] != nil {
				cancel() // one that can never start ends the rest: half a fleet would look like a whole one
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintln(a.Err, "clawdbot: all stopped")
	return nil
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
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.Name, err)
		}
		if len(res.Created) > 0 {
			fmt.Fprintf(a.Err, "clawdbot: set up profile %s in %s, base port %d\n", p.Name, a.short(p.StateDir), res.Ports.Gateway)
		}
	}
	return list, nil
}

// keep runs one gateway, and again when it crashes, until ctx ends or somebody
// asks the gateway to stop. It returns an error when the gateway refuses to start.
func (f *fleet) keep(ctx context.Context, p profile.Profile, color string) error {
	pause := restartMin
	for first := true; ; first = false {
		began := time.Now()
		err := f.runOnce(ctx, p, color)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			f.line(p, color, "stopped, as it was asked to; it is not started again")
			return nil
		}
		if refused := refusedStart(p, err, first); refused != nil {
			return refused
		}
		if time.Since(began) > steadyAfter {
			pause = restartMin
		}
		f.line(p, color, fmt.Sprintf("ended (%v), starts again in %s", err, pause))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, restartMax)
	}
}

// refusedStart is the error of a gateway that has said why it does not start.
// What is in its way at its first start stays there, as far as we know; later
// it may be a remainder of the crash before.
func refusedStart(p profile.Profile, err error, first bool) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return nil
	}
	code, try := exitCode(exit.ExitCode()), p.Command("doctor")
	switch {
	case code == exitConfig, code == exitUsage:
	case code == exitTryAgain && first:
		try = "" // it has said what
	default:
		return nil
	}
	return &exitError{code, fmt.Errorf("the gateway of profile %s refused to start", p.Name), try}
}

// runOnce runs the gateway as a child until it ends; when ctx ends first, the
// child is asked to stop.
func (f *fleet) runOnce(ctx context.Context, p profile.Profile, color string) error {
	runtime.LockOSThread() // the child dies with the thread that started it, see ownGroup
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, p.Env().Exe, "--profile", p.Name, "gateway", "run")
	cmd.Args[0] = "clawdbot" // what ps shows
	cmd.Env = profile.Others()
	if f.app.pen(f.app.Err) {
		cmd.Env = append(cmd.Env, "CLICOLOR_FORCE=1")
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = memberStopWait
	ownGroup(cmd)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	f.copy(pipe, p, color)
	return cmd.Wait()
}

// copy prints the child's lines until it closes its end.
func (f *fleet) copy(from io.Reader, p profile.Profile, color string) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			f.line(p, color, line)
		}
		if err != nil {
			return
		}
	}
}

func (f *fleet) line(p profile.Profile, color, text string) {
	prefix := f.app.pen(f.app.Err).paint(color, fmt.Sprintf("%-8s│", p.Name))
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.app.Err, "%s %s\n", prefix, trimNewline(text))
}

func trimNewline(s string) string {
	for len(s) > 0 && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}

// memberColor tells the members of a fleet apart.
func memberColor(n int) string { return []string{"36", "35", "34", "33", "32"}[n%5] }
