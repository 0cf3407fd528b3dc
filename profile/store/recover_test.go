package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// saved is a store whose first half lies in a checkpoint.
type saved struct {
	dir, checkpoint string
}

const savedNotes = 40

// save makes a store of savedNotes notes: 0 to 19 are in a table and in the checkpoint, the later ones only in the log.
func save(t *testing.T) saved {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, Config{Dir: dir})
	notes := NewKeyspace[note](s, "agent", "seen")
	put := func(from, to int) {
		for i := from; i < to; i++ {
			if err := notes.Put(fmt.Sprintf("%02d", i), note{Text: strings.Repeat(fmt.Sprint(i), 100)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(0, savedNotes/2)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	checkpoint, err := s.Backup()
	if err != nil {
		t.Fatal(err)
	}
	put(savedNotes/2, savedNotes)
	closeStore(t, s)
	return saved{dir, checkpoint}
}

func countNotes(t *testing.T, s *Store) int {
	t.Helper()
	n := 0
	for _, err := range NewKeyspace[note](s, "agent", "seen").All() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// newest returns the file that matches pattern and comes last.
func newest(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, dir, err)
	}
	return names[len(names)-1]
}

func flip(t *testing.T, name string, at func(size int) int) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[at(len(raw))] ^= 0x40
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// damages are what Open must notice in a saved store.
var damages = []struct {
	name     string
	salvaged bool // more can be read of the store than the checkpoint holds
	do       func(t *testing.T, s saved)
}{
	{"log deleted", false, func(t *testing.T, s saved) {
		if err := os.Remove(newest(t, s.dir, "*.log")); err != nil {
			t.Fatal(err)
		}
	}},
	{"log cut short", true, func(t *testing.T, s saved) {
		if err := os.Truncate(newest(t, s.dir, "*.log"), 1000); err != nil {
			t.Fatal(err)
		}
	}},
	{"log emptied", false, func(t *testing.T, s saved) {
		if err := os.Truncate(newest(t, s.dir, "*.log"), 0); err != nil {
			t.Fatal(err)
		}
	}},
	{"log flipped at its start", false, func(t *testing.T, s saved) {
		flip(t, newest(t, s.dir, "*.log"), func(int) int { return 20 })
	}},
	{"log flipped in its middle", true, func(t *testing.T, s saved) {
		flip(t, newest(t, s.dir, "*.log"), func(int) int { return 3000 })
	}},
	{"manifest flipped at its start", false, func(t *testing.T, s saved) {
		flip(t, newest(t, s.dir, "MANIFEST-*"), func(int) int { return 10 })
	}},
	{"manifest flipped at its end", false, func(t *testing.T, s saved) {
		flip(t, newest(t, s.dir, "MANIFEST-*"), func(size int) int { return size - 5 })
	}},
	{"manifest deleted", false, func(t *testing.T, s saved) {
		if err := os.Remove(newest(t, s.dir, "MANIFEST-*")); err != nil {
			t.Fatal(err)
		}
	}},
	{"table deleted", false, func(t *testing.T, s saved) {
		if err := os.Remove(newest(t, s.dir, "*.sst")); err != nil {
			t.Fatal(err)
		}
	}},
	{"table cut short", false, func(t *testing.T, s saved) {
		if err := os.Truncate(newest(t, s.dir, "*.sst"), 100); err != nil {
			t.Fatal(err)
		}
	}},
	{"folder deleted", false, func(t *testing.T, s saved) {
		if err := os.RemoveAll(s.dir); err != nil {
			t.Fatal(err)
		}
	}},
	{"folder replaced by an older one", false, func(t *testing.T, s saved) {
		err := errors.Join(os.RemoveAll(s.dir), os.CopyFS(s.dir, os.DirFS(filepath.Join(s.checkpoint, CheckpointStore))))
		if err != nil {
			t.Fatal(err)
		}
	}},
}

func TestDamageIsQuarantinedAndTheMostKept(t *testing.T) {
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			in := save(t)
			damage.do(t, in)
			if _, err := Open(Config{Dir: in.dir}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), in.dir) {
				t.Fatalf("open: %v", err)
			}
			s, rec, err := Recover(t.Context(), Config{Dir: in.dir})
			if err != nil {
				t.Fatal(err)
			}
			defer closeStore(t, s)
			want := in.checkpoint
			if damage.salvaged {
				want = rec.Quarantined
			}
			if rec.Restored != want || rec.Salvaged != damage.salvaged || !errors.Is(rec.Reason, ErrCorrupt) || len(rec.Skipped) > 0 {
				t.Errorf("recovery %+v", rec)
			}
			if !strings.HasPrefix(rec.Quarantined, in.dir+".corrupt-") {
				t.Errorf("quarantined %q", rec.Quarantined)
			}
			for _, name := range []string{rec.Quarantined, markPath(rec.Quarantined)} {
				if _, err := os.Stat(name); err != nil {
					t.Error(err)
				}
			}
			n := countNotes(t, s)
			if damage.salvaged != (n > savedNotes/2) || n < savedNotes/2 {
				t.Errorf("%d notes restored, the checkpoint holds %d", n, savedNotes/2)
			}
			if rec.Commits != uint64(n) || rec.Commits+rec.Missing != savedNotes {
				t.Errorf("%d notes of %d, recovery %+v", n, savedNotes, rec)
			}
			if err := NewKeyspace[note](s, "agent", "seen").Put("new", note{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDamageKeepsTheTables(t *testing.T) {
	in := save(t)
	flip(t, newest(t, in.dir, "MANIFEST-*"), func(size int) int { return size - 5 })
	table := newest(t, in.dir, "*.sst")
	if _, err := Open(Config{Dir: in.dir}); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	if _, err := os.Stat(table); err != nil {
		t.Errorf("opening the damaged store took the table away: %v", err)
	}
}

func TestFlippedTableIsFoundWhenRead(t *testing.T) {
	in := save(t)
	flip(t, newest(t, in.dir, "*.sst"), func(int) int { return 50 })
	faults := make(chan error, 100)
	var log bytes.Buffer
	s := open(t, Config{Dir: in.dir, OnFault: func(err error) { faults <- err }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := s.Verify(t.Context()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), ".sst") {
		t.Errorf("verify: %v", err)
	}
	if _, err := NewKeyspace[note](s, "agent", "seen").Get("03"); !errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "\n") {
		t.Errorf("get: %q", err)
	}
	if err := <-faults; !errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "\n") {
		t.Errorf("fault: %q", err)
	}
	closeStore(t, s)
	if len(faults) > 0 {
		t.Errorf("the same fault again: %v", <-faults)
	}
	if log.Len() > 0 {
		t.Errorf("told twice, in the log too: %s", &log)
	}
	if raw, err := os.ReadFile(newest(t, filepath.Join(in.checkpoint, CheckpointStore), "*.sst")); err != nil || len(raw) == 0 {
		t.Fatal(err)
	}
	c := open(t, Config{Dir: filepath.Join(in.checkpoint, CheckpointStore), ReadOnly: true})
	defer closeStore(t, c)
	if r, err := c.Verify(t.Context()); err != nil || r.Tables == 0 {
		t.Errorf("the checkpoint shares the damage: %+v, %v", r, err)
	}
}

func TestRecoverSkipsADamagedCheckpoint(t *testing.T) {
	in := save(t)
	s := open(t, Config{Dir: in.dir})
	newer, err := s.Backup()
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	flip(t, newest(t, filepath.Join(newer, CheckpointStore), "*.sst"), func(int) int { return 50 })
	if err := os.RemoveAll(in.dir); err != nil {
		t.Fatal(err)
	}
	s, rec, err := Recover(t.Context(), Config{Dir: in.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	if rec.Restored != in.checkpoint || len(rec.Skipped) != 1 || !strings.Contains(rec.Skipped[0].Error(), newer) {
		t.Errorf("recovery %+v", rec)
	}
}

func TestRecoverWithoutACheckpointStartsEmpty(t *testing.T) {
	in := save(t)
	if err := errors.Join(os.RemoveAll(filepath.Dir(in.checkpoint)), os.Remove(newest(t, in.dir, "MANIFEST-*"))); err != nil {
		t.Fatal(err)
	}
	s, rec, err := Recover(t.Context(), Config{Dir: in.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	if rec.Quarantined == "" || rec.Restored != "" || countNotes(t, s) != 0 {
		t.Errorf("recovery %+v, %d notes", rec, countNotes(t, s))
	}
}

func TestRecoverAfterACrashInRecover(t *testing.T) {
	in := save(t)
	cfg, err := Config{Dir: in.dir}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	fresh := in.dir + ".restoring"
	if _, _, err := restore(t.Context(), cfg, fresh, ErrCorrupt); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(in.dir, in.dir+".corrupt-1"), os.Rename(fresh, in.dir)); err != nil {
		t.Fatal(err)
	}
	s, rec, err := Recover(t.Context(), Config{Dir: in.dir}) // the old mark is still there
	if err != nil || rec.Restored != in.checkpoint {
		t.Fatalf("%+v, %v", rec, err)
	}
	closeStore(t, s)
	s, rec, err = Recover(t.Context(), Config{Dir: in.dir})
	if err != nil || rec.Quarantined != "" {
		t.Fatalf("%+v, %v", rec, err)
	}
	closeStore(t, s)
}

func TestRecoverLeavesAllElseAlone(t *testing.T) {
	in := save(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := os.Remove(newest(t, in.dir, "*.log")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Recover(ctx, Config{Dir: in.dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	_, _, err := Recover(t.Context(), Config{Dir: in.dir, ReadOnly: true})
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("read-only: %v", err)
	}
	marker := newest(t, in.dir, "marker.format-version.*")
	if err := os.Rename(marker, filepath.Join(in.dir, "marker.format-version.000099.999")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Recover(t.Context(), Config{Dir: in.dir}); !errors.Is(err, ErrNewer) {
		t.Errorf("newer: %v", err)
	}
	if _, err := os.Stat(in.dir); err != nil {
		t.Error(err)
	}
	_, err = Open(Config{Dir: filepath.Join(t.TempDir(), "none"), ReadOnly: true})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read-only without a store: %v", err)
	}
}

// TestRecoverKeepsWhatCanBeReadWithoutACheckpoint is one flipped bit near the log's end.
func TestRecoverKeepsWhatCanBeReadWithoutACheckpoint(t *testing.T) {
	in := save(t)
	if err := os.RemoveAll(filepath.Dir(in.checkpoint)); err != nil {
		t.Fatal(err)
	}
	flip(t, newest(t, in.dir, "*.log"), func(int) int { return 3000 })
	s, rec, err := Recover(t.Context(), Config{Dir: in.dir})
	if err != nil {
		t.Fatal(err)
	}
	n := countNotes(t, s)
	closeStore(t, s)
	if !rec.Salvaged || rec.Restored != rec.Quarantined || n <= savedNotes/2 || rec.Missing != uint64(savedNotes-n) {
		t.Errorf("recovery %+v, %d notes", rec, n)
	}
	s, rec, err = Recover(t.Context(), Config{Dir: in.dir})
	if err != nil || rec.Reason != nil || countNotes(t, s) != n {
		t.Fatalf("again: %+v, %v", rec, err)
	}
	closeStore(t, s)
}

// TestRecoverAfterACrashInASalvage: the damaged store was moved away, and its copy not yet put in its place.
func TestRecoverAfterACrashInASalvage(t *testing.T) {
	in := save(t)
	flip(t, newest(t, in.dir, "*.log"), func(int) int { return 3000 })
	_, reason := Open(Config{Dir: in.dir})
	cfg, err := Config{Dir: in.dir}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if from, _, err := restore(t.Context(), cfg, in.dir+".restoring", reason); err != nil || from != in.dir {
		t.Fatal(from, err)
	}
	if err := os.Rename(in.dir, in.dir+".corrupt-1"); err != nil {
		t.Fatal(err)
	}
	s, rec, err := Recover(t.Context(), Config{Dir: in.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	if n := countNotes(t, s); !rec.Salvaged || n <= savedNotes/2 {
		t.Errorf("recovery %+v, %d notes", rec, n)
	}
}

func TestLostMarkIsToldAndMadeAnew(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		do         func(t *testing.T, in saved)
		notes      int
	}{
		{"flipped", "store.end is damaged", func(t *testing.T, in saved) { flip(t, markPath(in.dir), func(int) int { return 19 }) }, savedNotes},
		{"deleted", "store.end is gone", func(t *testing.T, in saved) { remove(t, markPath(in.dir)) }, savedNotes},
		{"deleted with the log", "store.end is gone", func(t *testing.T, in saved) {
			remove(t, markPath(in.dir))
			remove(t, newest(t, in.dir, "*.log"))
		}, savedNotes / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := save(t)
			tt.do(t, in)
			says := tt.says + ": whether the newest commits are all there cannot be known"
			var log bytes.Buffer
			closeStore(t, open(t, Config{Dir: in.dir, ReadOnly: true, Log: slog.New(slog.NewTextHandler(&log, nil))}))
			if !strings.Contains(log.String(), says) {
				t.Errorf("logged %q", &log)
			}
			s, rec, err := Recover(t.Context(), Config{Dir: in.dir})
			if err != nil {
				t.Fatal(err)
			}
			if n := countNotes(t, s); n != tt.notes || rec.Reason != nil || !slices.Equal(rec.Warnings, []string{says}) {
				t.Errorf("%d notes, %+v", n, rec)
			}
			closeStore(t, s)
			if m, err := readMark(osFS, in.dir); err != nil || m.commits != uint64(tt.notes) {
				t.Errorf("mark %d, %v", m, err)
			}
			s, rec, err = Recover(t.Context(), Config{Dir: in.dir})
			if err != nil || len(rec.Warnings) > 0 {
				t.Errorf("again: %+v, %v", rec, err)
			}
			closeStore(t, s)
		})
	}
	s, rec, err := Recover(t.Context(), Config{Dir: filepath.Join(t.TempDir(), "store")})
	if err != nil || len(rec.Warnings) > 0 {
		t.Errorf("a new store: %+v, %v", rec, err)
	}
	closeStore(t, s)
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

// TestPlantedLink: what a link in the place of the end mark, or of its next version, points to stays as it is.
func TestPlantedLink(t *testing.T) {
	for _, suffix := range []string{"", ".new"} {
		dir := t.TempDir()
		target, store := filepath.Join(dir, "precious"), filepath.Join(dir, "store")
		if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, markPath(store)+suffix); err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{Dir: store})
		if err := NewKeyspace[int](s, "agent", "seen").Put("a", 1); err != nil {
			t.Error(err)
		}
		closeStore(t, s)
		if raw, err := os.ReadFile(target); string(raw) != "precious" {
			t.Errorf("%q: %q, %v", suffix, raw, err)
		}
		if m, err := readMark(osFS, store); err != nil || m.commits != 1 {
			t.Errorf("%q: mark %+v, %v", suffix, m, err)
		}
	}
}
