package service

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// systemctl steers the user's instance of systemd.
type systemctl struct{ run runTool }

func (s systemctl) call(ctx context.Context, args ...string) (string, error) {
	out, err := s.run(ctx, "systemctl", append([]string{"--user"}, args...)...)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%w: there is no systemctl on this host", ErrNoManager)
	case strings.Contains(err.Error(), "Failed to connect to"), strings.Contains(err.Error(), "not been booted with systemd"):
		return "", fmt.Errorf("%w: systemd does not run for this user", ErrNoManager)
	}
	return "", err
}

func (s systemctl) status(ctx context.Context, f unitFile) (Status, error) {
	out, err := s.call(ctx, "show", f.name,
		"--property=LoadState,ActiveState,SubState,UnitFileState,MainPID,Result,ExecMainCode,ExecMainStatus,NRestarts,StatusText,StateChangeTimestamp")
	if err != nil {
		return Status{}, err
	}
	props := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		props[key] = value
	}
	number := func(key string) int {
		n, _ := strconv.Atoi(props[key]) // a property that an older systemd lacks is 0
		return n
	}
	status := Status{
		Unit:           f.name,
		Installed:      props["LoadState"] != "not-found",
		Active:         props["ActiveState"] == "active",
		Enabled:        props["UnitFileState"] == "enabled",
		State:          props["ActiveState"],
		SubState:       props["SubState"],
		PID:            number("MainPID"),
		Result:         props["Result"],
		ExecMainStatus: number("ExecMainStatus"),
		ExecMainCode:   map[string]string{"1": "exited", "2": "killed", "3": "dumped"}[props["ExecMainCode"]], // CLD_… of waitid(2)
		Restarts:       number("NRestarts"),
		Text:           props["StatusText"],
	}
	if status.ExecMainCode == "killed" || status.ExecMainCode == "dumped" {
		status.Signal = SignalName(syscall.Signal(status.ExecMainStatus))
	}
	status.Since, _ = time.Parse("Mon 2006-01-02 15:04:05 MST", props["StateChangeTimestamp"]) // in UTC, see newTool; empty for a unit that never ran
	return status, nil
}

func (s systemctl) adopt(ctx context.Context, f unitFile) error {
	if _, err := s.call(ctx, "daemon-reload"); err != nil {
		return err
	}
	_, err := s.call(ctx, "enable", "--quiet", f.name)
	return err
}

func (s systemctl) drop(ctx context.Context, f unitFile) error {
	_, err := s.call(ctx, "disable", "--quiet", "--now", f.name)
	return err
}

func (s systemctl) forget(ctx context.Context, f unitFile) error {
	_, _ = s.call(ctx, "reset-failed", f.name) // a failed unit stays listed without it, any other is unknown by now
	_, err := s.call(ctx, "daemon-reload")
	return err
}

func (s systemctl) start(ctx context.Context, f unitFile) error { return s.begin(ctx, "start", f) }

func (s systemctl) restart(ctx context.Context, f unitFile) error { return s.begin(ctx, "restart", f) }

func (s systemctl) stop(ctx context.Context, f unitFile) error {
	_, err := s.call(ctx, "stop", f.name)
	return err
}

// begin clears the start counter first: systemd refuses a unit that used up its limit, and a rescue must not be refused.
func (s systemctl) begin(ctx context.Context, verb string, f unitFile) error {
	_, _ = s.call(ctx, "reset-failed", f.name) // it only fails for a unit that is not loaded, which has no counter
	_, err := s.call(ctx, verb, f.name)
	if err == nil || ctx.Err() != nil {
		return err
	}
	status, statusErr := s.status(ctx, f)
	failed := status.Result != "success" || strings.Contains(err.Error(), "Job for ") // by now it may be at its next start
	if statusErr != nil || !failed {
		return err
	}
	return &StartError{Status: status}
}
