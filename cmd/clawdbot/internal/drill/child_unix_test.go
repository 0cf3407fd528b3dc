//go:build unix

package drill

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestKeeperThatEnds tells at once, and why, when there is nothing to rehearse on.
func TestKeeperThatEnds(t *testing.T) {
	exe := filepath.Join(t.TempDir(), "clawdbot")
	if err := os.WriteFile(exe, []byte("#!/bin/sh\necho one >&2\necho no room in the boat >&2\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := Run(t.Context(), Config{Exe: exe, Env: []string{"PATH=/bin"}, Own: func(*exec.Cmd) {}, Like: config.Default(), Only: []string{"kill"}})
	if !errors.Is(err, errUnwell) || !errors.Is(err, errKeeper) || !strings.Contains(err.Error(), "(exit status 7): no room in the boat") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took >= patience {
		t.Errorf("it took %s", took)
	}
}

// TestSignals stops, continues and kills a process, and leaves alone another
// one that has its number.
func TestSignals(t *testing.T) {
	c, err := startChild(busyLoop())
	if err != nil {
		t.Fatal(err)
	}
	defer c.kill()
	stopped := func() bool {
		info, err := proc.Same(c.id)
		if err != nil {
			t.Fatal(err)
		}
		return info.Stopped
	}
	eventually := func(want bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); stopped() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("stopped is %v", !want)
			}
		}
	}
	if err := suspend(c.id); err != nil {
		t.Fatal(err)
	}
	eventually(true)
	if err := resume(c.id); err != nil {
		t.Fatal(err)
	}
	eventually(false)
	other := c.id
	other.Start += "0"
	if err := kill(other); !errors.Is(err, proc.ErrGone) || stopped() {
		t.Errorf("another process of the number: %v", err)
	}
	if err := kill(c.id); err != nil {
		t.Fatal(err)
	}
	if err := proc.Await(t.Context(), c.id); err != nil {
		t.Error(err)
	}
}

func TestChildThatDoesNotStart(t *testing.T) {
	c, err := startChild(exec.Command(filepath.Join(t.TempDir(), "none")))
	if err == nil {
		t.Error("nothing was said")
	}
	<-c.ended
}
