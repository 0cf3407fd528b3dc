package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var ringLimits = RingLimits{Bytes: 16 << 10, Age: 24 * time.Hour}

// newRing opens a store in a new folder and returns a ring beside it.
func newRing(t *testing.T, limits RingLimits) (r *Ring[note], storeDir string) {
	t.Helper()
	storeDir = filepath.Join(t.TempDir(), "store")
	s := open(t, Config{Dir: storeDir})
	t.Cleanup(func() { closeStore(t, s) })
	return ringOn(t, s, limits), storeDir
}

func ringOn(t *testing.T, s *Store, limits RingLimits) *Ring[note] {
	t.Helper()
	r, err := NewRing[note](s, "record", "traffic", limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func appendNotes(t *testing.T, r *Ring[note], texts ...string) {
	t.Helper()
	var notes []note
	for _, text := range texts {
		notes = append(notes, note{Text: text})
	}
	if err := r.Append(notes...); err != nil {
		t.Fatal(err)
	}
}

// ringTexts reads the ring as a stranger does.
func ringTexts(t *testing.T, storeDir string) []string {
	t.Helper()
	var texts []string
	for n, err := range ReadRing[note](storeDir, "record", "traffic", time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, n.Text)
	}
	return texts
}

func ringPaths(t *testing.T, storeDir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(storeDir+".ring", "record-traffic", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestRingKeepsTheOrderOverLives(t *testing.T) {
	r, dir := newRing(t, ringLimits)
	if got := ringTexts(t, dir); got != nil {
		t.Errorf("a new ring holds %q", got)
	}
	appendNotes(t, r, "a", "<b>")
	appendNotes(t, r)
	appendNotes(t, r, "c")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	appendNotes(t, r, "d")
	if got := ringTexts(t, dir); !slices.Equal(got, []string{"a", "<b>", "c", "d"}) {
		t.Errorf("got %q", got)
	}
	paths := ringPaths(t, dir)
	if len(paths) != 1 {
		t.Errorf("files %q", paths)
	}
	info, err := os.Stat(paths[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if raw, err := os.ReadFile(paths[0]); err != nil || !strings.Contains(string(raw), `"<b>"`) {
		t.Errorf("people cannot read %q: %v", raw, err)
	}
}

func TestRingForgetsTheOldestBeyondItsSize(t *testing.T) {
	r, dir := newRing(t, ringLimits)
	var want []string
	for i := range 500 {
		text := fmt.Sprintf("%04d-%s", i, strings.Repeat("x", 80))
		appendNotes(t, r, text)
		want = append(want, text)
		if use, err := r.Use(); err != nil || use.Bytes > ringLimits.Bytes {
			t.Fatalf("%+v after %d values: %v", use, i, err)
		}
	}
	got := ringTexts(t, dir)
	use, err := MeasureRing(dir, "record", "traffic")
	if err != nil || use.Bytes < ringLimits.Bytes*7/10 || use.Files < 2 || use.Since.IsZero() {
		t.Errorf("%+v, %v", use, err)
	}
	if len(got) == 0 || !slices.Equal(got, want[len(want)-len(got):]) {
		t.Errorf("the newest are not those that are kept: %d", len(got))
	}
}

func TestRingForgetsTheOldestBeyondItsAge(t *testing.T) {
	r, dir := newRing(t, ringLimits)
	at := time.Now().Add(-48 * time.Hour)
	for i := range 48 { // one an hour
		lines, _, err := ringLines([]note{{Text: fmt.Sprint(i)}})
		if err == nil {
			err = r.write(lines, at.Add(time.Duration(i)*time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got := ringTexts(t, dir)
	if len(got) < 24 || len(got) > 26 || got[len(got)-1] != "47" {
		t.Errorf("kept %q", got)
	}
	var since []string
	for n, err := range ReadRing[note](dir, "record", "traffic", at.Add(45*time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		since = append(since, n.Text)
	}
	if !slices.Contains(since, "45") || len(since) > 4 {
		t.Errorf("since the 45th hour: %q", since)
	}
}

// A file's name must sort behind the others after the clock was set back.
func TestRingWhenTheClockIsSetBack(t *testing.T) {
	r, dir := newRing(t, RingLimits{Bytes: 1600, Age: time.Hour})
	for i := range 8 {
		lines, _, err := ringLines([]note{{Text: fmt.Sprintf("%d %s", i, strings.Repeat("x", 60))}})
		if err == nil {
			err = r.write(lines, time.Now().Add(-time.Duration(i)*time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := ringTexts(t, dir); len(got) != 8 || !slices.IsSorted(got) {
		t.Errorf("got %q", got)
	}
}

func TestRingSkipsWhatIsDamaged(t *testing.T) {
	r, dir := newRing(t, ringLimits)
	appendNotes(t, r, "a", "b", "c")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	path := ringPaths(t, dir)[0]
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(raw), "\n")
	flipped := strings.Replace(lines[1], `"b"`, `"B"`, 1) // sound JSON, another value
	if err := os.WriteFile(path, []byte(lines[0]+flipped+lines[2][:len(lines[2])-4]), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ringTexts(t, dir); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q", got)
	}
	appendNotes(t, r, "d")
	if got := ringTexts(t, dir); !slices.Equal(got, []string{"a", "d"}) {
		t.Errorf("behind a line that was cut short: %q", got)
	}
	for name, body := range map[string]string{"notes.txt": "x", "12.jsonl": "\x00\xff no line at all"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := ringTexts(t, dir); !slices.Equal(got, []string{"a", "d"}) {
		t.Errorf("beside strange files: %q", got)
	}
}

func TestRingLastProvesWhatIsOnDisk(t *testing.T) {
	r, dir := newRing(t, ringLimits)
	if _, err := r.Last(); !errors.Is(err, ErrNotFound) {
		t.Errorf("of an empty ring: %v", err)
	}
	appendNotes(t, r, "a", "last")
	if n, err := r.Last(); err != nil || n.Text != "last" {
		t.Errorf("%+v, %v", n, err)
	}
	if err := os.Truncate(ringPaths(t, dir)[0], 20); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Last(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("of a file that was cut: %v", err)
	}
}

func TestRingIsReadWhileItIsWritten(t *testing.T) {
	r, dir := newRing(t, ringLimits)
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 3000 {
			if err := r.Append(note{Text: fmt.Sprintf("%06d", i)}, note{Text: fmt.Sprintf("%06d+", i)}); err != nil {
				t.Error(err)
			}
		}
	})
	for range 30 {
		if got := ringTexts(t, dir); !slices.IsSorted(got) {
			t.Error("out of order")
		}
	}
	writer.Wait()
}

// The ring is no part of what must not be lost: neither do checkpoints hold it,
// nor does a store that is corrupt, locked or restored take it away.
func TestRingStandsBesideTheStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, Config{Dir: dir})
	r := ringOn(t, s, ringLimits)
	appendNotes(t, r, "needle-in-the-ring")
	if s.commit != 0 {
		t.Errorf("%d commits", s.commit)
	}
	backup, err := s.Backup()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(backup, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		if body, err := os.ReadFile(path); err != nil || strings.Contains(string(body), "needle") {
			t.Errorf("%s holds the ring, or %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if got := ringTexts(t, dir); !slices.Equal(got, []string{"needle-in-the-ring"}) {
		t.Errorf("without the store: %q", got)
	}
}

func TestRingRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	closeStore(t, open(t, Config{Dir: dir}))
	s := open(t, Config{Dir: dir, ReadOnly: true})
	defer closeStore(t, s)
	if _, err := NewRing[note](s, "record", "traffic", ringLimits); !errors.Is(err, ErrReadOnly) {
		t.Errorf("of a store that is read-only: %v", err)
	}
	for _, err := range ReadRing[note](dir, "../record", "traffic", time.Time{}) {
		if !errors.Is(err, ErrKey) {
			t.Errorf("of a name that is a path: %v", err)
		}
	}
	if err := os.WriteFile(dir+".ring", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range ReadRing[note](dir, "record", "traffic", time.Time{}) {
		if err == nil {
			t.Error("a file in place of the folder is read")
		}
	}
}
