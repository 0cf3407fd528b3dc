//go:build unix

package profile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockHolder returns the process that has the file locked, 0 when nobody has.
// Pebble locks its store with a lock of fcntl(2), which tells its holder.
func lockHolder(path string) (pid int, known bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, false, fmt.Errorf("who locks %s: %w", path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, true, nil
	}
	return int(lock.Pid), true, nil
}
