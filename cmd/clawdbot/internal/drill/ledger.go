package drill

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"clawdbot/bus/msg"
)

// Bus names of the pair.
const (
	nameMain   = "main"
	nameRescue = "rescue"
)

// sign is one thing that a gateway said of its peer: a verdict, or an incident.
type sign struct {
	at       time.Time
	observer string
	peer     string
	verdict  msg.Verdict // "" for an incident
	reason   string
	incident msg.Incident
}

// alarm says whether the sign calls the peer dead or stuck: a verdict that does,
// or an incident.
func (s sign) alarm() bool {
	return s.incident.ID != "" || s.verdict == msg.VerdictDown || s.verdict == msg.VerdictHung
}

func (s sign) String() string {
	if s.incident.ID != "" {
		return fmt.Sprintf("%s opened an incident of kind %s on %s", s.observer, s.incident.Kind, s.peer)
	}
	return fmt.Sprintf("%s said that %s is %s (%s)", s.observer, s.peer, s.verdict, s.reason)
}

// delivery is one message that main acknowledged.
type delivery struct {
	in      msg.In
	channel string
	seq     uint64
	sent    time.Time
	acked   time.Time
}

// ledger is all that was seen in one rehearsal. It is safe for use by many
// goroutines.
type ledger struct {
	mu         sync.Mutex
	changed    chan struct{} // closed and replaced with each entry
	signs      []sign
	deliveries []delivery
	beat       msg.Beat // main's newest
}

func newLedger() *ledger { return &ledger{changed: make(chan struct{})} }

func (l *ledger) add(entry func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry()
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *ledger) addSign(s sign) { l.add(func() { l.signs = append(l.signs, s) }) }

func (l *ledger) addBeat(b msg.Beat) { l.add(func() { l.beat = b }) }

func (l *ledger) addDelivery(d delivery) {
	l.add(func() { l.deliveries = append(l.deliveries, d) })
}

// read runs fn while nothing is added.
func (l *ledger) read(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

// await returns when the condition holds, and false when it does not within
// patience or before ctx ends. The condition runs while nothing is added.
func (l *ledger) await(ctx context.Context, patience time.Duration, cond func() bool) bool {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		l.mu.Lock()
		ok, changed := cond(), l.changed
		l.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// verdict is the newest one of the observer on the peer. The caller holds the lock.
func (l *ledger) verdict(observer, peer string) msg.Verdict {
	for _, s := range slices.Backward(l.signs) {
		if s.observer == observer && s.peer == peer && s.verdict != "" {
			return s.verdict
		}
	}
	return msg.VerdictUnknown
}

// noticed is when the rescue first said since then that main is in one of the
// states, or opened an incident on it. The caller holds the lock.
func (l *ledger) noticed(since time.Time, verdicts []msg.Verdict) (time.Time, bool) {
	for _, s := range l.signs {
		fits := s.incident.ID != "" || slices.Contains(verdicts, s.verdict)
		if s.observer == nameRescue && s.peer == nameMain && fits && !s.at.Before(since) {
			return s.at, true
		}
	}
	return time.Time{}, false
}

// served is when main first acknowledged a message that was sent since then. The
// caller holds the lock.
func (l *ledger) served(since time.Time) (time.Time, bool) {
	for _, d := range l.deliveries {
		if !d.sent.Before(since) {
			return d.acked, true
		}
	}
	return time.Time{}, false
}

// incidents are the observer's, each as it was told last, in the order they were
// opened. The caller holds the lock.
func (l *ledger) incidents(observer string) []msg.Incident {
	var list []msg.Incident
	for _, s := range l.signs {
		if s.incident.ID == "" || s.observer != observer {
			continue
		}
		same := func(i msg.Incident) bool { return i.ID == s.incident.ID }
		if n := slices.IndexFunc(list, same); n >= 0 {
			list[n] = s.incident
		} else {
			list = append(list, s.incident)
		}
	}
	return list
}

// alarms are the verdicts that call a peer dead or stuck, and of each incident
// the first word. The caller holds the lock.
func (l *ledger) alarms() []sign {
	var list []sign
	told := map[string]bool{}
	for _, s := range l.signs {
		if !s.alarm() || told[s.incident.ID] {
			continue
		}
		told[s.incident.ID] = s.incident.ID != ""
		list = append(list, s)
	}
	return list
}
