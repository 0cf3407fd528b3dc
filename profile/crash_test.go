package profile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"clawdbot/profile/proc"
)

// crash runs a process that panics.
func crash(t *testing.T, state string) {
	t.Helper()
	var exit *exec.ExitError
	if out, err := exec.Command(testProgram(t), "--crash", state).CombinedOutput(); !errors.As(err, &exit) || !strings.Contains(string(out), "boom") {
		t.Fatalf("it did not crash: %v: %s", err, out)
	}
}

func TestCrashOutputOfAPanic(t *testing.T) {
	state := t.TempDir()
	if path, _, ok := LatestCrash(state); ok {
		t.Fatalf("before any crash: %s", path)
	}
	crash(t, state)
	path, at, ok := LatestCrash(state)
	if !ok || filepath.Base(path) != crashCurrent || time.Since(at) > time.Minute {
		t.Fatalf("of a gateway that did not start again: %s, %s, %v", path, at, ok)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	p := Profile{Name: "main", StateDir: state}
	stop, err := p.KeepCrashOutput() // as the next life does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = debug.SetCrashOutput(nil, debug.CrashOptions{}) })
	path, again, ok := LatestCrash(state)
	if !ok || filepath.Base(path) == crashCurrent || !again.Equal(at) {
		t.Errorf("after the next start: %s, %s, %v", path, again, ok)
	}
	if body, err := os.ReadFile(path); err != nil || !strings.Contains(string(body), "panic: boom") {
		t.Errorf("%s, %v", body, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(state, crashFolder, crashCurrent)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty file stays behind: %v", err)
	}
}

// TestCrashOutputOfAHang: a process that is aborted leaves its stacks behind.
func TestCrashOutputOfAHang(t *testing.T) {
	state := t.TempDir()
	_, id := spawn(t, "--hang", state)
	if _, _, ok := LatestCrash(state); ok {
		t.Error("a crash before it")
	}
	if err := proc.Abort(t.Context(), id, testProgram(t), patience); err != nil {
		t.Fatal(err)
	}
	path, _, ok := LatestCrash(state)
	if !ok {
		t.Fatal("no stacks")
	}
	if body, err := os.ReadFile(path); err != nil || !strings.Contains(string(body), "SIGABRT") || !strings.Contains(string(body), "goroutine 1 ") {
		t.Errorf("%s, %v", body, err)
	}
}

func TestOldestCrashesAreRemoved(t *testing.T) {
	state := t.TempDir()
	dir := filepath.Join(state, crashFolder)
	for n := range 2 * crashesKept {
		at := time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC)
		if err := WriteFile(filepath.Join(dir, at.Format(crashName)), []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "note.txt"), []byte("of a person")); err != nil {
		t.Fatal(err)
	}
	crash(t, state)
	crash(t, state) // it keeps what the first one said
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != crashesKept+2 {
		t.Fatalf("got %v, %v", entries, err)
	}
	if entries[0].Name() != time.Date(2026, 1, 2, 3, 4, crashesKept+1, 0, time.UTC).Format(crashName) {
		t.Errorf("the oldest is %s", entries[0].Name())
	}
}

func TestCrashOutputThatCannotBeKept(t *testing.T) {
	state := t.TempDir()
	if err := os.WriteFile(filepath.Join(state, crashFolder), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Profile{StateDir: state}).KeepCrashOutput(); err == nil || !strings.HasPrefix(err.Error(), "crash output: ") {
		t.Errorf("a file in the place of the folder: %v", err)
	}
	if _, _, ok := LatestCrash(state); ok {
		t.Error("a crash is told")
	}
}
