package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"clawdbot/profile/proc"
)

// ErrNotProven says that a process is not proven to be the profile's gateway, so that nobody may touch it.
var ErrNotProven = errors.New("not proven to be the gateway")

// Prove says whether the registered process is the profile's gateway beyond
// doubt: it runs, it started when the registry says, from the program that the
// registry names, and it has the profile's store open. It returns proc.ErrGone
// when it does not run, else ErrNotProven with what is wrong. Where the system
// does not tell who holds the store (Windows), that is not asked.
func (i Instance) Prove() error {
	info, err := proc.Same(i.Process)
	if err != nil {
		return fmt.Errorf("gateway of %s: %w", i.Profile, err)
	}
	doubt := func(format string, args ...any) error {
		return fmt.Errorf("process %d is %w of %s: %s", info.PID, ErrNotProven, i.Profile, fmt.Sprintf(format, args...))
	}
	switch exe, err := proc.Exe(info.PID); {
	case err != nil:
		return doubt("%v", err)
	case i.Exe == "" || exe != i.Exe:
		return doubt("it runs %s, and the registry says %s", exe, i.Exe)
	}
	if info.PID == os.Getpid() { // asking would give up our own lock, see fcntl(2)
		return nil
	}
	switch holder, known, err := lockHolder(filepath.Join(i.StateDir, "store", "LOCK")); {
	case err != nil:
		return doubt("%v", err)
	case known && holder != info.PID:
		return doubt("it does not have the store of the profile open")
	}
	return nil
}
