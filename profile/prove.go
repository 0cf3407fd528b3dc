package profile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clawdbot/profile/proc"
)

// ErrNotProven says that a process is not proven to be the profile's gateway, so that nobody may touch it.
var ErrNotProven = errors.New("not proven to be the gateway")

// Prove says whether the registered process is the profile's gateway beyond
// doubt: it runs, it started when the registry says, from the program that the
// registry names, its command line chooses no other profile, no other profile
// has that process or state folder, and it has the profile's store open. It
// returns proc.ErrGone when it does not run, else ErrNotProven with what is
// wrong. Where the system does not tell who holds the store (Windows) or a
// command line, that is not asked.
func (r Registry) Prove(i Instance) error {
	info, err := proc.Same(i.Process)
	if err != nil {
		return fmt.Errorf("gateway of %s: %w", i.Profile, err)
	}
	if err := r.doubt(i, info.PID); err != nil {
		return fmt.Errorf("process %d is %w of %s: %w", info.PID, ErrNotProven, i.Profile, err)
	}
	return nil
}

// doubt is what speaks against a process that runs, or nil.
func (r Registry) doubt(i Instance, pid int) error {
	switch exe, err := proc.Exe(pid); {
	case err != nil:
		return err
	case i.Exe == "" || exe != i.Exe:
		return fmt.Errorf("it runs %s, and the registry says %s", exe, i.Exe)
	}
	if args, err := proc.Args(pid); err == nil { // else nobody tells
		if name, ok := chosen(args); ok && name != i.Profile {
			return fmt.Errorf("its command line says --profile %s", name)
		}
	}
	if err := r.unshared(i); err != nil {
		return err
	}
	if pid == os.Getpid() { // asking would give up our own lock, see fcntl(2)
		return nil
	}
	switch holder, known, err := lockHolder(filepath.Join(i.StateDir, "store", "LOCK")); {
	case err != nil:
		return err
	case known && holder != pid:
		return errors.New("it does not have the store of the profile open")
	}
	return nil
}

// unshared refuses an instance whose process or state folder another profile has
// too: one of both entries is wrong, and nobody can tell which. Entries that
// cannot be read speak for and against nobody.
func (r Registry) unshared(i Instance) error {
	list, err := r.List()
	if list == nil && err != nil {
		return err
	}
	for _, other := range list {
		switch {
		case other.Profile == i.Profile:
		case other.Process.PID == i.Process.PID && other.Process.Start == i.Process.Start:
			return fmt.Errorf("the registry says that it is the gateway of %s too", other.Profile)
		case sameFolder(other.StateDir, i.StateDir):
			return fmt.Errorf("the registry says that %s has its state folder too", other.Profile)
		}
	}
	return nil
}

func sameFolder(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	one, errA := os.Stat(a)
	two, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(one, two)
}

// chosen is the profile that a command line names, and false when it names none.
func chosen(args []string) (name string, ok bool) {
	for n, arg := range args {
		switch value, joined := strings.CutPrefix(arg, "--profile="); {
		case joined:
			return value, true
		case arg == "--profile" && n+1 < len(args):
			return args[n+1], true
		case arg == "--dev":
			return Dev, true
		case arg == "--":
			return "", false
		}
	}
	return "", false
}
