package service

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// desk answers a manager's tool from a script and notes the commands, for the managers that this system lacks.
type desk struct {
	calls  []string
	answer func(command string) (string, error)
}

func (d *desk) run(_ context.Context, name string, args ...string) (string, error) {
	command := strings.Join(append([]string{name}, args...), " ")
	d.calls = append(d.calls, command)
	return d.answer(command)
}

var errExit = errors.New("exit status 1")

// printed is what launchctl print shows of a running agent, shortened.
const printed = `gui/501/com.clawdbot.rescue = {
	active count = 1
	path = /Users/ann/Library/LaunchAgents/com.clawdbot.rescue.plist
	type = LaunchAgent
	state = running

	program = /usr/local/bin/clawdbot
	environment = {
		state = hijacked
		XPC_SERVICE_NAME => com.clawdbot.rescue
	}

	runs = 3
	pid = 4711
	last exit code = 78: EX_CONFIG
}
`

// launchd is a Host whose launchctl answers as one with the agent loaded or not.
func launchd(t *testing.T, loaded *bool) (*Host, *desk) {
	t.Helper()
	d := &desk{}
	h := testHost(t, Launchd)
	h.folder = t.TempDir()
	h.manager = launchctl{run: d.run, domain: "gui/501"}
	d.answer = func(command string) (string, error) {
		verb := strings.Fields(command)[1]
		switch {
		case verb == "print-disabled":
			return "\tdisabled services = {\n\t\t\"com.clawdbot.gateway\" => disabled\n\t\t\"com.clawdbot.rescue\" => enabled\n\t}\n", nil
		case verb == "print" && !*loaded:
			return "", errExit
		case verb == "print":
			return printed, nil
		case verb == "bootout":
			*loaded = false
		case verb == "bootstrap":
			*loaded = true
		}
		return "", nil
	}
	return h, d
}

func launchdSpec(t *testing.T) Spec {
	spec := specs()["rescue"][Launchd]
	spec.LogDir = filepath.Join(t.TempDir(), "logs")
	return spec
}

func TestLaunchdStatus(t *testing.T) {
	loaded := true
	h, _ := launchd(t, &loaded)
	status, err := h.Status(t.Context(), "rescue")
	want := Status{
		Manager: Launchd, Unit: "com.clawdbot.rescue", Installed: true, Active: true, State: "running", PID: 4711,
		ExecMainStatus: 78, ExecMainCode: "exited", Restarts: 2,
	}
	if err != nil || status != want {
		t.Errorf("got %+v, %v; want %+v", status, err, want)
	}
	loaded = false
	if status, err = h.Status(t.Context(), "rescue"); err != nil || status.Installed || status.Active {
		t.Errorf("not installed: %+v, %v", status, err)
	}
}

func TestLaunchdJourney(t *testing.T) {
	loaded := false
	h, d := launchd(t, &loaded)
	spec, ctx := launchdSpec(t), t.Context()
	if err := h.Start(ctx, "rescue"); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("start before install: %v", err)
	}
	change, err := h.Install(ctx, spec, false)
	if err != nil || change.Action != Created || loaded {
		t.Fatalf("install: %+v, %v, loaded %v", change, err, loaded)
	}
	if _, err := os.Stat(spec.LogDir); err != nil {
		t.Errorf("launchd makes no log folder: %v", err)
	}
	if change, err = h.Install(ctx, spec, false); err != nil || change.Action != Unchanged {
		t.Errorf("second install: %+v, %v", change, err)
	}
	if err := h.Start(ctx, "rescue"); err != nil || !loaded {
		t.Errorf("start: %v, loaded %v", err, loaded)
	}
	d.calls = nil
	if err := h.Restart(ctx, "rescue"); err != nil || !loaded {
		t.Errorf("restart: %v, loaded %v", err, loaded)
	}
	out := slices.Index(d.calls, "launchctl bootout gui/501/com.clawdbot.rescue")
	in := slices.Index(d.calls, "launchctl bootstrap gui/501 "+change.Path)
	if out < 0 || in < out {
		t.Errorf("restart does not load the file anew: %q", d.calls)
	}
	change, err = h.Uninstall(ctx, "rescue", false)
	if err != nil || change.Action != Removed || loaded {
		t.Errorf("uninstall: %+v, %v, loaded %v", change, err, loaded)
	}
	if _, err := os.Stat(change.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("uninstall left %s: %v", change.Path, err)
	}
}

func TestLaunchdDisabled(t *testing.T) {
	for out, want := range map[string]bool{
		"\t\"com.clawdbot.rescue\" => disabled\n": true, "\t\"com.clawdbot.rescue\" => true\n": true,
		"\t\"com.clawdbot.rescue\" => enabled\n": false, "\t\"com.clawdbot.rescue2\" => disabled\n": false, "": false,
	} {
		if got := isDisabled(out, "com.clawdbot.rescue"); got != want {
			t.Errorf("%q: %v", out, got)
		}
	}
}
