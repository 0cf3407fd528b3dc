package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// launchctl steers launchd's agents of one user (launchctl(1), the subcommands since macOS 10.11).
type launchctl struct {
	run    runTool
	domain string // gui/<uid>
}

func (l launchctl) call(ctx context.Context, args ...string) (string, error) {
	out, err := l.run(ctx, "launchctl", args...)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%w: there is no launchctl on this host", ErrNoManager)
	}
	return out, err
}

// status reads `launchctl print`, which knows only loaded agents, and the list of disabled ones. A stopped agent is not loaded, so whether
// it is installed is for its file to say.
func (l launchctl) status(ctx context.Context, f unitFile) (Status, error) {
	disabled, err := l.call(ctx, "print-disabled", l.domain)
	switch {
	case errors.Is(err, ErrNoManager) || ctx.Err() != nil:
		return Status{}, err
	case err != nil:
		return Status{}, fmt.Errorf("%w: launchd has no graphical session for this user", ErrNoManager)
	}
	_, err = os.Stat(f.path)
	status := Status{Unit: f.name, State: "not loaded", Installed: err == nil}
	status.Enabled = status.Installed && !isDisabled(disabled, f.name)
	out, err := l.call(ctx, "print", l.domain+"/"+f.name)
	if err != nil {
		return status, ctx.Err()
	}
	status.Installed = true
	readPrint(out, &status)
	return status, nil
}

// isDisabled finds `"label" => disabled`, which was `=> true` before macOS 13.
func isDisabled(out, unit string) bool {
	for line := range strings.Lines(out) {
		label, state, _ := strings.Cut(strings.TrimSpace(line), " => ")
		if label == strconv.Quote(unit) {
			return state == "disabled" || state == "true"
		}
	}
	return false
}

// readPrint takes the agent's own lines, which stand one tab deep; deeper ones belong to its endpoints and environment.
func readPrint(out string, status *Status) {
	for line := range strings.Lines(out) {
		line, own := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "\t")
		key, value, found := strings.Cut(line, " = ")
		if !own || !found || strings.HasPrefix(line, "\t") {
			continue
		}
		number, _ := strconv.Atoi(value)
		switch key {
		case "state":
			status.State, status.Active = value, value == "running"
		case "pid":
			status.PID = number
		case "runs":
			status.Restarts = max(0, number-1)
		case "last exit code": // "78: EX_CONFIG", or "(never exited)"
			code, _, _ := strings.Cut(value, ":")
			if exit, err := strconv.Atoi(code); err == nil {
				status.ExecMainStatus, status.ExecMainCode = exit, "exited"
			}
		}
	}
}

// adopt leaves the loading to the next log-in or to start: loading an agent starts it.
func (l launchctl) adopt(ctx context.Context, f unitFile) error {
	_, err := l.call(ctx, "enable", l.domain+"/"+f.name)
	return err
}

func (l launchctl) drop(ctx context.Context, f unitFile) error { return l.stop(ctx, f) }

func (l launchctl) forget(context.Context, unitFile) error { return nil }

func (l launchctl) start(ctx context.Context, f unitFile) error {
	if l.loaded(ctx, f) {
		_, err := l.call(ctx, "kickstart", l.domain+"/"+f.name)
		return err
	}
	if err := l.adopt(ctx, f); err != nil {
		return err
	}
	_, err := l.call(ctx, "bootstrap", l.domain, f.path)
	return err
}

// stop unloads the agent, because KeepAlive would bring a killed one back, and waits: bootout returns before the agent is gone, and a
// bootstrap in between fails.
func (l launchctl) stop(ctx context.Context, f unitFile) error {
	if !l.loaded(ctx, f) {
		return ctx.Err()
	}
	_, bootErr := l.call(ctx, "bootout", l.domain+"/"+f.name)
	ctx, cancel := context.WithTimeout(ctx, toolLimit)
	defer cancel()
	for l.loaded(ctx, f) {
		select {
		case <-ctx.Done():
			return errors.Join(bootErr, fmt.Errorf("stop %s: %w", f.name, ctx.Err()))
		case <-time.After(100 * time.Millisecond):
		}
	}
	return ctx.Err()
}

// restart reads the file again, which kickstart -k would not.
func (l launchctl) restart(ctx context.Context, f unitFile) error {
	if err := l.stop(ctx, f); err != nil {
		return err
	}
	return l.start(ctx, f)
}

func (l launchctl) loaded(ctx context.Context, f unitFile) bool {
	_, err := l.call(ctx, "print", l.domain+"/"+f.name)
	return err == nil
}
