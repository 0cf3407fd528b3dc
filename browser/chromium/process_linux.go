package chromium

import (
	"os/exec"
	"syscall"
)

// isolate gives the process a group of its own and ties it to our life.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
