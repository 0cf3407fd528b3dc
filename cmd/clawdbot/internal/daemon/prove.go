package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
)

const (
	// probationTime is how long every component must be well, in one go, until
	// the config that runs counts as good.
	probationTime = 5 * time.Second
	// badTime is how long a component may be failed or stuck meanwhile: a single
	// hiccup condemns nobody.
	badTime = time.Second
	// trialTime bounds a probation beyond its own time.
	trialTime = time.Minute
	// lateJudge is how late a look may be for the time before it to count: the
	// host may have been suspended.
	lateJudge = 2 * time.Second
)

// errSuperseded is how a probation ends when another config comes in between.
var errSuperseded = errors.New("another config came in between")

// healthTrial watches whether the components are well for long enough. Times
// come in; it belongs to the supervisor's loop.
type healthTrial struct {
	need    time.Duration
	rebuilt []string   // the components that the config gave new lives
	result  chan error // takes one value: nil when it is proven, else why not

	// worked says whether a component did a piece of its work since then; nil
	// takes its word for it.
	worked func(component string, since time.Time) bool

	began, seen, wellAt, badAt time.Time // zero: not yet, or not now
	excused                    []string  // components that were not well before, and that the config did not touch
	done                       bool
}

// prove begins a probation. The result comes once.
func (s *supervisor) prove(t *healthTrial) <-chan error {
	t.result = make(chan error, 1)
	select {
	case s.trials <- t:
	case <-s.ended:
		t.end(errSuperseded)
	}
	return t.result
}

func (t *healthTrial) end(err error) {
	if t != nil && !t.done {
		t.done = true
		t.result <- err
	}
}

// judge looks at a beat and says whether the trial has come to its end.
func (t *healthTrial) judge(b msg.Beat, now time.Time) bool {
	if t == nil {
		return false
	}
	if t.began.IsZero() {
		t.began, t.seen = now, now
		t.excuse(b)
	}
	if now.Sub(t.seen) > lateJudge { // of the time in between nobody knows
		t.wellAt, t.badAt = time.Time{}, time.Time{}
	}
	t.seen = now
	var bad, waits []string
	for _, c := range b.Components {
		switch {
		case slices.Contains(t.excused, c.Name):
		case ill(c):
			bad = append(bad, c.Name+": "+c.Detail)
		case c.State == msg.StateStarting, t.unproven(c):
			waits = append(waits, c.Name)
		}
	}
	well := b.Phase == msg.PhaseReady && len(bad)+len(waits) == 0
	t.wellAt, t.badAt = since(t.wellAt, well, now), since(t.badAt, len(bad) > 0, now)
	switch {
	case well && now.Sub(t.wellAt) >= t.need:
		t.end(nil)
	case len(bad) > 0 && now.Sub(t.badAt) >= badTime:
		t.end(fmt.Errorf("unhealthy: %s", strings.Join(bad, "; ")))
	case !well && now.Sub(t.began) >= t.need+trialTime:
		t.end(fmt.Errorf("not well within %s: waits for %s", t.need+trialTime, strings.Join(append(bad, waits...), ", ")))
	}
	return t.done
}

// unproven says whether a component of the config's has only said so far that it
// is well.
func (t *healthTrial) unproven(c msg.Component) bool {
	return t.worked != nil && c.State != msg.StateOff && slices.Contains(t.rebuilt, c.Name) && !t.worked(c.Name, t.began)
}

// excuse leaves out what is no matter of the config: the store, and components
// that were ill before and were not touched.
func (t *healthTrial) excuse(b msg.Beat) {
	t.excused = []string{"store"}
	for _, c := range b.Components {
		if ill(c) && !slices.Contains(t.rebuilt, c.Name) {
			t.excused = append(t.excused, c.Name)
		}
	}
}

func ill(c msg.Component) bool {
	return c.State == msg.StateFailed || c.State == msg.StateDegraded && strings.HasPrefix(c.Detail, stuckPrefix)
}

// since is from when on a state holds without a break.
func since(from time.Time, holds bool, now time.Time) time.Time {
	switch {
	case !holds:
		return time.Time{}
	case from.IsZero():
		return now
	}
	return from
}
