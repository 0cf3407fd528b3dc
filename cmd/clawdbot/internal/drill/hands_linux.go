package drill

import (
	"fmt"

	"golang.org/x/sys/unix"

	"clawdbot/profile/proc"
)

// noRoom keeps the process from writing to any file, as a full disk does, and
// room takes that back. See prlimit(2).
func noRoom(id proc.Identity) error { return limitFiles(id, 1) }

func room(id proc.Identity) error { return limitFiles(id, unix.RLIM_INFINITY) }

func limitFiles(id proc.Identity, size uint64) error {
	if _, err := proc.Same(id); err != nil {
		return err
	}
	if err := unix.Prlimit(id.PID, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil); err != nil {
		return fmt.Errorf("limit the files of process %d: %w", id.PID, err)
	}
	return nil
}
