//go:build unix

package chromium

import (
	"os"
	"syscall"
)

// killGroup kills the process and its children. It is no error that they are
// gone.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
