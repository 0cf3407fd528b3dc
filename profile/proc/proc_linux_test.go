package proc

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
