package rescue

import (
	"os"
	"runtime"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/proc"
)

// scene drives one track with a clock of its own.
type scene struct {
	t   *testing.T
	now time.Time
	seq uint64
	*track
}

func newScene(t *testing.T) *scene {
	now := time.Unix(1_800_000_000, 0)
	return &scene{t: t, now: now, track: newTrack("main", now)}
}

func (s *scene) wait(d time.Duration) { s.now = s.now.Add(d) }

// next is the beat that the peer sends now, with its clock in step with ours.
func (s *scene) next(boot string) msg.Beat {
	s.seq++
	return msg.Beat{Profile: "main", Boot: boot, Seq: s.seq, MonoMs: s.now.Sub(s.began).Milliseconds(), Phase: msg.PhaseReady, PID: 1}
}

func (s *scene) beats(boot string, n int) {
	s.t.Helper()
	for range n {
		if !s.observe(s.next(boot), s.now) {
			s.t.Fatal("a new beat was dropped")
		}
		s.wait(beatEvery)
	}
}

func (s *scene) expect(want msg.Verdict) {
	s.t.Helper()
	s.update(s.now)
	if s.peer.Verdict != want {
		s.t.Fatalf("verdict %s (%s), want %s", s.peer.Verdict, s.peer.Reason, want)
	}
}

func TestWhatWasNotObservedIsUnknown(t *testing.T) {
	s := newScene(t)
	s.expect(msg.VerdictUnknown)
	s.wait(time.Hour)
	s.expect(msg.VerdictUnknown)
	s.seen.process = processAlive
	s.expect(msg.VerdictUnknown)
	s.seen.process = processGone
	s.expect(msg.VerdictDown)
}

func TestOneWitnessOnlyMakesSuspect(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	s.expect(msg.VerdictOK)
	s.wait(2 * beatEvery) // the last beat is three intervals old now
	s.seen.process = processAlive
	s.expect(msg.VerdictSuspect)
	s.wait(time.Hour)
	s.expect(msg.VerdictSuspect)
}

func TestDownNeedsTheProcessToBeGone(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	s.lostLink(s.now)
	s.seen.process = processAlive
	s.expect(msg.VerdictOK) // nobody else speaks against it yet
	s.wait(20 * time.Millisecond)
	s.seen.process = processGone
	s.expect(msg.VerdictDown)
	if s.peer.DetectMs != 20 {
		t.Errorf("detected in %d ms, want 20", s.peer.DetectMs)
	}
}

func TestHungNeedsTimeAndAWitness(t *testing.T) {
	for name, witness := range map[string]func(*testimony){
		"stopped by a signal": func(w *testimony) { w.process = processStopped },
		"two questions unanswered": func(w *testimony) {
			w.process, w.ping, w.healthz = processAlive, answer{asked: true, silent: 2}, answer{asked: true, silent: 2}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.beats("a", 4)
			s.wait(time.Second)
			witness(&s.seen)
			s.expect(msg.VerdictSuspect)
			s.wait(time.Second)
			s.expect(msg.VerdictHung)
			s.beats("a", 1)
			s.expect(msg.VerdictOK)
		})
	}
	t.Run("answering healthz is not hung", func(t *testing.T) {
		s := newScene(t)
		s.beats("a", 4)
		s.seen = testimony{process: processAlive, ping: answer{asked: true, silent: 9}, healthz: answer{asked: true, ok: true}}
		s.wait(time.Minute)
		s.expect(msg.VerdictSuspect)
	})
}

func TestLateObserverClearsItsSuspicions(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	s.wait(time.Minute) // this host was suspended
	s.seen.process = processAlive
	s.doubt(s.now)
	s.expect(msg.VerdictOK)
	s.beats("a", 1)
	s.expect(msg.VerdictOK)
}

// TestDoubtDoesNotUnsayWhatWasSeenInTime: a verdict with its witnesses does not
// flicker each time that a busy observer is late.
func TestDoubtDoesNotUnsayWhatWasSeenInTime(t *testing.T) {
	for want, state := range map[msg.Verdict]processState{msg.VerdictDown: processGone, msg.VerdictHung: processStopped} {
		s := newScene(t)
		s.beats("a", 4)
		s.wait(time.Minute)
		s.seen.process = state
		s.expect(want)
		s.wait(time.Second)
		s.doubt(s.now)
		s.expect(want)
		s.beats("a", 1)
		s.expect(msg.VerdictOK)
	}
}

// TestDoubtDoesNotHideACrash: the process is gone, whoever was late.
func TestDoubtDoesNotHideACrash(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	s.wait(time.Minute)
	s.doubt(s.now)
	s.lostLink(s.now)
	s.seen.process = processGone
	s.expect(msg.VerdictDown)
}

func TestPeerThatCannotLinkIsUnknownWhileItsProcessLives(t *testing.T) {
	s := newScene(t)
	s.seen = testimony{linkOff: true, process: processAlive, ping: answer{asked: true, silent: 9}, healthz: answer{asked: true, silent: 9}}
	s.wait(time.Hour)
	s.expect(msg.VerdictUnknown)
	s.seen.process = processStopped
	s.expect(msg.VerdictUnknown)
	s.seen.process = processGone
	s.expect(msg.VerdictDown)
}

// TestProcessInAnotherContainer: that its number is not known here says nothing.
func TestProcessInAnotherContainer(t *testing.T) {
	s := newScene(t)
	s.seen.process = processHidden
	s.wait(time.Hour)
	s.expect(msg.VerdictUnknown)
	s.beats("a", 4)
	s.lostLink(s.now)
	s.wait(time.Minute)
	s.expect(msg.VerdictSuspect)
	s.seen.ping, s.seen.healthz = answer{asked: true, silent: 2}, answer{asked: true, silent: 2}
	s.expect(msg.VerdictHung)
}

func TestNewProcessIsFreshForAWhileOnly(t *testing.T) {
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, c := range map[string]struct {
		started time.Time
		beating int
		want    bool
	}{
		"just started":                {now.Add(-time.Second), 0, true},
		"long ago":                    {now.Add(-time.Minute), 0, false},
		"it beats already":            {now.Add(-time.Second), self.PID, false},
		"the wall clock was set back": {now.Add(time.Hour), 0, false},
	} {
		var w testimony
		w.witnessProcess(profile.Instance{Process: self.Identity, StartedAt: c.started}, c.beating, now)
		if w.process != processAlive || w.fresh != c.want {
			t.Errorf("%s: process %s, fresh %v", name, w.process, w.fresh)
		}
	}
	elsewhere := self.Identity
	elsewhere.Space = "pid:[1]"
	var w testimony
	w.witnessProcess(profile.Instance{Process: elsewhere}, 0, now)
	if runtime.GOOS == "linux" && w.process != processHidden {
		t.Errorf("a process of another container is %s", w.process)
	}
}

func TestQueuedBeatsDoNotLookFresh(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	queued := []msg.Beat{s.next("a"), s.next("a")}
	s.wait(10 * time.Second)
	for _, b := range queued {
		s.observe(b, s.now)
	}
	s.seen.process = processAlive
	s.expect(msg.VerdictSuspect)
}

func TestReplayedAndForeignBeatsTellNothing(t *testing.T) {
	s := newScene(t)
	old := s.next("a")
	s.observe(old, s.now)
	s.beats("b", 3)
	for name, b := range map[string]msg.Beat{
		"seen before":         {Profile: "main", Boot: "b", Seq: 2},
		"of an earlier boot":  {Profile: "main", Boot: "a", Seq: 99, MonoMs: 1 << 40},
		"the earlier's first": old,
	} {
		if s.observe(b, s.now) {
			t.Errorf("a beat %s was taken", name)
		}
	}
	// A beat from the future must not make the peer look alive for ever.
	future := s.next("b")
	future.MonoMs += time.Hour.Milliseconds()
	s.observe(future, s.now)
	s.seen.process = processGone
	s.lostLink(s.now)
	s.wait(time.Second)
	s.expect(msg.VerdictDown)
}

func TestPlannedStopIsNoCrash(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	b := s.next("a")
	b.Phase = msg.PhaseStopping
	s.observe(b, s.now)
	s.expect(msg.VerdictStopped)
	s.lostLink(s.now)
	s.seen.process = processGone
	s.wait(time.Hour)
	s.expect(msg.VerdictStopped)
}

func TestStartIsJudgedByItsOwnPhase(t *testing.T) {
	s := newScene(t)
	for range 400 { // a slow start of 100 s that beats
		b := s.next("a")
		b.Phase, b.Detail = msg.PhaseStarting, "opening the store"
		s.observe(b, s.now)
		s.expect(msg.VerdictStarting)
		s.wait(beatEvery)
	}
	s.beats("a", 1)
	s.expect(msg.VerdictOK)
}

func TestDegradedNamesTheComponent(t *testing.T) {
	s := newScene(t)
	b := s.next("a")
	b.Components = []msg.Component{{Name: "bridge", State: msg.StateOK}, {Name: "browser", State: msg.StateDegraded, Detail: "no Chromium found"}}
	s.observe(b, s.now)
	s.expect(msg.VerdictDegraded)
	if want := "browser degraded: no Chromium found"; s.peer.Reason != want {
		t.Errorf("reason %q, want %q", s.peer.Reason, want)
	}
}

func TestNewProcessIsStartingNotSuspect(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	s.lostLink(s.now)
	s.seen.process = processGone
	s.wait(time.Minute)
	s.expect(msg.VerdictDown)
	s.seen.process, s.seen.fresh = processAlive, true
	s.expect(msg.VerdictStarting)
	s.seq = 0
	s.began = s.now
	s.beats("b", 1)
	s.expect(msg.VerdictOK)
}

func TestDeathBeforeTheFirstBeatIsNoPlannedStop(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	b := s.next("a")
	b.Phase = msg.PhaseStopping
	s.observe(b, s.now)
	s.lostLink(s.now)
	s.seen = testimony{process: processUnknown, stopped: true}
	s.wait(time.Minute)
	s.expect(msg.VerdictStopped)
	s.seen = testimony{process: processAlive, another: true, fresh: true}
	s.expect(msg.VerdictStarting)
	s.seen = testimony{process: processGone, another: true}
	s.expect(msg.VerdictDown)
	s.seen = testimony{process: processStopped, another: true}
	s.expect(msg.VerdictHung)
}
