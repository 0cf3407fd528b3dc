//go:build unix

package patient

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawdbot/profile"
)

func TestAbortKeepsTheStacksOfAFrozenGateway(t *testing.T) {
	w := newWard(t)
	cmd := w.run()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stacks, err := w.hands.Abort(t.Context(), w.peer)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("it took %s", time.Since(began))
	if filepath.Dir(stacks) != filepath.Join(w.hands.own.StateDir, stacksFolder) {
		t.Errorf("kept in %s", stacks)
	}
	text, err := os.ReadFile(stacks)
	if err != nil || !strings.Contains(string(text), "childGateway") || !strings.Contains(string(text), "SIGABRT") {
		t.Errorf("%v: %.300s", err, text)
	}
	if w.peer.Alive() {
		t.Error("it still runs")
	}
	if e := w.hands.Evidence(t.Context(), w.peer, began); e.Stacks != stacks {
		t.Errorf("evidence has %q, want %q", e.Stacks, stacks)
	}
	if e := w.hands.Evidence(t.Context(), w.peer, time.Now().Add(time.Hour)); e.Stacks != "" {
		t.Errorf("stacks of an earlier failure: %q", e.Stacks)
	}
	if _, err := w.hands.Abort(t.Context(), w.peer); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
}

func TestKillOfAGateway(t *testing.T) {
	w := newWard(t)
	w.run()
	if err := w.hands.Kill(t.Context(), w.peer); err != nil || w.peer.Alive() {
		t.Errorf("alive %v, %v", w.peer.Alive(), err)
	}
	if err := w.hands.Kill(t.Context(), w.peer); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
}

// TestAProcessThatIsNotThePeers is never touched.
func TestAProcessThatIsNotThePeers(t *testing.T) {
	w := newWard(t)
	w.run()
	alive := w.peer
	for name, c := range map[string]struct {
		change func(*profile.Instance)
		want   error
	}{
		"another program":    {func(i *profile.Instance) { i.Exe = "/bin/true" }, profile.ErrNotProven},
		"no program known":   {func(i *profile.Instance) { i.Exe = "" }, profile.ErrNotProven},
		"of another profile": {func(i *profile.Instance) { i.StateDir = w.hands.own.StateDir }, profile.ErrNotProven},
		"its number is ours": {func(i *profile.Instance) { i.Process.Start += "0" }, nil}, // the peer's own is gone
	} {
		i := alive
		c.change(&i)
		if _, err := w.hands.Abort(t.Context(), i); !errors.Is(err, c.want) {
			t.Errorf("abort of %s: %v", name, err)
		}
		if err := w.hands.Kill(t.Context(), i); !errors.Is(err, c.want) {
			t.Errorf("kill of %s: %v", name, err)
		}
		if !alive.Alive() {
			t.Fatalf("%s: it is gone", name)
		}
	}
}

// TestAForgedEntry that names the gateway of another profile does not end that.
func TestAForgedEntry(t *testing.T) {
	w := newWard(t)
	w.run()
	healthy, forged := w.peer, w.peer
	healthy.Profile, healthy.Bus = "healthy", "healthy"
	for _, i := range []profile.Instance{healthy, forged} {
		if _, err := w.main.Registry.Update(func([]profile.Instance) (profile.Instance, error) { return i, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.hands.Abort(t.Context(), forged); !errors.Is(err, profile.ErrNotProven) || !healthy.Alive() {
		t.Errorf("abort: %v, alive %v", err, healthy.Alive())
	}
	if err := w.hands.Kill(t.Context(), forged); !errors.Is(err, profile.ErrNotProven) || !healthy.Alive() {
		t.Errorf("kill: %v, alive %v", err, healthy.Alive())
	}
}

func TestFewStacksAreKept(t *testing.T) {
	w := newWard(t)
	crashes := filepath.Join(w.main.StateDir, "crash")
	if err := os.MkdirAll(crashes, 0o700); err != nil {
		t.Fatal(err)
	}
	path, began := filepath.Join(crashes, "current.txt"), time.Now().Add(-time.Hour)
	last := ""
	for n := range stacksKept + 3 {
		at := began.Add(time.Duration(n) * time.Second)
		if err := errors.Join(os.WriteFile(path, []byte("goroutine 1"), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
		kept, err := w.hands.keepStacks(w.peer, at)
		if err != nil || kept == last {
			t.Fatalf("%q, %v", kept, err)
		}
		last = kept
	}
	left, err := filepath.Glob(filepath.Join(w.hands.own.StateDir, stacksFolder, "*"))
	if err != nil || len(left) != stacksKept || left[len(left)-1] != last {
		t.Errorf("%d left: %q, %v", len(left), left, err)
	}
}
