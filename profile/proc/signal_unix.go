//go:build unix

package proc

import (
	"os"
	"syscall"
)

// askToStop sends SIGTERM.
func askToStop(p *os.Process) error { return send(p, syscall.SIGTERM) }

// askToAbort sends SIGABRT.
func askToAbort(p *os.Process) error { return send(p, syscall.SIGABRT) }

// send wakes the process too, so that one that is stopped can obey.
func send(p *os.Process, sig syscall.Signal) error {
	if err := p.Signal(sig); err != nil {
		return err
	}
	return p.Signal(syscall.SIGCONT)
}
