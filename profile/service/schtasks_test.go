package service

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// windows is a Host whose scheduler keeps one task in the given state of taskschd.h; 0 is no task.
func windows(t *testing.T, state *int) (*Host, *desk) {
	t.Helper()
	d := &desk{}
	h := testHost(t, Schtasks)
	h.folder = t.TempDir()
	h.manager = schtasks{run: d.run}
	d.answer = func(command string) (string, error) {
		switch verb := strings.Fields(command)[1]; {
		case verb == "-NoProfile" && *state == 0:
			return "null\r\n", nil
		case verb == "-NoProfile":
			return fmt.Sprintf(`{"Enabled":true,"State":%d,"LastTaskResult":%d}`+"\r\n", *state, 78), nil
		case verb == "/Delete":
			*state = 0
		case verb == "/Run":
			*state = 4
		default: // /Create, /End
			*state = 3
		}
		return "", nil
	}
	return h, d
}

func TestTaskJourney(t *testing.T) {
	state := 0
	h, d := windows(t, &state)
	spec, ctx := specs()["rescue"][Schtasks], t.Context()
	change, err := h.Install(ctx, spec, false)
	if err != nil || change.Action != Created || change.Unit != "Clawdbot Gateway (rescue)" {
		t.Fatalf("install: %+v, %v", change, err)
	}
	if want := "schtasks.exe /Create /TN Clawdbot Gateway (rescue) /XML " + filepath.Join(h.folder, "Clawdbot Gateway (rescue).xml") + " /F"; !slices.Contains(d.calls, want) {
		t.Errorf("no %q in %q", want, d.calls)
	}
	if change, err = h.Install(ctx, spec, false); err != nil || change.Action != Unchanged {
		t.Errorf("second install: %+v, %v", change, err)
	}
	if err := h.Start(ctx, "rescue"); err != nil {
		t.Fatal(err)
	}
	status, err := h.Status(ctx, "rescue")
	want := Status{
		Manager: Schtasks, Unit: "Clawdbot Gateway (rescue)", Installed: true, Active: true, Enabled: true, State: "Running",
		ExecMainStatus: 78, ExecMainCode: "exited",
	}
	if err != nil || status != want {
		t.Errorf("got %+v, %v; want %+v", status, err, want)
	}
	d.calls = nil
	if err := h.Restart(ctx, "rescue"); err != nil || state != 4 {
		t.Errorf("restart: %v, state %d", err, state)
	}
	if end := slices.Index(d.calls, "schtasks.exe /End /TN Clawdbot Gateway (rescue)"); end < 0 || !strings.Contains(d.calls[len(d.calls)-1], "/Run") {
		t.Errorf("restart: %q", d.calls)
	}
	if change, err = h.Uninstall(ctx, "rescue", false); err != nil || change.Action != Removed || state != 0 {
		t.Errorf("uninstall: %+v, %v, state %d", change, err, state)
	}
	if err := h.Stop(ctx, "rescue"); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("stop after uninstall: %v", err)
	}
}
