//go:build unix

package proc

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

const patience = 10 * time.Second

// child runs a shell script that says something once it is set up, and returns
// its identity. The script ends with the test.
func child(t *testing.T, script string) (*exec.Cmd, Identity) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	info, err := Find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, info.Identity
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

func gone(id Identity) bool {
	_, err := Same(id)
	return errors.Is(err, ErrGone)
}

const idle = "echo up; exec sleep 60"

func TestSameFollowsOneProcess(t *testing.T) {
	cmd, id := child(t, idle)
	if info, err := Same(id); err != nil || info.Identity != id || info.Stopped {
		t.Fatalf("a process that runs: %+v, %v", info, err)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "stopped", func() bool { info, err := Same(id); return err == nil && info.Stopped })
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "continued", func() bool { info, err := Same(id); return err == nil && !info.Stopped })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a zombie is gone", func() bool { return gone(id) }) // nobody waited for it yet
	_ = cmd.Wait()
	if !gone(id) {
		t.Error("it ended and is still there")
	}
}

func TestNumberOfAnotherProcessIsGone(t *testing.T) {
	self, err := Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]Identity{
		"zero":                  {},
		"negative":              {PID: -1, Start: self.Start},
		"started at other time": {PID: self.PID, Start: self.Start + "0", Space: self.Space},
		"of another boot":       {PID: self.PID, Start: "another-boot:1", Space: "pid:[1]"},
	} {
		if !gone(id) {
			t.Errorf("%s: taken for a process that runs", name)
		}
	}
}

func TestListenerIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	h, ok, err := Listener(port)
	if err != nil || !ok || h.PID != os.Getpid() || h.Address != "127.0.0.1" || h.Name == "" {
		t.Fatalf("got %+v, %v, %v", h, ok, err)
	}
	l.Close()
	if h, ok, err := Listener(port); ok || err != nil {
		t.Fatalf("nobody listens: got %+v, %v", h, err)
	}
}

func TestTerminate(t *testing.T) {
	t.Run("who obeys ends by the signal", func(t *testing.T) {
		cmd, id := child(t, idle)
		if err := Terminate(t.Context(), id, patience); err != nil {
			t.Fatal(err)
		}
		wantEnd(t, cmd, syscall.SIGTERM)
	})
	t.Run("who does not is killed", func(t *testing.T) {
		cmd, id := child(t, "trap '' TERM; "+idle)
		if err := Terminate(t.Context(), id, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		wantEnd(t, cmd, syscall.SIGKILL)
	})
	t.Run("who was stopped is woken and obeys", func(t *testing.T) {
		cmd, id := child(t, idle)
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if err := Terminate(t.Context(), id, patience); err != nil {
			t.Fatal(err)
		}
		wantEnd(t, cmd, syscall.SIGTERM)
	})
	t.Run("another process of the number is left alone", func(t *testing.T) {
		_, id := child(t, idle)
		old := id
		old.Start += "0"
		if err := Terminate(t.Context(), old, patience); err != nil {
			t.Fatal(err)
		}
		if gone(id) {
			t.Error("it was ended")
		}
	})
	t.Run("gives up with the context", func(t *testing.T) {
		_, id := child(t, "trap '' TERM; "+idle)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Terminate(ctx, id, patience); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if gone(id) {
			t.Error("it was killed although nobody waits")
		}
	})
}

func wantEnd(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	_ = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != sig {
		t.Errorf("it ended with %v, want %v", cmd.ProcessState, sig)
	}
}
