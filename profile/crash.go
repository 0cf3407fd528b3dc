package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Names in the crash folder of the state folder.
const (
	crashFolder  = "crash"
	crashCurrent = "current.txt"
	crashName    = "20060102-150405.000.txt" // of an earlier life, by when it ended, UTC
	crashesKept  = 5
)

// KeepCrashOutput has the Go runtime write what a crash of this process says,
// its goroutines among it, also into the crash folder of the state folder. What
// an earlier life left there is kept, the newest five. Call it when this process
// has the profile's store, which guards the folder. Stop ends it and leaves no
// empty file behind.
func (p Profile) KeepCrashOutput() (stop func() error, err error) {
	dir := filepath.Join(p.StateDir, crashFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	current := filepath.Join(dir, crashCurrent)
	if err := keepCrash(dir, current); err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	f, err := os.OpenFile(current, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	err = debug.SetCrashOutput(f, debug.CrashOptions{}) // it duplicates the file
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	return func() error {
		if err := errors.Join(debug.SetCrashOutput(nil, debug.CrashOptions{}), os.Remove(current)); err != nil {
			return fmt.Errorf("crash output: %w", err)
		}
		return nil
	}, nil
}

// keepCrash gives the crash of an earlier life a name of its own and removes the oldest.
func keepCrash(dir, current string) error {
	info, err := os.Stat(current)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Size() == 0:
		return nil // it was killed
	}
	if err := os.Rename(current, filepath.Join(dir, info.ModTime().UTC().Format(crashName))); err != nil {
		return err
	}
	var old []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if _, bad := time.Parse(crashName, e.Name()); bad == nil {
			old = append(old, e.Name())
		}
	}
	slices.SortFunc(old, func(a, b string) int { return strings.Compare(b, a) })
	for _, name := range old[min(crashesKept, len(old)):] {
		err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
	}
	return err
}

// LatestCrash returns the newest crash output of the profile with that state
// folder and when it was written, also when its gateway did not start again
// since, and false when there is none.
func LatestCrash(stateDir string) (path string, at time.Time, ok bool) {
	dir := filepath.Join(stateDir, crashFolder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", time.Time{}, false
	}
	for _, e := range entries {
		_, bad := time.Parse(crashName, e.Name())
		info, err := e.Info()
		if bad != nil && e.Name() != crashCurrent || err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			continue
		}
		if !ok || info.ModTime().After(at) {
			path, at, ok = filepath.Join(dir, e.Name()), info.ModTime(), true
		}
	}
	return path, at, ok
}
