package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/gateway/frame"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

// exitCode is what the process returns; the numbers from 64 on are those of
// sysexits(3).
type exitCode int

const (
	exitFailed      exitCode = 1
	exitUsage       exitCode = 2
	exitUnreachable exitCode = 3
	exitTryAgain    exitCode = 75
	exitConfig      exitCode = 78
)

// exitError is an error that chooses the exit code. Try is the command that
// helps, or "".
type exitError struct {
	Code exitCode
	Err  error
	Try  string
}

func (e *exitError) Error() string { return e.Err.Error() }
func (e *exitError) Unwrap() error { return e.Err }

func usage(cmd *cobra.Command, format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...), sameProfile(cmd, cmd.CommandPath()) + " --help"}
}

// sameProfile is a command line for the profile that the flag chose.
func sameProfile(cmd *cobra.Command, line string) string {
	flag := cmd.Flag("profile")
	if flag == nil || flag.Value.String() == "" {
		return line
	}
	program, rest, _ := strings.Cut(line, " ")
	return strings.TrimSpace(program + " --profile " + flag.Value.String() + " " + rest)
}

// report prints the error of a command and returns the process's exit code.
func (a *app) report(err error) int {
	if err == nil {
		return 0
	}
	e := asExit(err)
	pen := a.pen(a.Err)
	fmt.Fprintf(a.Err, "%s %s\n", pen.bad("clawdbot:"), printable(oneLine(e.Error())))
	if e.Try != "" {
		fmt.Fprintf(a.Err, "%s %s\n", pen.dim("try:"), printable(e.Try))
	}
	return int(e.Code)
}

// failed prints the error as JSON for a program that asked for that, and returns
// it for report.
func (a *app) failed(err error, asJSON bool) error {
	if err == nil || !asJSON {
		return err
	}
	e := asExit(err)
	report := struct {
		Error   string         `json:"error"`
		Code    string         `json:"code,omitempty"` // of the gateway that refused
		Details map[string]any `json:"details,omitempty"`
		Try     string         `json:"try,omitempty"`
	}{Error: oneLine(e.Error()), Try: e.Try}
	var refused *frame.Error
	if errors.As(err, &refused) {
		report.Code, report.Details = refused.Code, refused.Details
	}
	_ = a.printJSON(report) // strings, and what came as JSON, always encode
	return err
}

// asExit finds the exit code of an error that does not choose one itself.
func asExit(err error) *exitError {
	var e *exitError
	if errors.As(err, &e) {
		return &exitError{e.Code, err, e.Try}
	}
	var invalid *config.Error
	var option *setup.OptionError
	var port *setup.PortError
	var name *setup.BusNameError
	switch {
	case errors.As(err, &option):
		return &exitError{exitUsage, err, option.Try}
	case errors.As(err, &port) && port.Busy:
		return &exitError{exitTryAgain, err, port.Try}
	case errors.As(err, &port):
		return &exitError{exitConfig, err, port.Try}
	case errors.As(err, &name):
		return &exitError{exitConfig, err, name.Try}
	case errors.Is(err, setup.ErrNameTaken):
		return &exitError{exitTryAgain, err, "clawdbot --profile <another name> setup"}
	case errors.Is(err, profile.ErrName):
		return &exitError{exitUsage, err, ""}
	case anyIs(err, config.ErrChanged, config.ErrLocked, profile.ErrLocked, ports.ErrNoBlock, store.ErrLocked, store.ErrFull, syscall.ENOSPC):
		return &exitError{exitTryAgain, err, ""}
	case errors.As(err, &invalid), anyIs(err, profile.ErrPort, setup.ErrFolder, store.ErrReadOnly, fs.ErrPermission):
		return &exitError{exitConfig, err, ""}
	}
	return &exitError{exitFailed, err, ""}
}

func anyIs(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// warn prints sentences that a person should know of, beside the result.
func (a *app) warn(sentences ...string) {
	pen := a.pen(a.Err)
	for _, s := range sentences {
		fmt.Fprintf(a.Err, "%s %s\n", pen.warn("clawdbot: warning:"), oneLine(s))
	}
}

// oneLine keeps an error that was joined of several on one line.
func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") }
