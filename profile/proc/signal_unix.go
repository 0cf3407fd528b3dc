//go:build unix

package proc

import (
	"os"
	"syscall"
)

// askToStop sends SIGTERM, and SIGCONT so that a stopped process can obey.
func askToStop(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.Signal(syscall.SIGCONT)
}
