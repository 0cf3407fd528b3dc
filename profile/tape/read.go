package tape

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"clawdbot/bus/subject"
	"clawdbot/profile/store"
)

// Query chooses entries. Its zero value chooses all.
type Query struct {
	Since   time.Time // the first moment; zero means the beginning
	Until   time.Time // the first moment after; zero means the end
	Subject string    // a subject or pattern; "" means all
}

// Matches says whether the entry is chosen.
func (q Query) Matches(e Entry) bool {
	return !e.At.Before(q.Since) && (q.Until.IsZero() || e.At.Before(q.Until)) &&
		(q.Subject == "" || subject.Overlap(q.Subject, e.Subject))
}

// Pattern makes a full subject of one that may leave out the profile, as in.>
// does. It returns an error for what is none.
func Pattern(sp subject.Space, pattern string) (string, error) {
	full := pattern
	if pattern != "" && !strings.HasPrefix(pattern, "clawdbot.") {
		full = strings.TrimSuffix(sp.All(), ">") + pattern
	}
	if full != "" && !subject.ValidPattern(full) {
		return "", fmt.Errorf("%.80q is no subject: write it like in.> or %s", pattern, sp.All())
	}
	return full, nil
}

// Read returns the chosen entries that were recorded beside the store in
// storeDir, the oldest first. The store may be open in any process, closed or
// damaged; a line that is damaged is left out. An error comes last, with a zero
// Entry.
func Read(storeDir string, q Query) iter.Seq2[Entry, error] {
	return q.Of(store.ReadRing[Entry](storeDir, Component, Kind, q.Since))
}

// Of returns those of the entries that are chosen.
func (q Query) Of(entries iter.Seq2[Entry, error]) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range entries {
			if err == nil && !q.Matches(e) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
