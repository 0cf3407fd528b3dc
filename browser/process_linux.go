package browser

import (
	"os/exec"
	"syscall"
)

// prepare gives the process a group of its own and ties it to our life.
func prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
