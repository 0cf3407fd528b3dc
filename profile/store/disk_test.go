package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fill puts padded notes until the store refuses, and returns how many it took and the refusal.
func fill(s *Store) (int, error) {
	notes := NewKeyspace[note](s, "agent", "seen")
	for i := range 1000 {
		if err := notes.Put(fmt.Sprintf("%04d", i), note{Pad: make([]byte, 16<<10)}); err != nil {
			return i, err
		}
	}
	return 1000, nil
}

func TestDiskFullWhileRunning(t *testing.T) {
	for _, file := range []string{".log", ".sst", "MANIFEST", "store.end"} {
		t.Run(file, func(t *testing.T) {
			disk := &diskFS{FS: osFS}
			faults := make(chan error, 100)
			dir := filepath.Join(t.TempDir(), "store")
			s := open(t, Config{Dir: dir, FS: disk, OnFault: func(err error) { faults <- err }})
			allow := map[string]int64{".log": 300 << 10, "store.end": 1000}[file]
			disk.refuseWrites(file, allow, &os.PathError{Op: "write", Path: dir + "/x" + file, Err: syscall.ENOSPC})
			taken, err := fill(s)
			if !errors.Is(err, ErrFull) || taken == 0 {
				t.Fatalf("%d writes, then %v", taken, err)
			}
			if err := <-faults; !errors.Is(err, ErrFull) {
				t.Errorf("fault: %v", err)
			}
			if err := s.Err(); !errors.Is(err, ErrFull) {
				t.Errorf("store: %v", err)
			}
			if _, err := s.Backup(); !errors.Is(err, ErrFull) {
				t.Errorf("backup: %v", err)
			}
			if n := countNotes(t, s); n < taken {
				t.Errorf("%d notes can be read of %d", n, taken)
			}
			if err := s.Close(); !errors.Is(err, ErrFull) {
				t.Errorf("close: %v", err)
			}
			disk.refuse.Store(nil)
			s = open(t, Config{Dir: dir, FS: disk})
			if n := countNotes(t, s); n < taken {
				t.Errorf("%d notes are there of %d acknowledged", n, taken)
			}
			closeStore(t, s)
			if len(faults) > 0 {
				t.Errorf("one more fault: %v", <-faults)
			}
		})
	}
}

func TestDiskFullWhileOpening(t *testing.T) {
	in := save(t)
	for _, file := range []string{".log", ".sst", "MANIFEST", ".dbtmp", "marker", "store.end"} {
		t.Run(file, func(t *testing.T) {
			disk := &diskFS{FS: osFS}
			disk.refuseWrites(file, 0, &os.PathError{Op: "write", Path: file, Err: syscall.ENOSPC})
			_, rec, err := Recover(t.Context(), Config{Dir: in.dir, FS: disk})
			if !errors.Is(err, ErrFull) || rec.Quarantined != "" {
				t.Fatalf("%+v, %v", rec, err)
			}
			if file == ".sst" {
				return // a new store has none
			}
			if _, err := Open(Config{Dir: filepath.Join(t.TempDir(), "store"), FS: disk}); !errors.Is(err, ErrFull) {
				t.Errorf("new store: %v", err)
			}
		})
	}
	s := open(t, Config{Dir: in.dir})
	defer closeStore(t, s)
	if n := countNotes(t, s); n != savedNotes {
		t.Errorf("%d notes", n)
	}
}

func TestDiskFullInACheckpointLeavesTheStoreAlone(t *testing.T) {
	disk := &diskFS{FS: osFS}
	dir := t.TempDir()
	s := open(t, Config{Dir: filepath.Join(dir, "store"), FS: disk})
	defer closeStore(t, s)
	disk.refuseWrites("OPTIONS", 0, &os.PathError{Op: "write", Path: "OPTIONS", Err: syscall.ENOSPC})
	if err := s.Checkpoint(filepath.Join(dir, "copy")); !errors.Is(err, ErrFull) {
		t.Errorf("checkpoint: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "copy*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	if err := NewKeyspace[int](s, "agent", "seen").Put("a", 1); err != nil {
		t.Error(err)
	}
}

// A file in the folder's place refuses root as well.
func TestNotWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "store")} {
		_, rec, err := Recover(t.Context(), Config{Dir: dir})
		if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), dir) || rec.Quarantined != "" {
			t.Errorf("%+v, %v", rec, err)
		}
	}
	disk := &diskFS{FS: osFS}
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "store"), FS: disk})
	disk.refuseWrites(".log", 0, &os.PathError{Op: "write", Path: "x.log", Err: syscall.EROFS})
	if err := NewKeyspace[int](s, "agent", "seen").Put("a", 1); !errors.Is(err, ErrReadOnly) {
		t.Errorf("put: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrReadOnly) {
		t.Errorf("close: %v", err)
	}
}
