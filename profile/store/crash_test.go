package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

type note struct {
	Text string
	Pad  []byte
}

// childHold opens the store, says so, and waits to be killed.
func childHold(dir string) error {
	s, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println("open")
	<-time.After(time.Minute)
	return s.Close()
}

// childWrite writes from four goroutines for ever, and prints every key and number that was acknowledged. The padding
// fills a memtable every hundred writes or so, so that kills meet flushes and new logs as well.
func childWrite(dir string) error {
	s, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	notes, journal := NewKeyspace[note](s, "agent", "seen"), NewLog[string](s, "agent", "in")
	errs := make(chan error)
	for range 4 {
		go func() {
			for {
				id := strconv.FormatUint(rand.Uint64(), 36)
				if err := notes.Put(id, note{id, make([]byte, rand.IntN(16<<10))}); err != nil {
					errs <- err
					return
				}
				seq, err := journal.Append(id)
				if err != nil {
					errs <- err
					return
				}
				fmt.Printf("%s %d\n", id, seq) // one write call, so lines stay whole
			}
		}()
	}
	return <-errs
}

func TestKillLosesNoAcknowledgedWrite(t *testing.T) {
	total := 0
	for range 4 {
		dir := filepath.Join(t.TempDir(), "store")
		acked := map[string]uint64{}
		for range 25 {
			killRound(t, dir, acked)
		}
		s := open(t, Config{Dir: dir})
		checkAcked(t, s, acked)
		closeStore(t, s)
		total += len(acked)
	}
	t.Logf("%d writes acknowledged", total)
	if total < 100 {
		t.Errorf("only %d writes in a hundred rounds: the rounds prove little", total)
	}
}

// killRound lets a child write to dir, kills it, proves what it acknowledged, and adds that to acked.
func killRound(t *testing.T, dir string, acked map[string]uint64) {
	cmd, lines := startChild(t, "write", dir)
	count := rand.IntN(30) // 0: while it opens
	if count == 0 {
		timer := time.AfterFunc(time.Duration(rand.IntN(100))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	fresh := map[string]uint64{}
	for i := 1; lines.Scan(); i++ {
		id, seq, ok := strings.Cut(lines.Text(), " ")
		if i == count {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		n, err := strconv.ParseUint(seq, 10, 64)
		if !ok || err != nil {
			continue // the line that the kill cut short
		}
		fresh[id] = n
	}
	_ = cmd.Wait() // it was killed
	s := open(t, Config{Dir: dir})
	defer closeStore(t, s)
	checkAcked(t, s, fresh)
	maps.Copy(acked, fresh)
}

func checkAcked(t *testing.T, s *Store, acked map[string]uint64) {
	t.Helper()
	notes, journal := NewKeyspace[note](s, "agent", "seen"), NewLog[string](s, "agent", "in")
	for id, seq := range acked {
		if v, err := notes.Get(id); err != nil || v.Text != id {
			t.Fatalf("note %s: %q, %v", id, v.Text, err)
		}
		if v, err := journal.Get(seq); err != nil || v != id {
			t.Fatalf("record %d: %q, %v; want %s", seq, v, err, id)
		}
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	_, lines := startChild(t, "hold", dir)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("child said %q", lines.Text())
	}
	for _, readOnly := range []bool{false, true} {
		_, err := Open(Config{Dir: dir, ReadOnly: readOnly})
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
			t.Errorf("read-only %v: %v", readOnly, err)
		}
	}
	_, rec, err := Recover(t.Context(), Config{Dir: dir})
	if !errors.Is(err, ErrLocked) || rec.Quarantined != "" {
		t.Errorf("recover: %+v, %v", rec, err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}

func TestConcurrentWritersShareSyncs(t *testing.T) {
	counted := &diskFS{FS: osFS}
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "store"), FS: counted})
	defer closeStore(t, s)
	journal := NewLog[int](s, "agent", "in")
	counted.syncs.Store(0)
	var writers sync.WaitGroup
	const each, all = 50, 16 * 50
	for i := range 16 {
		writers.Go(func() {
			for range each {
				if _, err := journal.Append(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if n := counted.syncs.Load(); n == 0 || n >= all/2 {
		t.Errorf("%d syncs for %d writes", n, all)
	}
	next, count := uint64(1), map[int]int{}
	for r, err := range journal.From(0) {
		if err != nil || r.Seq != next {
			t.Fatalf("record %d, want %d, %v", r.Seq, next, err)
		}
		next++
		count[r.Value]++
	}
	for i := range 16 {
		if count[i] != each {
			t.Errorf("writer %d: %d records", i, count[i])
		}
	}
}
