package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"clawdbot/profile/store"
)

// openFile is a file or folder that others than its owner can use.
type openFile struct {
	path string
	mode fs.FileMode
}

// checkModes looks for files of the profile that other users could read.
func (s *patient) checkModes(context.Context) []finding {
	if runtime.GOOS == "windows" { // folders inherit their access lists there
		return nil
	}
	open, err := s.openFiles()
	switch {
	case err != nil:
		return []finding{{Severity: problem, Text: oneLine(err.Error())}}
	case len(open) == 0:
		return nil
	}
	text := fmt.Sprintf("%s can be used by others (mode %04o)", s.short(open[0].path), open[0].mode)
	if len(open) > 1 {
		text += fmt.Sprintf(", and so can %d more", len(open)-1)
	}
	return []finding{{
		Severity: problem, Text: text, Try: "chmod -R go= " + s.short(s.StateDir),
		fix: func(context.Context) (string, error) { return closeFiles(open) },
	}}
}

// openFiles walks the state folder, and looks at a config that lies elsewhere.
// What Chromium writes is its own, behind a folder of ours.
func (s *patient) openFiles() ([]openFile, error) {
	var open []openFile
	add := func(path string, d fs.DirEntry) error {
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // a running gateway's store removes files
			return nil
		}
		if err == nil && info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			open = append(open, openFile{path, info.Mode().Perm()})
		}
		return err
	}
	err := filepath.WalkDir(s.StateDir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		if err := add(path, d); err != nil || path != s.BrowserDir() {
			return err
		}
		return fs.SkipDir
	})
	if info, statErr := os.Lstat(s.ConfigPath); statErr == nil && filepath.Dir(s.ConfigPath) != s.StateDir {
		err = errors.Join(err, add(s.ConfigPath, fs.FileInfoToDirEntry(info)))
	}
	return open, err
}

// closeFiles takes the access of others away, and nothing else.
func closeFiles(open []openFile) (string, error) {
	var errs []error
	for _, f := range open {
		if err := os.Chmod(f.path, f.mode&0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return count(len(open), "file") + " made private", errors.Join(errs...)
}

// checkStore proves the store's checksums, through the gateway when it runs.
func (s *patient) checkStore(ctx context.Context) []finding {
	var err error
	if s.alive {
		if !s.view.report.Gateway.Reachable {
			return nil // checkGateway tells
		}
		err = s.call(ctx, s.Profile, "state.verify", nil, nil)
	} else {
		err = withStore(s.Profile, true, func(st *store.Store) error {
			_, err := st.Verify(ctx)
			return err
		})
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return s.quarantined()
	case errors.Is(err, store.ErrCorrupt):
		return []finding{{Severity: problem, Text: oneLine(err.Error()) + "; the next start moves it aside and restores the newest checkpoint", Try: s.Command("gateway")}}
	case errors.Is(err, store.ErrLocked):
		return []finding{{Severity: problem, Text: "another process has the store open: " + oneLine(err.Error()), Try: s.Command("profiles")}}
	}
	return []finding{{Severity: problem, Text: oneLine(err.Error())}}
}
