//go:build unix

package proc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "--hang" {
		hang()
	}
	os.Exit(m.Run())
}

// hang is a Go program that never ends and says so.
func hang() {
	_, _ = os.Stdout.WriteString("up\n")
	<-make(chan int)
}

// hung runs this test program as one that hangs.
func hung(t *testing.T) (cmd *exec.Cmd, info Info, exe string, said io.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self, "--hang")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if said, err = cmd.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if info, err = Find(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if exe, err = Exe(info.PID); err != nil {
		t.Fatal(err)
	}
	return cmd, info, exe, said
}

func TestAbortLeavesStacksBehind(t *testing.T) {
	for _, state := range []string{"running", "stopped"} {
		t.Run(state, func(t *testing.T) {
			cmd, info, exe, stderr := hung(t)
			if state == "stopped" {
				if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				eventually(t, "stopped", func() bool { i, err := Same(info.Identity); return err == nil && i.Stopped })
			}
			if err := Abort(t.Context(), info.Identity, exe, patience); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(stderr)
			if err != nil || !strings.Contains(string(said), "SIGABRT") || !strings.Contains(string(said), ".hang(") {
				t.Errorf("no stacks in %q, %v", said, err)
			}
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 2 {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
		})
	}
}

func TestAbortKillsWhatDoesNotEnd(t *testing.T) {
	cmd, id := child(t, "trap '' ABRT; echo up; while :; do sleep 0.1; done") // a shell, which waits, of one program all the time
	exe, err := Exe(id.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := Abort(t.Context(), id, exe, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, cmd, syscall.SIGKILL)
}

// TestUnprovenProcessIsLeftAlone: neither another program, nor another process
// of the number, nor a process of another container is touched.
func TestUnprovenProcessIsLeftAlone(t *testing.T) {
	_, info, exe, _ := hung(t)
	reused := info.Identity
	reused.Start += "0"
	for name, c := range map[string]struct {
		id   Identity
		exe  string
		want error
	}{
		"another program": {info.Identity, "/usr/bin/another", ErrNotProven},
		"a number reused": {reused, exe, nil},
		"no process":      {Identity{}, exe, nil},
	} {
		for verb, end := range map[string]func(context.Context, Identity, string, time.Duration) error{"abort": Abort, "kill": Kill} {
			if err := end(t.Context(), c.id, c.exe, patience); !errors.Is(err, c.want) {
				t.Errorf("%s of %s: %v, want %v", verb, name, err, c.want)
			}
		}
	}
	if gone(info.Identity) {
		t.Error("it was ended")
	}
	if err := Kill(t.Context(), info.Identity, exe, patience); err != nil || !gone(info.Identity) {
		t.Errorf("and the right one was not killed: %v", err)
	}
}

func TestAwait(t *testing.T) {
	cmd, id := child(t, idle)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := Await(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a process that runs: %v", err)
	}
	told := make(chan error, 1)
	go func() { told <- Await(t.Context(), id) }()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-told: // though nobody has waited for it yet
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("its end was not told")
	}
	if err := Await(t.Context(), id); err != nil {
		t.Errorf("a process that is gone: %v", err)
	}
}
