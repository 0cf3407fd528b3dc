package store

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// FuzzKey: every key that may be stored is printed on one line and parsed back, and lies in its keyspace's bounds only.
func FuzzKey(f *testing.F) {
	for _, id := range []string{"a", "/", "7", "018446744073709551615", "a/b/c", "\x00", "ü", "#1", "\u0085"} {
		f.Add("agent", "in", id, uint64(len(id)))
	}
	f.Add("a-1", "0", strings.Repeat("x", maxID), uint64(maxSeq))
	f.Fuzz(func(t *testing.T, component, kind, id string, seq uint64) {
		space, err := prefix(component, kind)
		if err != nil {
			return
		}
		var ids []string
		if checkID(id) == nil {
			if _, isSeq := parseSeq(id); isSeq {
				t.Errorf("string id %q looks like a sequence number", id)
			}
			ids = append(ids, id)
		}
		if seq > 0 && seq <= maxSeq {
			ids = append(ids, seqID(seq))
		}
		start, end := bounds(space)
		for _, id := range ids {
			key := space + id
			printed := printKey(key)
			if strings.ContainsAny(printed, "\x00\n\r") || !slices.Contains(parseKey(printed), key) {
				t.Errorf("key %q prints as %q, which parses as %q", key, printed, parseKey(printed))
			}
			if gotSpace, gotID, ok := splitKey(key); !ok || gotSpace != space || gotID != id {
				t.Errorf("key %q splits into %q, %q", key, gotSpace, gotID)
			}
			if bytes.Compare([]byte(key), start) < 0 || bytes.Compare([]byte(key), end) >= 0 {
				t.Errorf("key %q lies outside of %q to %q", key, start, end)
			}
		}
		if other, _ := prefix(component, kind+"0"); strings.HasPrefix(other, space) {
			t.Errorf("keyspace %q begins with %q", other, space)
		}
	})
}

// FuzzParseKey: whatever a person types is at most turned into keys that print as that.
func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"", "/", "a/b", "a/b/1", "a/b/01", "a/b/72057594037927936", "store/commit/last"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, key := range parseKey(s)[1:] {
			if printKey(key) != s {
				t.Errorf("%q parses as %q, which prints as %q", s, key, printKey(key))
			}
		}
	})
}

func TestSequenceOrderIsKeyOrder(t *testing.T) {
	last := ""
	for _, seq := range []uint64{1, 2, 255, 256, 65535, 65536, 1 << 40, maxSeq} {
		id := seqID(seq)
		if got, ok := parseSeq(id); id <= last || !ok || got != seq {
			t.Errorf("%d: %q after %q, parsed as %d", seq, id, last, got)
		}
		last = id
	}
}
