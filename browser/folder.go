package browser

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"clawdbot/profile/proc"
)

// Chromium marks a user data folder in use by three links (its
// process_singleton_posix.cc): SingletonLock to <host>-<pid>, SingletonSocket
// to a socket in a temporary folder, SingletonCookie to a number.
const (
	singletonLock   = "SingletonLock"
	singletonSocket = "SingletonSocket"
	singletonCookie = "SingletonCookie"
)

// claim makes the user data folder and clears away the lock of a Chromium that
// is dead. A lock of a live one, or of another host, is an error.
func claim(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("user data folder: %w", err)
	}
	lock := filepath.Join(folder, singletonLock)
	owner, err := os.Readlink(lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("user data folder: %w", err)
	}
	dash := strings.LastIndexByte(owner, '-')
	pid, err := strconv.Atoi(owner[dash+1:])
	if dash < 0 || err != nil {
		return fmt.Errorf("user data folder %s has an odd lock %q: remove %s if no Chromium uses it", folder, owner, lock)
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("user data folder %s is locked, and the host has no name to compare: %w", folder, err)
	}
	if owner[:dash] != host {
		return fmt.Errorf("user data folder %s is in use by process %d on host %s: end it there, or remove %s if it is gone", folder, pid, owner[:dash], lock)
	}
	switch holder, err := proc.Find(pid); {
	case err == nil:
		return fmt.Errorf("user data folder %s is in use by process %d (%s): end it, or remove %s if it is no Chromium", folder, pid, holder.Name, lock)
	case !errors.Is(err, proc.ErrGone):
		return fmt.Errorf("user data folder %s: %w", folder, err)
	}
	sweep(folder)
	return nil
}

// sweep removes the marks of a dead Chromium, which one that was killed leaves
// behind, the temporary folder included.
func sweep(folder string) {
	if socket, err := os.Readlink(filepath.Join(folder, singletonSocket)); err == nil && filepath.Base(socket) == singletonSocket {
		for _, left := range []string{socket, filepath.Join(filepath.Dir(socket), singletonCookie), filepath.Dir(socket)} {
			_ = os.Remove(left) // a folder only when it is empty
		}
	}
	for _, mark := range []string{singletonLock, singletonSocket, singletonCookie} {
		_ = os.Remove(filepath.Join(folder, mark)) // Chromium's own close has removed them
	}
}
