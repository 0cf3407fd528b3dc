package rescue

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

// dossier is what an observer has on one peer beside the verdict. It belongs to
// the watch loop.
type dossier struct {
	incident *msg.Incident    // the open one, or nil
	began    time.Time        // its first sign of trouble, on our clock
	what     string           // the trouble in a sentence
	fatal    bool             // the peer does not serve
	boot     string           // of the life that failed
	served   time.Time        // since when it serves again
	closing  bool             // the record is being closed
	peer     profile.Instance // as it was when it failed, with the process that did
	counted  proc.Identity    // the last process whose failure is counted
	seenAs   msg.Verdict      // as the timeline has it
	seenWhy  string
	taken    bool // the incident is of an earlier life of this observer

	failures []failure // those of the window
	repairs  []repair
	hold     *Hold // nil when repairs are not held
	busy     string
	deferred time.Time // not to act before: another gateway works on the peer
	leased   time.Time // since when another has had its lease; zero while none has
	next     string    // what comes next and why, for people

	evidence  Evidence
	gathering bool
	gathered  time.Time
	statusErr error
	custody   custody
	asking    bool
	asked     time.Time
	gaveUp    time.Time // when the manager was first heard to have given it up
	explained string    // what it runs in place of its file, as an incident that is closed tells
}

// Hold keeps an observer from repairing a peer until it is resumed.
type Hold struct {
	Reason string    `json:"reason"`
	By     string    `json:"by"` // rescue, or operator
	Since  time.Time `json:"since"`
}

// Who acts.
const (
	byRescue   = "rescue"
	byOperator = "operator"
)

// forget drops what happened before the window.
func (d *dossier) forget(now time.Time) {
	for len(d.failures) > 1 && now.Sub(d.failures[0].at) >= window { // the last one stays: it is the one at hand
		d.failures = d.failures[1:]
	}
	for len(d.repairs) > 0 && now.Sub(d.repairs[0].at) >= window {
		d.repairs = d.repairs[1:]
	}
}

// recall takes up what an earlier life of this observer left in the store.
func (d *dossier) recall(i msg.Incident, now time.Time) {
	at := time.UnixMilli(i.Detected)
	if now.Sub(at) < window && i.Fingerprint != "" {
		// How long it had served is not known: long enough, so that nothing is concluded from it.
		d.failures = append(d.failures, failure{at: at, cause: i.Fingerprint, served: quickly})
	}
	what := restart
	for _, a := range i.Actions {
		switch remedy(a.What) {
		case generation, safeMode:
			what = remedy(a.What)
		case restart:
			if at := time.UnixMilli(a.At); now.Sub(at) < window && a.By == byRescue {
				d.repairs = append(d.repairs, repair{at, what})
			}
			what = restart
		}
	}
	if c := i.Config; c != nil && c.Source == string(config.FromFallback) {
		d.explained = fmt.Sprintf("%s %d", c.Source, c.Generation)
	}
	if i.State != msg.IncidentResolved {
		d.incident, d.taken = &i, true
		d.began, d.what = time.UnixMilli(i.Began), i.Summary
		d.fatal = fatal(i.Verdict)
	}
}

// has says whether the incident of the id is still the open one.
func (d *dossier) has(id string) bool { return d.incident != nil && d.incident.ID == id }

// note adds a line to the open incident's timeline, at its place in time, unless
// it was just said. Of one that goes on for days the middle is left out.
func (d *dossier) note(at time.Time, what string) {
	if n := len(d.incident.Timeline); n > 0 && d.incident.Timeline[n-1].What == what {
		return
	}
	line := append(d.incident.Timeline, msg.Moment{At: at.UnixMilli(), What: what})
	slices.SortStableFunc(line, func(a, b msg.Moment) int { return cmp.Compare(a.At, b.At) })
	if len(line) > maxTimeline {
		line = slices.Delete(line, maxTimeline/2, maxTimeline/2+1)
	}
	d.incident.Timeline = line
}

// plight gathers what a decision rests on.
func (d *dossier) plight(t *track) plight {
	p := plight{
		verdict: t.peer.Verdict, busy: d.busy, manager: d.peer.Manager, spared: d.custody.stopped, gaveUp: d.custody.gaveUp,
		lives: t.peer.Verdict == msg.VerdictHung, seen: t.beat.Boot != "", exit: d.evidence.Exit,
		failures: d.failures, repairs: d.repairs, learning: d.gathering,
	}
	if d.hold != nil {
		p.held = d.hold.Reason
	}
	if len(d.evidence.Foreign) > 0 {
		p.foreign = d.evidence.Foreign[0].String()
	}
	if c := d.evidence.Config; c != nil {
		p.running, p.lastGood = c.Generation, c.LastGood
	}
	return p
}
