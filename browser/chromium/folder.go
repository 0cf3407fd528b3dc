package chromium

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// folderFlag goes before the folder on a Chromium's command line.
const folderFlag = "--user-data-dir="

// lock is whom a user data folder says it is in use by. The zero value is
// nobody.
type lock struct {
	host string
	pid  int
}

// readLock returns whom the folder says it is in use by.
func readLock(folder string) (lock, error) {
	owner, err := os.Readlink(filepath.Join(folder, singletonLock))
	if errors.Is(err, fs.ErrNotExist) {
		return lock{}, nil
	}
	if err != nil {
		return lock{}, fmt.Errorf("user data folder: %w", err)
	}
	dash := strings.LastIndexByte(owner, '-')
	pid, err := strconv.Atoi(owner[dash+1:])
	if dash < 0 || err != nil {
		return lock{}, fmt.Errorf("user data folder %s has an odd lock %q: remove %s if no Chromium uses it", folder, owner, filepath.Join(folder, singletonLock))
	}
	return lock{owner[:dash], pid}, nil
}

// claim makes the user data folder and clears away the lock of a Chromium that
// is dead.
func (l *Launcher) claim(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("user data folder: %w", err)
	}
	left, err := unused(folder)
	if err == nil && left != (lock{}) {
		l.cfg.Log.Info("the lock of a Chromium that is dead is removed", "folder", folder, "pid", left.pid)
		sweep(folder)
	}
	return err
}

// unused returns the lock that a Chromium that is dead left behind, none for a
// folder without a lock. A lock of a live one, or of another host, is an error.
func unused(folder string) (left lock, err error) {
	owner, err := readLock(folder)
	if err != nil || owner == (lock{}) {
		return lock{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		return lock{}, fmt.Errorf("user data folder %s is locked, and the host has no name to compare: %w", folder, err)
	}
	path := filepath.Join(folder, singletonLock)
	if owner.host != host {
		return lock{}, fmt.Errorf("user data folder %s is in use by process %d on host %s: end it there, or remove %s if it is gone", folder, owner.pid, owner.host, path)
	}
	switch found, err := proc.Find(owner.pid); {
	case err == nil:
		return lock{}, fmt.Errorf("user data folder %s is in use by process %d (%s): end it, or remove %s if it is no Chromium", folder, owner.pid, found.Name, path)
	case !errors.Is(err, proc.ErrGone):
		return lock{}, fmt.Errorf("user data folder %s: %w", folder, err)
	}
	return owner, nil
}

// uses says whether the process is a Chromium on the folder.
func uses(pid int, folder string) bool {
	args, err := proc.Args(pid)
	return err == nil && slices.Contains(args, folderFlag+folder)
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
