package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/service/servicetest"
)

// unit is the unit of a profile.
func unit(name string) string { return "clawdbot-gateway-" + name + ".service" }

// services installs main and rescue, with their configs, as units of a systemd of
// the scene's own and starts them. What it says of an end can be read until the
// next start, for which a busy host gets more time here than a unit gives.
func (s scene) services(main, rescue string) scene {
	s.t.Helper()
	env := servicetest.UserManager(s.t)
	s.machine, s.environ = &machine{t: s.t, home: env.Home}, env.Environ()
	for name, config := range map[string]string{"main": main, "rescue": rescue} {
		s.setup(name, config)
		s.dropIn(name, "test", "[Service]\nEnvironment=GORACE=atexit_sleep_ms=0\nRestartSec=2s\n")
		s.cli("--profile", name, "gateway", "install")
		s.cli("--profile", name, "gateway", "start")
	}
	s.t.Cleanup(func() {
		for _, pid := range s.pids() {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
	s.linked("rescue")
	return s
}

// dropIn adds to a unit, which systemd has to read anew.
func (s scene) dropIn(name, file, text string) {
	s.t.Helper()
	path := filepath.Join(s.home, ".config", "systemd", "user", unit(name)+".d", file+".conf")
	if err := profile.WriteFile(path, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
	s.systemctl("daemon-reload")
}

func (s scene) systemctl(args ...string) {
	s.t.Helper()
	cmd := exec.Command("systemctl", append([]string{"--user"}, args...)...)
	cmd.Env = s.environ
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("systemctl %v: %v: %s", args, err, out)
	}
}

// underSystemd lets main crash, hang, and fail until systemd gives it up.
func underSystemd(s scene) {
	s = s.services("{}\n", "{}\n")
	ofMain := s.incidents("rescue")
	last := ""
	over := func(what string) msg.Incident {
		s.t.Helper()
		i := next(s.t, ofMain, "the end of "+what, func(i msg.Incident) bool { return i.ID != last && resolved(i) })
		last = i.ID
		s.cli("--profile", "rescue", "rescue", "resume", "main") // what follows is no repetition of it
		return i
	}

	s.signal("main", syscall.SIGKILL)
	crash := over("the crash")
	s.wantWithin(crash, time.Second, 10*time.Second)
	if e := crash.Exit; crash.Kind != msg.KindCrash || e == nil || e.Manager != "systemd" || e.Unit != unit("main") || e.Signal != "SIGKILL" {
		s.t.Errorf("crash: %s", text(crash))
	}
	if did(crash) != "" || !strings.HasSuffix(crash.Result, "started by systemd") {
		s.t.Errorf("it was systemd that started it, but: %q, %q", did(crash), crash.Result)
	}

	hung := s.signal("main", syscall.SIGSTOP)
	hang := over("the hang")
	s.wantWithin(hang, 5*time.Second, 15*time.Second)
	if hang.Kind != msg.KindHang || did(hang) != "abort restart" || s.pid("main") == hung {
		s.t.Errorf("hang: %s", text(hang))
	}
	stacks, err := os.ReadFile(hang.Stacks)
	whole := strings.Contains(string(stacks), "goroutine 1 ") && strings.Contains(string(stacks), "clawdbot/internal/daemon.")
	// Where the signal meets the race detector's own code, Go's dump breaks off.
	brokeOff := strings.HasPrefix(string(stacks), "SIGABRT: abort") && strings.Contains(string(stacks), "unknown pc")
	if err != nil || !whole && !brokeOff {
		s.t.Errorf("stacks in %q: %v, %.300s", hang.Stacks, err, stacks)
	}

	s.dropIn("main", "limit", "[Unit]\nStartLimitBurst=1\n")
	s.cli("--profile", "main", "gateway", "restart") // the one start that is allowed
	s.linked("rescue")
	s.signal("main", syscall.SIGKILL)
	limit := over("the start limit")
	if limit.Kind != msg.KindServiceGaveUp || did(limit) != "restart" || limit.Exit == nil || limit.Exit.State != "failed" {
		s.t.Errorf("start limit: %s", text(limit))
	}

	exe, err := exec.LookPath("clawdbot")
	if err != nil {
		s.t.Fatal(err)
	}
	refuse := filepath.Join(s.home, "refuse")
	s.dropIn("main", "limit", fmt.Sprintf("[Service]\nExecStart=\nExecStart=/bin/sh -c 'rm %s 2>&- && exit 78; exec %s --profile main gateway run --manager systemd'\n", refuse, exe))
	if err := os.WriteFile(refuse, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.signal("main", syscall.SIGKILL)
	refused := over("the refused start")
	if refused.Kind != msg.KindBadConfig || did(refused) != "restart" || refused.Exit == nil || refused.Exit.Status != 78 {
		s.t.Errorf("refused start: %s", text(refused))
	}
}

// bothDownAndOneBack wants that a rescue which finds main dead as it comes back
// gives main time to come back too.
func bothDownAndOneBack(s scene) {
	s = s.services("{}\n", "{}\n")
	s.dropIn("main", "once", "[Service]\nRestart=no\n")
	ofMain := s.incidents("rescue")
	main, rescue := s.pid("main"), s.pid("rescue")
	for _, pid := range []int{main, rescue} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			s.t.Fatal(err)
		}
	}
	s.starting("rescue", rescue)
	if err := awaitReady(strconv.Itoa(s.bases["rescue"])); err != nil {
		s.t.Fatal(err)
	}
	ready := time.Now()
	i := next(s.t, ofMain, "main's return", resolved)
	if did(i) != "restart" || s.pid("main") == main {
		s.t.Fatal(text(i))
	}
	if waited := time.UnixMilli(i.Actions[0].At).Sub(ready); waited < 9*time.Second {
		s.t.Errorf("main was given only %s", waited)
	}
}
