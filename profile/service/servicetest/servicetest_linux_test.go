package servicetest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A unit that ignores SIGTERM, and the child that it leaves, must not outlive the test that ran them.
func TestNothingStaysBehind(t *testing.T) {
	var env *Env
	var pid int
	before := groupsNow(t)
	t.Run("use", func(t *testing.T) {
		env = UserManager(t)
		const unit = "[Service]\nExecStart=/bin/sh -c \"sleep 1000 & trap '' TERM; wait; wait\"\nTimeoutStopSec=100ms\nKillMode=process\n"
		dir := filepath.Join(env.ConfigHome, "systemd", "user")
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "stubborn.service"), []byte(unit), 0o600)); err != nil {
			t.Fatal(err)
		}
		systemctl(t, env, "start", "stubborn.service")
		var err error
		if pid, err = strconv.Atoi(systemctl(t, env, "show", "--value", "--property=MainPID", "stubborn.service")); err != nil || pid == 0 {
			t.Fatalf("pid %d: %v", pid, err)
		}
	})
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
	if _, err := os.Stat(filepath.Dir(env.Home)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", filepath.Dir(env.Home), err)
	}
	if after := groupsNow(t); after > before {
		t.Errorf("%d control groups before, %d after", before, after)
	}
}

func systemctl(t *testing.T, env *Env, args ...string) string {
	t.Helper()
	cmd := exec.Command("systemctl", append([]string{"--user"}, args...)...)
	cmd.Env = env.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("systemctl %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// groupsNow counts the control groups of this process's tests in all hierarchies.
func groupsNow(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob("/sys/fs/cgroup/*/clawdbot-test-" + strconv.Itoa(os.Getpid()) + "-*")
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}
