package rescue

import (
	"slices"
	"time"

	"clawdbot/bus/msg"
)

// Rules of believing a beat.
const (
	clockSlack = 2 * time.Second // how much faster than ours a peer's clock may seem, from one beat to the next
	strayRun   = 8               // beats in a row that contradict the one before but not each other, and so prove that one wrong
	maxMonoMs  = 1 << 42         // 139 years
)

// lies watches over one peer's beats. A beat that does not fit those before is
// refused. Only when a whole run of them fits together it was the earlier one
// that was wrong: one false beat must not make a peer unheard for good.
type lies struct {
	last  arrival  // the last beat that was believed
	stray arrival  // the last one that was not
	run   int      // strays in a row
	told  []string // of this boot
}

// first says whether this kind of wrong was not told of yet for this boot.
func (l *lies) first(wrong string) bool {
	if slices.Contains(l.told, wrong) {
		return false
	}
	l.told = append(l.told, wrong)
	return true
}

// arrival is when a beat came, and what its sender's clock said.
type arrival struct {
	seq    uint64
	monoMs int64
	at     time.Time
}

// leads says whether the next beat goes on from this one: later in its sender's
// life, and not by more time than passed here.
func (a arrival) leads(next arrival) bool {
	gone := time.Duration(next.monoMs-a.monoMs) * time.Millisecond
	return next.seq > a.seq && gone >= 0 && gone <= next.at.Sub(a.at)+clockSlack
}

// weigh says what is wrong with a beat, "" when it can be believed; rebase is
// true for one that shows that an earlier one gave a wrong time.
func (l *lies) weigh(t *track, b msg.Beat, registered string, now time.Time) (wrong string, rebase bool) {
	next := arrival{b.Seq, b.MonoMs, now}
	switch {
	case b.MonoMs < 0 || b.MonoMs > maxMonoMs:
		return "its time is out of range", false
	case slices.Contains(t.boots, b.Boot):
		return "it is of an earlier life", false
	case b.Boot != t.beat.Boot && registered != "" && b.Boot != registered:
		return "its boot is not the one that runs", false
	case b.Boot != t.beat.Boot:
		*l = lies{last: next}
		return "", false
	case b.Seq <= l.last.seq:
		return "it was sent before", false
	case l.last.leads(next):
		l.last, l.run = next, 0
		return "", false
	}
	if l.run > 0 && l.stray.leads(next) {
		l.run++
	} else {
		l.run = 1
	}
	l.stray = next
	if l.run < strayRun {
		if next.monoMs < l.last.monoMs {
			return "its clock went back", false
		}
		return "it is from the future", false
	}
	l.last, l.run = next, 0
	return "", true
}
