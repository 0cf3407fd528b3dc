package proc

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestProcessOfAnotherContainerIsNotGone: two containers that share a registry
// do not see each other's processes.
func TestProcessOfAnotherContainerIsNotGone(t *testing.T) {
	self, err := Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if self.Space == "" {
		t.Fatal("this process is in no pid namespace")
	}
	there := self.Identity
	there.PID, there.Space = 7, "pid:[1]"
	if _, err := Same(there); !errors.Is(err, ErrHidden) {
		t.Errorf("got %v, want ErrHidden", err)
	}
}

// TestExeOfAReplacedProgram builds a program anew while it runs.
func TestExeOfAReplacedProgram(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sleep") // a copy; a program of many in one looks at its name
	if err := os.WriteFile(path, body, 0o700); err != nil {
		t.Fatal(err)
	}
	_, id := child(t, "echo up; exec "+path+" 60")
	eventually(t, "the program runs", func() bool { exe, err := Exe(id.PID); return err == nil && exe == path })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if exe, err := Exe(id.PID); err != nil || exe != path {
		t.Errorf("got %q, %v, want %q", exe, err, path)
	}
	if _, err := Exe(1 << 30); err == nil || !strings.Contains(err.Error(), "process 1073741824") {
		t.Errorf("no such process: got %v", err)
	}
}

// TestReap: what this process inherits is taken note of, and its own children are
// left to who waits for them.
func TestReap(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil { // as the first process of a container is by itself
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	out, err := exec.Command("sh", "-c", "sleep 60 >&- 2>&- & echo $!").Output() // its parent ends at once
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	own := exec.Command("sh", "-c", "exit 7")
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(orphan, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	there := func() bool { return unix.Kill(orphan, 0) == nil } // also as a zombie
	eventually(t, "the inherited one is reaped", func() bool {
		if err := Reap(map[int]bool{own.Process.Pid: true}); err != nil {
			t.Fatal(err)
		}
		return !there()
	})
	_ = own.Wait() // that it failed is no news
	if code := own.ProcessState.ExitCode(); code != 7 {
		t.Errorf("our own child was taken away: exit code %d", code)
	}
}
