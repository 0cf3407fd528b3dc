//go:build unix

package drill

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"clawdbot/profile/proc"
)

// supported says whether a drill can be held on this system.
const supported = true

func suspend(id proc.Identity) error { return send(id, syscall.SIGSTOP) }

func resume(id proc.Identity) error { return send(id, syscall.SIGCONT) }

func kill(id proc.Identity) error { return send(id, syscall.SIGKILL) }

// send signals the process, and never another one that got its number.
func send(id proc.Identity, sig syscall.Signal) (err error) {
	p, err := os.FindProcess(id.PID)
	if err != nil {
		return fmt.Errorf("process %d: %w", id.PID, err)
	}
	defer func() { err = errors.Join(err, p.Release()) }()
	if _, err := proc.Same(id); err != nil {
		return err
	}
	if err := p.Signal(sig); err != nil {
		return fmt.Errorf("%s to process %d: %w", sig, id.PID, err)
	}
	return nil
}

// busyLoop is a program that keeps one processor busy.
func busyLoop() *exec.Cmd { return exec.Command("sh", "-c", "while :; do :; done") }
