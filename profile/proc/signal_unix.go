//go:build unix

package proc

import (
	"os"
	"syscall"
)

func askToStop(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
