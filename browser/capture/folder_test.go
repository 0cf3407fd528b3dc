package capture

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"clawdbot/browser/api"
)

func TestSave(t *testing.T) {
	f := Folder(filepath.Join(t.TempDir(), "media"))
	one, err := f.Save("png", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := f.Save("png", []byte("two"))
	if err != nil || one >= two || filepath.Ext(two) != ".png" {
		t.Fatalf("%s then %s: %v", one, two, err)
	}
	for path, want := range map[string]fs.FileMode{string(f): 0o700, one: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if body, err := os.ReadFile(two); err != nil || string(body) != "two" {
		t.Errorf("%q, %v", body, err)
	}
}

// A folder keeps what is new, at most keepMost files, and all that others put
// there.
func TestFolderClearsItself(t *testing.T) {
	f := Folder(t.TempDir())
	now := time.Now().UTC()
	put := func(name string) string {
		t.Helper()
		path := filepath.Join(string(f), name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := func(age time.Duration) string { return put(now.Add(-age).Format(named) + "-1.png") }
	old, young := file(keepFor+time.Minute), file(keepFor-time.Minute)
	others := []string{put("notes.txt"), put("20010101-000000-mine.png"), put("user-data-x")}
	kept := func() int {
		t.Helper()
		all, err := os.ReadDir(string(f))
		if err != nil {
			t.Fatal(err)
		}
		return len(all) - len(others)
	}
	if _, err := f.Save("png", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", old, err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error(err)
	}
	for i := range keepMost + 20 {
		file(time.Duration(i+2) * time.Second)
	}
	if _, err := f.Save("png", nil); err != nil || kept() != keepMost {
		t.Errorf("%d files, %v", kept(), err)
	}
	if _, err := os.Stat(young); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the oldest did not go first: %v", err)
	}
	for _, path := range others {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// What cannot be written leaves nothing behind.
func TestDoneRemovesWhatFailed(t *testing.T) {
	f := Folder(t.TempDir())
	file, err := f.Create("zip")
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	if _, err := file.Done(full); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(string(f)); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if file, err = f.Create("zip"); err != nil || file.Close() != nil {
		t.Fatal(err)
	}
	if _, err := file.Done(nil); err == nil || !strings.Contains(err.Error(), "keep "+filepath.Base(file.Name())) {
		t.Errorf("a file that cannot be closed: %v", err)
	}
	blocked := Folder(filepath.Join(string(f), "file", "media"))
	if err := os.WriteFile(filepath.Join(string(f), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blocked.Save("png", nil); err == nil {
		t.Error("a folder in a file")
	}
}

// A path of the caller's is of a new file, below the folder unless absolute.
func TestCreateAt(t *testing.T) {
	f := Folder(filepath.Join(t.TempDir(), "media"))
	elsewhere := filepath.Join(t.TempDir(), "b.zip")
	for path, want := range map[string]string{"a.zip": filepath.Join(string(f), "a.zip"), elsewhere: elsewhere} {
		file, err := f.CreateAt(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := file.Done(nil); err != nil || got != want {
			t.Errorf("%s is %s, %v", path, got, err)
		}
		if info, err := os.Stat(want); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%v, %v", info, err)
		}
	}
	for path, want := range map[string]int{"a.zip": 409, elsewhere: 409, "../x.zip": 400, "no/x.zip": 400} {
		if _, err := f.CreateAt(path); api.StatusOf(err) != want {
			t.Errorf("%s: %v, want %d", path, err, want)
		}
	}
}
