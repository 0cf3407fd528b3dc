package service

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// runTool runs a command and returns its standard output. The error ends with what the command said on standard error.
type runTool func(ctx context.Context, name string, args ...string) (string, error)

// toolEnv is all that a manager's tool gets to see.
var toolEnv = []string{
	"PATH", "HOME", "USER", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS", // systemd, launchd
	"SystemRoot", "USERPROFILE", "LOCALAPPDATA", "TEMP", // Windows
}

// toolLimit is above the unit's start limit of 60 s, the longest a tool has reason to wait.
const toolLimit = 90 * time.Second

func newTool(env func(string) string) runTool {
	vars := []string{"LC_ALL=C", "TZ=UTC"} // the texts we look for must not be translated, nor the times that we read
	for _, key := range toolEnv {
		if value := env(key); value != "" {
			vars = append(vars, key+"="+value)
		}
	}
	return func(ctx context.Context, name string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, toolLimit)
		defer cancel()
		var stdout, stderr strings.Builder
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = vars, &stdout, &stderr
		cmd.WaitDelay = time.Second
		err := cmd.Run()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			said := strings.Join(strings.Fields(stderr.String()), " ")
			return stdout.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said)
		}
		return stdout.String(), nil
	}
}
