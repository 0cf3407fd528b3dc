package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func fresh(t testing.TB) *Store {
	t.Helper()
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "store")})
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func TestKeyspace(t *testing.T) {
	s := fresh(t)
	type grant struct {
		Name     string
		Subjects []string
		At       time.Time
	}
	grants := NewKeyspace[grant](s, "bus", "grant")
	want := grant{"ci", []string{"clawdbot.main.in.>"}, time.Date(2025, 1, 2, 3, 4, 5, 6, time.UTC)}
	for _, id := range []string{"a", "a/b", "/", "ü", "z//"} {
		if err := grants.Put(id, want); err != nil {
			t.Fatal(err)
		}
	}
	// Neighbours that a careless prefix would take in.
	for _, kind := range []string{"grants", "gran", "grant0"} {
		if err := NewKeyspace[int](s, "bus", kind).Put("a", 1); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := grants.Get("a/b"); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v", got, err)
	}
	ids := func(start string) (ids []string) {
		for e, err := range grants.Scan(start) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, e.ID)
		}
		return ids
	}
	if got := ids(""); !slices.Equal(got, []string{"/", "a", "a/b", "z//", "ü"}) {
		t.Errorf("all: %q", got)
	}
	if got := ids("a"); !slices.Equal(got, []string{"a", "a/b"}) {
		t.Errorf("scan: %q", got)
	}
	if err := errors.Join(grants.Delete("a"), grants.Delete("never there")); err != nil {
		t.Fatal(err)
	}
	if _, err := grants.Get("a"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "bus/grant/a") {
		t.Errorf("deleted: %v", err)
	}
	for _, err := range grants.All() {
		if err != nil {
			t.Fatal(err)
		}
		break // must not be called again
	}
}

func TestBadKeysAndValues(t *testing.T) {
	s := fresh(t)
	for _, id := range []string{"", "a\x00", "line\n", "\xff", strings.Repeat("x", maxID+1)} {
		if err := NewKeyspace[int](s, "a", "b").Put(id, 1); !errors.Is(err, ErrKey) {
			t.Errorf("id %q: %v", id, err)
		}
	}
	for _, word := range []string{"", "a/b", "A", "ä", "a b"} {
		if err := NewKeyspace[int](s, word, "b").Put("x", 1); !errors.Is(err, ErrKey) {
			t.Errorf("component %q: %v", word, err)
		}
		if _, err := NewLog[int](s, "a", word).Append(1); !errors.Is(err, ErrKey) {
			t.Errorf("kind %q: %v", word, err)
		}
		for _, err := range NewLog[int](s, "a", word).From(0) {
			if !errors.Is(err, ErrKey) {
				t.Errorf("kind %q: %v", word, err)
			}
		}
	}
	if err := NewKeyspace[func()](s, "a", "b").Put("x", nil); err == nil {
		t.Error("a func was encoded")
	}
	if err := NewKeyspace[string](s, "a", "b").Put("x", "text"); err != nil {
		t.Fatal(err)
	}
	if _, err := NewKeyspace[int](s, "a", "b").Get("x"); err == nil || !strings.Contains(err.Error(), "a/b/x") {
		t.Errorf("decode: %v", err)
	}
	for _, err := range NewKeyspace[int](s, "a", "b").All() {
		if err == nil || !strings.Contains(err.Error(), "a/b/x") {
			t.Errorf("decode: %v", err)
		}
	}
}

func TestLogNeverGivesANumberTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	appendTo := func(s *Store, want uint64) {
		t.Helper()
		if seq, err := NewLog[string](s, "agent", "in").Append(fmt.Sprint(want)); err != nil || seq != want {
			t.Fatalf("appended as %d, want %d: %v", seq, want, err)
		}
	}
	s := open(t, Config{Dir: dir})
	for i := range 300 { // past one byte, so that order is not byte order by chance
		appendTo(s, uint64(i)+1)
	}
	journal := NewLog[string](s, "agent", "in")
	if err := errors.Join(journal.Trim(200), journal.Delete(250), journal.Put(251, "new")); err != nil {
		t.Fatal(err)
	}
	if err := journal.Put(250, "gone"); !errors.Is(err, ErrNotFound) {
		t.Errorf("put over a deleted record: %v", err)
	}
	var seqs []uint64
	for r, err := range journal.From(249) {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, r.Seq)
	}
	if len(seqs) != 51 || seqs[0] != 249 || seqs[1] != 251 || !slices.IsSorted(seqs) {
		t.Errorf("from 249: %v", seqs)
	}
	for r, err := range journal.From(0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq != 200 {
			t.Errorf("first after trim: %d", r.Seq)
		}
		break
	}
	if err := journal.Trim(maxSeq); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s = open(t, Config{Dir: dir})
	defer closeStore(t, s)
	appendTo(s, 301)
}

func TestUpdateIsAtomic(t *testing.T) {
	s := fresh(t)
	in, seen := NewLog[string](s, "agent", "in"), NewKeyspace[uint64](s, "agent", "seen")
	deliver := func(id string, fault error) error {
		return s.Update(func(tx *Tx) error {
			seq, err := in.With(tx).Append(id)
			if err != nil {
				return err
			}
			if err := seen.With(tx).Put(id, seq); err != nil {
				return err
			}
			if got, err := seen.With(tx).Get(id); err != nil || got != seq {
				t.Errorf("own write: %d, %v", got, err)
			}
			return fault
		})
	}
	fault := errors.New("no")
	if err := deliver("a", fault); !errors.Is(err, fault) {
		t.Errorf("error of the function: %v", err)
	}
	if _, err := seen.Get("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("refused update wrote: %v", err)
	}
	if err := deliver("a", nil); err != nil {
		t.Fatal(err)
	}
	if seq, err := seen.Get("a"); err != nil || seq != 1 {
		t.Errorf("%d, %v", seq, err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(func(*Tx) error { panic("in the function") })
	}()
	before := s.commit
	if err := s.Update(func(*Tx) error { return nil }); err != nil || s.commit != before {
		t.Errorf("empty update: commit %d after %d, %v", s.commit, before, err)
	}
	if err := deliver("b", nil); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestCloseWaitsAndRefuses(t *testing.T) {
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "store")})
	notes := NewKeyspace[int](s, "agent", "seen")
	entered, leave, closed := make(chan bool), make(chan bool), make(chan error)
	wrote := make(chan error, 1)
	go func() {
		wrote <- s.Update(func(tx *Tx) error {
			close(entered)
			<-leave
			return notes.With(tx).Put("a", 1)
		})
	}()
	<-entered
	go func() { closed <- s.Close() }()
	for s.begin() == nil { // until Close has begun
		s.ops.Done()
		runtime.Gosched()
	}
	close(leave)
	if err := errors.Join(<-wrote, <-closed, s.Close()); err != nil {
		t.Error(err)
	}
	_, getErr := notes.Get("a")
	_, verifyErr := s.Verify(t.Context())
	for _, err := range []error{getErr, verifyErr, notes.Put("a", 1), s.Checkpoint(t.TempDir())} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after close: %v", err)
		}
	}
}

func TestReadOnlyAndModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, Config{Dir: dir})
	if err := NewKeyspace[int](s, "agent", "seen").Put("a", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	closeStore(t, s)
	info, err := os.Stat(dir)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	s = open(t, Config{Dir: dir, ReadOnly: true})
	defer closeStore(t, s)
	notes := NewKeyspace[int](s, "agent", "seen")
	if v, err := notes.Get("a"); err != nil || v != 1 {
		t.Errorf("%d, %v", v, err)
	}
	for _, err := range []error{notes.Put("a", 2), s.Checkpoint(dir + ".copy")} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("write: %v", err)
		}
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("opened without a folder")
	}
}

func TestCheckpointOfALiveStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: filepath.Join(dir, "store")})
	defer closeStore(t, s)
	journal := NewLog[note](s, "agent", "in")
	acks, stop := make(chan uint64, 1000), make(chan bool) // the writers pause when the buffer is full
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				seq, err := journal.Append(note{Pad: make([]byte, 4<<10)})
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case acks <- seq:
				case <-stop:
					return
				}
			}
		})
	}
	var last string
	for range 5 {
		var before uint64
		for range 100 {
			before = max(before, <-acks)
		}
		copied, err := s.Backup()
		if err != nil {
			t.Fatal(err)
		}
		checkCopy(t, copied, before)
		last = copied
	}
	close(stop)
	writers.Wait()
	kept, err := checkpoints(osFS, filepath.Join(dir, "checkpoints"))
	if err != nil || len(kept) != checkpointKeep || kept[0] != last {
		t.Errorf("kept %v, %v", kept, err)
	}
	if err := s.Checkpoint(last); !errors.Is(err, os.ErrExist) {
		t.Errorf("over an old one: %v", err)
	}
}

// checkCopy proves that a checkpoint holds all records up to the last one acknowledged before it, without a gap.
func checkCopy(t *testing.T, copied string, acknowledged uint64) {
	t.Helper()
	c := open(t, Config{Dir: filepath.Join(copied, CheckpointStore), ReadOnly: true})
	defer closeStore(t, c)
	next := uint64(1)
	for r, err := range NewLog[note](c, "agent", "in").From(0) {
		if err != nil || r.Seq != next {
			t.Fatalf("record %d, want %d: %v", r.Seq, next, err)
		}
		next++
	}
	if next <= acknowledged {
		t.Errorf("checkpoint ends at %d, %d was acknowledged before", next-1, acknowledged)
	}
}

func TestListGetRawVerify(t *testing.T) {
	s := fresh(t)
	if _, err := NewLog[string](s, "agent", "in").Append("hello"); err != nil {
		t.Fatal(err)
	}
	if err := NewKeyspace[int](s, "agent", "seen").Put("7/x", 12345); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	keys, err := s.List("agent/", 0)
	if err != nil || !slices.Equal(keys, []KeyInfo{{"agent/in/1", 7}, {"agent/seen/7/x", 5}}) {
		t.Errorf("%v, %v", keys, err)
	}
	if keys, err := s.List("", 2); err != nil || len(keys) != 2 {
		t.Errorf("limit: %v, %v", keys, err)
	}
	for key, want := range map[string]string{"agent/in/1": `"hello"`, "agent/seen/7/x": "12345", commitKey: "2"} {
		if got, err := s.GetRaw(key); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", key, got, err)
		}
	}
	if _, err := s.GetRaw("agent/in/2"); !errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "\n") {
		t.Errorf("not there: %v", err)
	}
	r, err := s.Verify(t.Context())
	if err != nil || r.Commits != 2 || r.Tables != 1 || len(r.Keyspaces) != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := r.Keyspaces[0]; got != (Usage{"agent/in", 1, 9 + 8 + 7}) {
		t.Errorf("%+v", got)
	}
}
