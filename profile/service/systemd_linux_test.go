package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawdbot/profile/service/servicetest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "--stand-in" {
		os.Exit(standIn(os.Args[2]))
	}
	os.Exit(m.Run())
}

// standIn is a gateway as systemd sees one. The file mode in dir says how it behaves; args.json tells how it was started.
func standIn(dir string) int {
	mode, err := os.ReadFile(filepath.Join(dir, "mode"))
	if err != nil {
		return 1
	}
	seen, _ := json.Marshal(seen{os.Args, os.Environ()})
	if err := os.WriteFile(filepath.Join(dir, "seen.json"), seen, 0o600); err != nil {
		return 1
	}
	var notifier Notifier
	switch string(mode) {
	case "misconfigured":
		return 78
	case "broken":
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := notifier.Ready("standing in as " + string(mode)); err != nil {
		return 1
	}
	var beat <-chan time.Time
	if interval, ok := notifier.Watchdog(); ok && string(mode) != "hung" {
		beat = time.Tick(interval)
	}
	for {
		select {
		case <-ctx.Done():
			_ = notifier.Stopping()
			return 0
		case <-beat:
			_ = notifier.Beat()
		}
	}
}

type seen struct{ Args, Env []string }

// rig is a private systemd, a Host on it, and a Spec that runs standIn from a path that is hard to quote.
type rig struct {
	*testing.T
	env  *servicetest.Env
	host *Host
	spec Spec
	dir  string
}

func newRig(t *testing.T, mode string) *rig {
	t.Helper()
	env := servicetest.UserManager(t)
	host, err := New(Systemd, env.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	host.linger = t.TempDir()
	dir := filepath.Join(t.TempDir(), "50% %h $HOME ${HOME} ü;")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "claw dbot")
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, env: env, host: host, dir: dir}
	r.mode(mode)
	r.spec = Spec{
		Profile: "rescue", Exe: exe, Home: env.Home, LogDir: filepath.Join(dir, "logs"),
		Args: []string{"--stand-in", dir, "--profile", "rescue", "", ";", "$HOME", `\x41 "q" 'a' \`, "%n", "a b"},
	}
	return r
}

func (r *rig) mode(mode string) {
	r.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "mode"), []byte(mode), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) install(force bool) Change {
	r.Helper()
	change, err := r.host.Install(r.Context(), r.spec, force)
	if err != nil {
		r.Fatal(err)
	}
	return change
}

// dropIn overrides settings of the unit, as its user may.
func (r *rig) dropIn(settings string) {
	r.Helper()
	dir := filepath.Join(r.env.ConfigHome, "systemd/user/clawdbot-gateway-rescue.service.d")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "test.conf"), []byte("[Service]\n"+settings), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) systemctl(args ...string) {
	r.Helper()
	cmd := exec.Command("systemctl", append([]string{"--user"}, args...)...)
	cmd.Env = r.env.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		r.Fatalf("systemctl %v: %v: %s", args, err, out)
	}
}

func (r *rig) start() {
	r.Helper()
	if err := r.host.Start(r.Context(), "rescue"); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) status() Status {
	r.Helper()
	status, err := r.host.Status(r.Context(), "rescue")
	if err != nil {
		r.Fatal(err)
	}
	return status
}

// await polls until the status is as wanted.
func (r *rig) await(what string, wanted func(Status) bool) Status {
	r.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		status := r.status()
		if wanted(status) {
			return status
		}
		if time.Now().After(deadline) {
			r.Fatalf("never %s: %+v", what, status)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *rig) seen() seen {
	r.Helper()
	var s seen
	text, err := os.ReadFile(filepath.Join(r.dir, "seen.json"))
	if err := errors.Join(err, json.Unmarshal(text, &s)); err != nil {
		r.Fatal(err)
	}
	return s
}

func TestJourney(t *testing.T) {
	r := newRig(t, "well")
	ctx := t.Context()
	if err := r.host.Start(ctx, "rescue"); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("start before install: %v", err)
	}
	change := r.install(false)
	if change.Action != Created || change.Unit != "clawdbot-gateway-rescue.service" || change.Diff != "" {
		t.Errorf("install: %+v", change)
	}
	if len(change.Notes) != 1 || !strings.Contains(change.Notes[0], "loginctl enable-linger "+r.host.account) {
		t.Errorf("no word of lingering: %q", change.Notes)
	}
	if s := r.status(); !s.Installed || !s.Enabled || s.Active || s.State != "inactive" || s.Manager != Systemd {
		t.Errorf("after install: %+v", s)
	}

	// What was once imported into the user's systemd must not reach the gateway.
	r.systemctl("set-environment", "CLAWDBOT_STATE_DIR=/elsewhere", "CLAWDBOT_GATEWAY_PORT=1")
	r.start()
	first := r.status()
	if !first.Active || first.SubState != "running" || first.PID == 0 || first.Text != "standing in as well" || first.ExecMainCode != "" || first.Restarts != 0 {
		t.Errorf("after start: %+v", first)
	}
	saw := r.seen()
	if want := slices.Concat([]string{r.spec.Exe}, r.spec.Args, []string{"--manager", "systemd"}); !slices.Equal(saw.Args, want) {
		t.Errorf("started with %q, want %q", saw.Args, want)
	}
	if i := slices.IndexFunc(saw.Env, func(v string) bool { return strings.HasPrefix(v, "CLAWDBOT_") }); i >= 0 {
		t.Errorf("the gateway inherited %s", saw.Env[i])
	}
	r.start() // a running unit stays as it is
	if again := r.status(); again.PID != first.PID {
		t.Errorf("a second start replaced %d by %d", first.PID, again.PID)
	}

	if err := r.host.Restart(ctx, "rescue"); err != nil {
		t.Fatal(err)
	}
	if s := r.status(); !s.Active || s.PID == first.PID {
		t.Errorf("after restart: %+v, before it the pid was %d", s, first.PID)
	}
	if err := r.host.Stop(ctx, "rescue"); err != nil {
		t.Fatal(err)
	}
	if s := r.status(); s.Active || s.PID != 0 || s.State != "inactive" || s.Result != "success" {
		t.Errorf("after stop: %+v", s)
	}
	if err := r.host.Stop(ctx, "rescue"); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestInstallAgain(t *testing.T) {
	r := newRig(t, "well")
	r.install(false)
	if err := os.WriteFile(filepath.Join(r.host.linger, r.host.account), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if change := r.install(false); change.Action != Unchanged || change.Diff != "" || change.Notes != nil {
		t.Errorf("second install: %+v", change)
	}
	r.systemctl("disable", "clawdbot-gateway-rescue.service")
	if change := r.install(false); change.Action != Changed || change.Diff != "" || len(change.Notes) != 1 || !r.status().Enabled {
		t.Errorf("install of a disabled unit: %+v", change)
	}

	r.start()
	r.spec.Env = map[string]string{"CLAWDBOT_STATE_DIR": `/srv/80% "x" \y`}
	outdated, diff, err := r.host.Outdated(r.spec)
	if err != nil || !outdated || !strings.Contains(diff, "\n+Environment=\"CLAWDBOT_STATE_DIR=/srv/80%% \\\"x\\\" \\\\y\"\n") {
		t.Errorf("Outdated: %v, %v, %s", outdated, err, diff)
	}
	if change := r.install(false); change.Action != Changed || change.Diff != diff || len(change.Notes) != 1 || !strings.Contains(change.Notes[0], "restart") {
		t.Errorf("changed install: %+v", change)
	}
	if outdated, diff, err = r.host.Outdated(r.spec); err != nil || outdated || diff != "" {
		t.Errorf("Outdated right after an install: %v, %v, %s", outdated, err, diff)
	}
	if err := r.host.Restart(t.Context(), "rescue"); err != nil {
		t.Fatal(err)
	}
	if want := `CLAWDBOT_STATE_DIR=/srv/80% "x" \y`; !slices.Contains(r.seen().Env, want) {
		t.Errorf("the gateway did not get %s", want)
	}
}

func TestUninstall(t *testing.T) {
	r := newRig(t, "well")
	path := r.install(false).Path
	r.start()
	pid := r.status().PID
	change, err := r.host.Uninstall(t.Context(), "rescue", false)
	if err != nil || change.Action != Removed || change.Path != path {
		t.Errorf("uninstall: %+v, %v", change, err)
	}
	if s := r.status(); s.Installed || s.Active || s.Enabled {
		t.Errorf("after uninstall: %+v", s)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d outlived its unit: %v", pid, err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.host.folder, "*", "*")); left != nil {
		t.Errorf("uninstall left %q", left)
	}
	if change, err = r.host.Uninstall(t.Context(), "rescue", false); err != nil || change.Action != Absent {
		t.Errorf("second uninstall: %+v, %v", change, err)
	}
}

func TestForeignUnit(t *testing.T) {
	r := newRig(t, "well")
	const theirs = "[Service]\nExecStart=/bin/true\n"
	path := filepath.Join(r.host.folder, "clawdbot-gateway-rescue.service")
	if err := errors.Join(os.MkdirAll(r.host.folder, 0o700), os.WriteFile(path, []byte(theirs), 0o600)); err != nil {
		t.Fatal(err)
	}
	_, installErr := r.host.Install(t.Context(), r.spec, false)
	_, uninstallErr := r.host.Uninstall(t.Context(), "rescue", false)
	for _, err := range []error{installErr, uninstallErr} {
		if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want ErrForeign with the path", err)
		}
	}
	if text, _ := os.ReadFile(path); string(text) != theirs {
		t.Errorf("the file was touched: %s", text)
	}
	if change := r.install(true); change.Action != Changed || !strings.Contains(change.Diff, "\n-ExecStart=/bin/true\n") {
		t.Errorf("forced install: %+v", change)
	}
}

func TestMisconfiguredIsNotRestarted(t *testing.T) {
	r := newRig(t, "misconfigured")
	r.install(false)
	err := r.host.Start(t.Context(), "rescue")
	var startErr *StartError
	if !errors.As(err, &startErr) || startErr.Status.ExecMainStatus != 78 {
		t.Fatalf("start: %v", err)
	}
	if s := r.status(); s.State != "failed" || s.Result != "exit-code" || s.ExecMainCode != "exited" || s.ExecMainStatus != 78 || s.Restarts != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestKilledIsRestarted(t *testing.T) {
	r := newRig(t, "well")
	r.install(false)
	r.start()
	pid := r.status().PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s := r.await("restarted", func(s Status) bool { return s.Active && s.PID != pid })
	if s.Restarts != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestHowItEnded(t *testing.T) {
	r := newRig(t, "well")
	r.dropIn("Restart=no\n")
	r.install(false)
	r.start()
	if err := syscall.Kill(r.status().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s := r.await("failed", func(s Status) bool { return s.State == "failed" })
	if s.Signal != "SIGKILL" || s.ExecMainCode != "killed" || s.ExecMainStatus != 9 || time.Since(s.Since).Abs() > time.Minute {
		t.Errorf("got %+v", s)
	}
}

// A stopped process cannot answer the watchdog's signal before systemd continues it.
func TestStoppedIsRestarted(t *testing.T) {
	r := newRig(t, "well")
	r.dropIn("WatchdogSec=300ms\n")
	r.install(false)
	r.start()
	pid := r.status().PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.await("restarted", func(s Status) bool { return s.Active && s.PID != pid && s.Restarts == 1 })
}

func TestHungIsEnded(t *testing.T) {
	r := newRig(t, "hung")
	r.dropIn("WatchdogSec=300ms\nRestart=no\n")
	r.install(false)
	r.start()
	s := r.await("ended", func(s Status) bool { return s.State == "failed" })
	if s.Result != "watchdog" {
		t.Errorf("got %+v", s)
	}
}

// A crash loop ends in failed, which is a witness for the peer, and does not refuse the peer's repair.
func TestCrashLoopEndsAndStartsAgain(t *testing.T) {
	r := newRig(t, "broken")
	r.dropIn("RestartSec=10ms\n")
	r.install(false)
	var startErr *StartError
	if err := r.host.Start(t.Context(), "rescue"); !errors.As(err, &startErr) {
		t.Fatalf("start: %v", err)
	}
	if s := r.await("failed", func(s Status) bool { return s.State == "failed" }); s.Restarts < 5 {
		t.Errorf("given up after %d restarts: %+v", s.Restarts, s)
	}
	r.mode("well")
	r.start()
	if s := r.status(); !s.Active || s.Restarts != 0 {
		t.Errorf("after the repair: %+v", s)
	}
}

func TestNoManager(t *testing.T) {
	env := servicetest.UserManager(t)
	elsewhere := t.TempDir()
	host, err := New(Systemd, func(key string) string {
		switch key {
		case "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS":
			return elsewhere
		}
		return env.Getenv(key)
	})
	if err != nil {
		t.Fatal(err)
	}
	spec := specs()["default"][Systemd]
	for verb, call := range map[string]func() error{
		"install": func() error { _, err := host.Install(t.Context(), spec, false); return err },
		"start":   func() error { return host.Start(t.Context(), spec.Profile) },
		"status":  func() error { _, err := host.Status(t.Context(), spec.Profile); return err },
	} {
		if err := call(); !errors.Is(err, ErrNoManager) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if _, err := os.Stat(host.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an install without a manager left %s: %v", host.folder, err)
	}
	if change, err := host.Uninstall(t.Context(), spec.Profile, false); err != nil || change.Action != Absent {
		t.Errorf("uninstall of nothing: %+v, %v", change, err)
	}
	t.Setenv("PATH", "")
	if _, err := host.Status(t.Context(), spec.Profile); !errors.Is(err, ErrNoManager) || !strings.Contains(err.Error(), "no systemctl") {
		t.Errorf("without systemctl: %v", err)
	}
}

func TestUnitVerifies(t *testing.T) {
	r := newRig(t, "well")
	for _, profile := range []string{DefaultProfile, "rescue"} {
		r.spec.Profile = profile
		cmd := exec.Command("systemd-analyze", "--user", "--man=no", "verify", r.install(false).Path)
		cmd.Env = r.env.Environ()
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "clawdbot") {
			t.Errorf("%s: %v: %s", profile, err, out)
		}
	}
}

func TestStartIsBoundByItsContext(t *testing.T) {
	r := newRig(t, "well")
	r.install(false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.host.Start(ctx, "rescue"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func ExampleHost_Render() {
	env := map[string]string{"HOME": "/home/ann"}
	host, err := New(Systemd, func(key string) string { return env[key] })
	if err != nil {
		panic(err)
	}
	file, err := host.Render(Spec{
		Profile: "rescue", Exe: "/usr/bin/clawdbot", Args: []string{"--profile", "rescue", "gateway", "run"},
		Home: "/home/ann", LogDir: "/home/ann/.clawdbot-rescue/logs",
	})
	fmt.Println(file.Path, err)
	// Output: /home/ann/.config/systemd/user/clawdbot-gateway-rescue.service <nil>
}
