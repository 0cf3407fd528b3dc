package proc

import "os"

// askToStop kills at once: Windows has no signal that asks a process of
// another console.
func askToStop(p *os.Process) error { return p.Kill() }

// askToAbort kills at once too.
func askToAbort(p *os.Process) error { return p.Kill() }
