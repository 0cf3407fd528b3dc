package store

import (
	"errors"
	"testing"
	"time"
)

func TestStats(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir() + "/db"})
	k := NewKeyspace[string](s, "test", "thing")
	before, err := s.Stats()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		if err := k.Put(id, id); err != nil {
			t.Fatal(err)
		}
	}
	after, err := s.Stats()
	if err != nil || after.Bytes == 0 || after.Commits != before.Commits+3 || after.Written <= before.Written {
		t.Fatalf("before %+v\nafter  %+v, %v", before, after, err)
	}
	syncs := after.Syncs
	for deadline := time.Now().Add(30 * time.Second); syncs.Count < before.Syncs.Count+3 && time.Now().Before(deadline); { // Pebble counts a sync after it has told who waits for it
		if after, err = s.Stats(); err != nil {
			t.Fatal(err)
		}
		syncs = after.Syncs
	}
	if syncs.Count < before.Syncs.Count+3 || syncs.Sum <= 0 || len(syncs.Buckets) != len(syncBounds()) {
		t.Errorf("%+v", syncs)
	}
	for bound, n := range syncs.Buckets {
		if n > syncs.Count {
			t.Errorf("%d of %d took at most %v", n, syncs.Count, bound)
		}
	}
	closeStore(t, s)
	if _, err := s.Stats(); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
