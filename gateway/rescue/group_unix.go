//go:build unix

package rescue

import (
	"os/exec"
	"syscall"
)

// ownGroup gives the program a process group of its own, so that it cannot signal
// the gateway by accident, and ends with all its children when its time is over.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
