//go:build unix

package chromium

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clawdbot/profile/proc"
)

// TestClear ends a Chromium that outlived its gateway, as on macOS, also one
// that hangs, and spares one that the ledger does not prove to be ours.
func TestClear(t *testing.T) {
	dir := t.TempDir()
	l := launcher(t, dir)
	for _, hung := range []bool{false, true} {
		o := orphan(t, l, place(dir))
		if hung {
			if err := syscall.Kill(o.PID, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		reused := o
		reused.Start += "0"
		if err := l.cfg.Ledger.owned.Put(o.Profile, reused); err != nil {
			t.Fatal(err)
		}
		if err := l.Clear(t.Context()); err != nil || gone(o.Identity) {
			t.Fatalf("a process with the number of ours: gone %v, %v", gone(o.Identity), err)
		}
		if err := l.cfg.Ledger.owned.Put(o.Profile, o); err != nil {
			t.Fatal(err)
		}
		if err := l.Clear(t.Context()); err != nil || !gone(o.Identity) || len(all(t, l)) != 0 || l.Unused(o.Folder) != nil {
			t.Errorf("hung %v: gone %v, %v, %+v, %v", hung, gone(o.Identity), err, all(t, l), l.Unused(o.Folder))
		}
	}
}

// orphan starts a Chromium that outlives the process that starts it, and
// returns what the ledger should hold of it.
func orphan(t *testing.T, l *Launcher, at Place) Owned {
	t.Helper()
	exe, err := l.Find()
	if err != nil {
		t.Fatal(err)
	}
	if at.Port, err = l.FreePort(); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", `"$@" >/dev/null 2>&1 & echo $!`, "sh", exe.Path}, l.flags(at)...)...)
	shell.Env = l.cfg.Host.Env
	said, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is up", func() bool { return !isFree(at.Port) })
	if owner, err := readLock(at.Folder); err != nil || owner.pid != pid {
		t.Fatalf("the folder of process %d is %+v's: %v", pid, owner, err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	info, err := proc.Find(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proc.Terminate(context.Background(), info.Identity, 0) })
	return Owned{Identity: info.Identity, Profile: at.Profile, Port: at.Port, Folder: at.Folder, Host: host}
}
