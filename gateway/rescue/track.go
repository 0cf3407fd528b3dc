package rescue

import (
	"fmt"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// Rules of judging a peer. They bound what is promised: a suspicion within
// suspectAfter and a tick, a hang within hungAfter and two rounds of questions.
const (
	beatEvery    = 250 * time.Millisecond
	suspectAfter = 3 * beatEvery          // three missed beats
	hungAfter    = 2 * time.Second        // silence before a hang is said, even with witnesses
	lateTick     = 400 * time.Millisecond // an observer that is later than this doubts itself
	oldBoots     = 4                      // boots whose late beats are still known for what they are
	starvedMost  = 30 * time.Second       // how long a host that hardly lets the peer run excuses its silence
	stepMax      = 5 * time.Minute        // a start that stays this long in one step does not go on
)

// testimony is what the witnesses of one peer last said.
type testimony struct {
	process processState
	ping    answer
	healthz answer
	stopped bool // the registry says it was stopped in order
	another bool // the registered process is not the one that beat last
	fresh   bool // another, that had no time to beat yet
	linkOff bool // one of the two configs keeps them from linking
	starved bool // the host hardly lets its process run
	queue   proc.Queue
	start   start
}

// start is what the note of a start under way tells, see profile.Starting. It
// is zero when there is none, or one of a life that was heard of otherwise.
type start struct {
	process proc.Identity
	state   processState
	step    string
	since   time.Time // when this observer first read of this step
}

type processState int

const (
	processUnknown processState = iota // the registry names none
	processHidden                      // the system does not tell, as of a process in another container
	processGone
	processStopped // by a signal
	processAlive
)

func (p processState) String() string {
	return [...]string{"not known", "out of sight", "gone", "stopped by a signal", "alive"}[p]
}

// answer is the outcome of the last question put to a peer. Silent counts only
// questions that were put after the last sign of life.
type answer struct {
	asked  bool
	ok     bool
	silent int    // unanswered in a row
	said   string // for people
}

// track is what one observer knows of one peer. It is pure: all times come in.
type track struct {
	name string
	peer msg.Peer // the verdict as published

	began    time.Time // when the watch began, or was doubted last
	lastLife time.Time // last beat, by the sender's own clock
	beat     msg.Beat
	base     time.Time // the sender's start on our clock, as its quickest beat tells
	boots    []string  // earlier boots
	lies     lies
	linkLost time.Time            // zero while the link is up or was never seen
	readyAt  time.Time            // when this life was first seen ready, zero before
	judged   time.Time            // since when the verdict holds
	badSince map[string]time.Time // components that do not work
	seen     testimony

	asking bool      // a round of questions is under way
	asked  time.Time // when the last one began
}

func newTrack(name string, now time.Time) *track {
	return &track{
		name: name, began: now, judged: now, badSince: map[string]time.Time{},
		peer: msg.Peer{Profile: name, Verdict: msg.VerdictUnknown, Reason: "not observed yet", LastBeatMs: -1, Since: now.UnixMilli()},
	}
}

// observe takes in a beat. It returns what is wrong with one that is not to be
// believed: that changes nothing. Registered is the boot that the registry names,
// "" when that is not known.
func (t *track) observe(b msg.Beat, registered string, now time.Time) (wrong string) {
	wrong, rebase := t.lies.weigh(t, b, registered, now)
	if wrong != "" {
		return wrong
	}
	sent := time.Duration(b.MonoMs) * time.Millisecond
	another := b.Boot != t.beat.Boot
	if rebase || another {
		t.base, t.lastLife = now.Add(-sent), time.Time{}
	}
	if another {
		if t.beat.Boot != "" {
			t.boots = append(t.boots, t.beat.Boot)
			t.boots = t.boots[max(0, len(t.boots)-oldBoots):]
		}
		t.readyAt = time.Time{}
		clear(t.badSince)
	}
	// Beats that queued up arrive in a burst after a stop. Each is as old as
	// its sender's clock says, not as new as its arrival.
	if base := now.Add(-sent); base.Before(t.base) {
		t.base = base
	}
	if life := t.base.Add(sent); life.After(t.lastLife) {
		t.lastLife = life
	}
	t.beat, t.linkLost = b, time.Time{}
	t.seen.ping, t.seen.healthz, t.seen.start = answer{}, answer{}, start{}
	t.seen.starved, t.seen.queue = false, proc.Queue{}
	if b.Phase == msg.PhaseReady && t.readyAt.IsZero() {
		t.readyAt = now
	}
	t.noteComponents(now)
	return ""
}

// noteComponents keeps since when each component does not work: one that failed,
// or whose supervisor calls it stuck. One that only lacks something is not meant.
func (t *track) noteComponents(now time.Time) {
	for _, c := range t.beat.Components {
		_, known := t.badSince[c.Name]
		switch bad := c.State == msg.StateFailed || c.State == msg.StateDegraded && strings.HasPrefix(c.Detail, "stuck"); {
		case !bad:
			delete(t.badSince, c.Name)
		case !known:
			t.badSince[c.Name] = now
		}
	}
}

// lostLink notes that the link to the peer broke.
func (t *track) lostLink(now time.Time) {
	if t.linkLost.IsZero() && t.beat.Boot != "" {
		t.linkLost = now
	}
}

// doubt clears what is held against the peer, after the observer itself was
// late: it cannot tell a silent peer from a deaf self. A verdict that it reached
// before, while it was on time, stands until a beat speaks against it.
func (t *track) doubt(now time.Time) {
	switch t.peer.Verdict {
	case msg.VerdictDown, msg.VerdictHung, msg.VerdictStopped:
		return
	}
	t.began = now
	t.base = now.Add(-time.Duration(t.beat.MonoMs) * time.Millisecond)
	t.seen.ping, t.seen.healthz, t.seen.start.since = answer{}, answer{}, now
}

// since is from when on the peer's silence counts.
func (t *track) since() time.Time {
	if t.lastLife.After(t.began) {
		return t.lastLife
	}
	return t.began
}

// silence is how long the peer has given no sign of life.
func (t *track) silence(now time.Time) time.Duration { return now.Sub(t.since()) }

// wantsWitnesses says whether the peer has to be asked.
func (t *track) wantsWitnesses(now time.Time) bool {
	return !t.linkLost.IsZero() || t.silence(now) >= suspectAfter
}

// urgent says whether the next look should come soon: the link just broke and
// its process is about to be gone.
func (t *track) urgent(now time.Time) bool {
	return !t.linkLost.IsZero() && now.Sub(t.linkLost) < time.Second && t.peer.Verdict != msg.VerdictDown && t.peer.Verdict != msg.VerdictStopped
}

// judge returns the verdict now and why.
func (t *track) judge(now time.Time) (msg.Verdict, string) {
	silent := t.silence(now)
	quiet := silent >= suspectAfter
	if !quiet && t.linkLost.IsZero() {
		if t.lastLife.IsZero() {
			return msg.VerdictUnknown, "not observed yet"
		}
		return t.alive()
	}
	noSign := "beats are missing" // without times: it is read long after it was said, beside the evidence
	if !t.linkLost.IsZero() {
		noSign = "link lost"
	}
	switch starting := t.seen.start; {
	case starting.state == processGone:
		return msg.VerdictDown, "its process ended while it started: " + starting.step
	case starting.state != processUnknown && now.Sub(starting.since) < stepMax:
		return msg.VerdictStarting, starting.step
	case starting.state != processUnknown:
		return msg.VerdictHung, fmt.Sprintf("its start does not go on since %s: %s", short(stepMax), starting.step)
	case t.seen.process == processGone && t.leaving():
		return msg.VerdictStopped, "stopped in order"
	case t.seen.process == processGone:
		return msg.VerdictDown, noSign + " and its process is gone"
	case t.seen.process == processUnknown && t.seen.stopped:
		return msg.VerdictStopped, "stopped in order"
	case t.seen.process == processUnknown && t.lastLife.IsZero():
		return msg.VerdictUnknown, "not observed: it has not run yet"
	case t.seen.linkOff:
		return msg.VerdictUnknown, fmt.Sprintf("not observed: the link is switched off by bus.link.enabled, its process is %s", t.seen.process)
	case t.seen.process == processAlive && t.seen.fresh:
		return msg.VerdictStarting, "a new process of it runs, no beat yet"
	case t.leaving() && silent < hungAfter*5:
		return msg.VerdictStopped, "is stopping"
	case silent >= hungAfter && t.seen.process == processStopped:
		return msg.VerdictHung, noSign + " and its process is stopped by a signal"
	case t.seen.starved && silent < starvedMost:
		return msg.VerdictSuspect, noSign + ", and the host hardly lets its process run"
	case silent >= hungAfter && t.seen.ping.silent >= 2 && t.seen.healthz.silent >= 2:
		return msg.VerdictHung, noSign + ", and it answers neither ping nor /healthz"
	case t.lastLife.IsZero():
		return msg.VerdictUnknown, fmt.Sprintf("not observed: no link yet, its process is %s", t.seen.process)
	case quiet:
		return msg.VerdictSuspect, noSign
	}
	return t.alive() // the link broke just now and nobody speaks against the peer yet
}

// alive is the verdict on a peer that beats, from what its beat says.
func (t *track) alive() (msg.Verdict, string) {
	switch t.beat.Phase {
	case msg.PhaseStarting:
		return msg.VerdictStarting, orElse(t.beat.Detail, "starting")
	case msg.PhaseStopping:
		return msg.VerdictStopped, "is stopping"
	}
	var bad []string
	for _, c := range t.beat.Components {
		if c.State == msg.StateDegraded || c.State == msg.StateFailed {
			bad = append(bad, fmt.Sprintf("%s %s: %s", c.Name, c.State, c.Detail))
		}
	}
	if len(bad) > 0 {
		return msg.VerdictDegraded, strings.Join(bad, "; ")
	}
	return msg.VerdictOK, "beats arrive"
}

// leaving says whether the peer announced that it stops. What an earlier
// process of it announced does not speak for the one that is registered now.
func (t *track) leaving() bool {
	return t.seen.stopped || t.beat.Phase == msg.PhaseStopping && !t.seen.another
}

// failed is the process that the verdict speaks of, when it says that the peer
// does not serve: the one that starts, or that started last, or the registered one.
func (t *track) failed(registered proc.Identity) proc.Identity {
	if t.seen.start.state != processUnknown {
		return t.seen.start.process
	}
	return registered
}

// update judges and says whether the verdict changed.
func (t *track) update(now time.Time) bool {
	verdict, reason := t.judge(now)
	changed := verdict != t.peer.Verdict || verdict == msg.VerdictDegraded && reason != t.peer.Reason
	if changed {
		t.peer.Since = now.UnixMilli()
		t.peer.DetectMs = 0
		t.judged = now
		switch verdict {
		case msg.VerdictSuspect, msg.VerdictDown, msg.VerdictHung:
			t.peer.DetectMs = t.sinceTrouble(now).Milliseconds()
		}
	}
	t.peer.Verdict, t.peer.Reason = verdict, reason
	t.peer.LastBeatMs = -1
	if !t.lastLife.IsZero() {
		t.peer.LastBeatMs = now.Sub(t.lastLife).Milliseconds()
	}
	t.peer.Generation, t.peer.PID, t.peer.Version = t.beat.Generation, t.beat.PID, t.beat.Version
	t.peer.Evidence = t.evidence(now)
	return changed
}

// sinceTrouble is the time from the first sign of trouble.
func (t *track) sinceTrouble(now time.Time) time.Duration {
	if !t.linkLost.IsZero() {
		return now.Sub(t.linkLost)
	}
	return t.silence(now)
}

func (t *track) evidence(now time.Time) []msg.Witness {
	beats := "never seen"
	if !t.lastLife.IsZero() {
		beats = fmt.Sprintf("last one %s ago", short(now.Sub(t.lastLife)))
	}
	link := "not seen yet"
	switch {
	case !t.linkLost.IsZero():
		link = fmt.Sprintf("lost %s ago", short(now.Sub(t.linkLost)))
	case t.beat.Boot != "":
		link = "up"
	}
	list := []msg.Witness{{Name: "beats", Said: beats}, {Name: "link", Said: link}}
	if !t.wantsWitnesses(now) {
		return list
	}
	process := t.seen.process.String()
	if t.seen.starved {
		process += ", waiting for a processor"
	}
	list = append(list, msg.Witness{Name: "process", Said: process})
	if s := t.seen.start; s.state != processUnknown {
		list = append(list, msg.Witness{Name: "start", Said: fmt.Sprintf("%s, its process is %s", s.step, s.state)})
	}
	if t.seen.ping.asked {
		list = append(list, msg.Witness{Name: "ping", Said: t.seen.ping.said})
	}
	if t.seen.healthz.asked {
		list = append(list, msg.Witness{Name: "healthz", Said: t.seen.healthz.said})
	}
	return list
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// short renders a duration for people: 320ms, 2.1s, 14m3s.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
