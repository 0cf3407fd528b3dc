package browser

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// trash is the folder that user data is moved to, on the same file system as the
// browser profiles.
type trash string

// keptTrash is how long the trash keeps what is in it.
const keptTrash = 30 * 24 * time.Hour

// move moves a folder into the trash under the name and the time, and returns
// where it is then, "" when there was none. What is in the trash for too long is
// removed.
func (t trash) move(folder, name string, now time.Time) (to string, err error) {
	if err := os.MkdirAll(string(t), 0o700); err != nil {
		return "", fmt.Errorf("trash: %w", err)
	}
	t.empty(now.Add(-keptTrash))
	for n := range 100 { // of one second
		to = filepath.Join(string(t), fmt.Sprintf("%s-%s-%02d", name, now.Format("20060102-150405"), n))
		if _, err = os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	err = os.Rename(folder, to)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("trash: %w", err)
	}
	return to, os.Chtimes(to, now, now)
}

// empty removes what came into the trash before then.
func (t trash) empty(then time.Time) {
	entries, _ := os.ReadDir(string(t)) // it is there
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(then) {
			_ = os.RemoveAll(filepath.Join(string(t), e.Name())) // the next one tries again
		}
	}
}
