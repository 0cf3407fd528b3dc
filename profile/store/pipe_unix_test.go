//go:build unix

package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsNoStore: a pipe or a file in the place of a store, or of a part of it, is told and not waited for.
func TestWhatIsNoStore(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		says  string
	}{
		"a pipe":              {func(dir string) error { return syscall.Mkfifo(dir, 0o600) }, "it is not a folder"},
		"a file":              {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, "it is not a folder"},
		"a pipe for its mark": {func(dir string) error { return within(dir, "../store.end") }, "store.end is not a regular file: remove it"},
		"a pipe in it":        {func(dir string) error { return within(dir, "MANIFEST-000001") }, "MANIFEST-000001 is not a regular file: remove it"},
		"a pipe for its lock": {func(dir string) error { return within(dir, "LOCK") }, "LOCK is not a regular file: remove it"},
		"a pipe for its checkpoints": {func(dir string) error {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, "marker.manifest.000001.MANIFEST-000001"), nil, 0o600); err != nil {
				return err
			}
			return syscall.Mkfifo(filepath.Join(dir, "../checkpoints"), 0o600)
		}, "checkpoints is not a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			told := make(chan error, 1)
			go func() { _, _, err := Peek(Config{Dir: dir}); told <- err }()
			select {
			case err := <-told:
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("it hangs")
			}
			if strings.HasPrefix(c.says, "checkpoints") {
				return
			}
			if s, err := Open(Config{Dir: dir}); err == nil {
				closeStore(t, s)
				t.Error("its owner opens it")
			}
		})
	}
}

// within makes the folder, with a pipe in it.
func within(dir, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syscall.Mkfifo(filepath.Join(dir, name), 0o600)
}
