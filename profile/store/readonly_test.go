package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// contents is every file below the folder, with its checksum.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		found[path] = fmt.Sprintf("%x", sha256.Sum256(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPeekTakesNothing(t *testing.T) {
	saved := save(t)
	before := contents(t, filepath.Dir(saved.dir))
	s, look, err := Peek(Config{Dir: saved.dir})
	if err != nil || look != (Look{From: saved.dir}) {
		t.Fatalf("%+v, %v", look, err)
	}
	if n := countNotes(t, s); n != savedNotes {
		t.Errorf("%d notes, want %d", n, savedNotes)
	}
	if err := NewKeyspace[note](s, "agent", "seen").Put("x", note{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a write: %v", err)
	}
	if after := contents(t, filepath.Dir(saved.dir)); !maps.Equal(before, after) {
		t.Errorf("files changed: %v, before %v", after, before)
	}
	owner := open(t, Config{Dir: saved.dir}) // it is locked by nobody
	closeStore(t, s)
	closeStore(t, owner)
}

func TestPeekAtALiveStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	_, lines := startChild(t, "write", dir)
	read := 0
	for range 20 {
		var id string
		var seq uint64
		for range 50 {
			if !lines.Scan() {
				t.Fatal("the writer ended")
			}
			if _, err := fmt.Sscan(lines.Text(), &id, &seq); err != nil {
				t.Fatal(err)
			}
		}
		s, look, err := Peek(Config{Dir: dir})
		if err != nil || look.Damage != nil {
			t.Fatalf("%+v, %v", look, err)
		}
		switch got, err := NewLog[string](s, "agent", "in").Get(seq); {
		case err == nil && got == id:
			read++
		case !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFound): // a table was compacted away
			t.Errorf("record %d: %q, %v; want %s", seq, got, err, id)
		}
		closeStore(t, s)
	}
	if read == 0 {
		t.Error("no acknowledged record could be read")
	}
}

func TestPeekAtADamagedStore(t *testing.T) {
	middle := func(size int) int { return size / 2 }
	for name, c := range map[string]struct {
		damage   func(t *testing.T, s saved)
		whole    bool // it is read from the store itself
		min, max int  // notes that can be read
	}{
		"a flipped byte in the log":    {func(t *testing.T, s saved) { flip(t, newest(t, s.dir, "*.log"), middle) }, true, savedNotes / 2, savedNotes - 1},
		"the log deleted":              {func(t *testing.T, s saved) { remove(t, newest(t, s.dir, "*.log")) }, true, savedNotes / 2, savedNotes / 2},
		"the end mark deleted":         {func(t *testing.T, s saved) { remove(t, markPath(s.dir)) }, true, savedNotes, savedNotes},
		"a flipped byte in the mark":   {func(t *testing.T, s saved) { flip(t, markPath(s.dir), middle) }, true, savedNotes, savedNotes},
		"the manifest's marker gone":   {func(t *testing.T, s saved) { remove(t, newest(t, s.dir, "marker.manifest*")) }, false, savedNotes / 2, savedNotes / 2},
		"the folder removed":           {func(t *testing.T, s saved) { removeAll(t, s.dir) }, false, savedNotes / 2, savedNotes / 2},
		"every file of it cut to zero": {func(t *testing.T, s saved) { cutAll(t, s.dir) }, false, savedNotes / 2, savedNotes / 2},
	} {
		t.Run(name, func(t *testing.T) {
			saved := save(t)
			c.damage(t, saved)
			before := contents(t, filepath.Dir(saved.dir))
			s, look, err := Peek(Config{Dir: saved.dir})
			if err != nil {
				t.Fatal(err)
			}
			defer closeStore(t, s)
			from := saved.checkpoint
			if c.whole {
				from = saved.dir
			}
			if n := countNotes(t, s); n < c.min || n > c.max || look.From != from {
				t.Errorf("%d notes from %s, want %d to %d from %s", n, look.From, c.min, c.max, from)
			}
			if damaged := c.max < savedNotes; damaged != (look.Damage != nil) {
				t.Errorf("damage: %v", look.Damage)
			}
			if after := contents(t, filepath.Dir(saved.dir)); !maps.Equal(before, after) {
				t.Error("files changed")
			}
		})
	}
}

func removeAll(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

// cutAll leaves every file of the folder empty.
func cutAll(t *testing.T, dir string) {
	t.Helper()
	for path := range contents(t, dir) {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPeekWhereNothingIs(t *testing.T) {
	if _, _, err := Peek(Config{Dir: filepath.Join(t.TempDir(), "store")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	saved := save(t)
	cutAll(t, saved.dir)
	removeAll(t, saved.checkpoint)
	if _, _, err := Peek(Config{Dir: saved.dir}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged store without a checkpoint: %v", err)
	}
}
