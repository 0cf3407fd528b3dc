package capture

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clawdbot/browser/api"
)

// What a Folder keeps. Older files, and those past the number, go when a new one
// comes.
const (
	keepFor  = 7 * 24 * time.Hour
	keepMost = 500
)

// named is how the names of a Folder's files begin: with the time they were made
// at, in UTC, so that they sort by it.
const named = "20060102-150405.000000"

// Folder is where pictures and other files of a page are kept for a while. It is
// made when needed, and safe for use by many goroutines.
type Folder string

// Save writes a file and returns its path. kind is the end of its name, such as
// png.
func (f Folder) Save(kind string, data []byte) (string, error) {
	file, err := f.Create(kind)
	if err != nil {
		return "", err
	}
	_, err = file.Write(data)
	return file.Done(err)
}

// File is a new file that only we can read, until Done.
type File struct{ *os.File }

// Create makes a file whose name ends in kind.
func (f Folder) Create(kind string) (File, error) {
	now := time.Now().UTC()
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return File{}, err
	}
	if err := f.clear(now); err != nil {
		return File{}, err
	}
	file, err := os.CreateTemp(string(f), now.Format(named)+"-*."+kind) // 0600
	return File{file}, err
}

// CreateAt makes a file at a path, below the folder unless it is absolute. What is
// there already is left alone, and is a conflict.
func (f Folder) CreateAt(path string) (File, error) {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return File{}, err
	}
	if !filepath.IsAbs(path) {
		if !filepath.IsLocal(path) {
			return File{}, api.Errorf(http.StatusBadRequest, "path %q leads out of %s: give it whole, or without ..", path, f)
		}
		path = filepath.Join(string(f), path)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return File{}, api.Errorf(http.StatusConflict, "path %s exists already: give another one", path)
	case errors.Is(err, os.ErrNotExist):
		return File{}, api.Errorf(http.StatusBadRequest, "path %s: there is no such folder", path)
	}
	return File{file}, err
}

// Done closes the file and returns its path; when writing it failed, it is
// removed.
func (f File) Done(failed error) (string, error) {
	closed := f.Close()
	if failed == nil && closed == nil {
		return f.Name(), nil
	}
	if failed == nil {
		failed = fmt.Errorf("keep %s: %w", filepath.Base(f.Name()), closed)
	}
	return "", errors.Join(failed, os.Remove(f.Name()))
}

// clear removes what is not to be kept any longer. Only files that are named as
// ours are touched.
func (f Folder) clear(now time.Time) error {
	all, err := os.ReadDir(string(f)) // sorted by name
	if err != nil {
		return err
	}
	ours := slices.DeleteFunc(all, func(e os.DirEntry) bool { return !e.Type().IsRegular() || madeAt(e.Name()).IsZero() })
	for i, e := range ours {
		if len(ours)-i < keepMost && now.Sub(madeAt(e.Name())) < keepFor {
			return nil // as all that follow
		}
		if err := os.Remove(filepath.Join(string(f), e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// madeAt is the time in the name of a file of ours, zero for another's.
func madeAt(name string) time.Time {
	at, rest, _ := strings.Cut(name, "-")
	clock, _, ok := strings.Cut(rest, "-")
	if !ok {
		return time.Time{}
	}
	made, err := time.Parse(named, at+"-"+clock)
	if err != nil {
		return time.Time{}
	}
	return made
}
