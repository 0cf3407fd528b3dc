package rescue

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/proc"
)

// scene drives one track with a clock of its own.
type scene struct {
	t    *testing.T
	now  time.Time
	life time.Time // when the peer began
	seq  uint64
	*track
}

func newScene(t *testing.T) *scene {
	now := time.Unix(1_800_000_000, 0)
	return &scene{t: t, now: now, life: now, track: newTrack("main", now)}
}

func (s *scene) wait(d time.Duration) { s.now = s.now.Add(d) }

// next is the beat that the peer sends now, with its clock in step with ours.
func (s *scene) next(boot string) msg.Beat {
	s.seq++
	return msg.Beat{Profile: "main", Boot: boot, Seq: s.seq, MonoMs: s.now.Sub(s.life).Milliseconds(), Phase: msg.PhaseReady, PID: 1}
}

func (s *scene) beats(boot string, n int) {
	s.t.Helper()
	for range n {
		if wrong := s.observe(s.next(boot), "", s.now); wrong != "" {
			s.t.Fatalf("a new beat was dropped: %s", wrong)
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

// TestStarvedProcessIsNotHung: a host that does not let it run speaks for it, and
// not for ever; nor does that excuse one that is stopped.
func TestStarvedProcessIsNotHung(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	s.seen = testimony{process: processAlive, starved: true, ping: answer{asked: true, silent: 9}, healthz: answer{asked: true, silent: 9}}
	s.wait(starvedMost - time.Second)
	s.expect(msg.VerdictSuspect)
	if !strings.Contains(s.peer.Reason, "hardly lets its process run") {
		t.Errorf("reason %q", s.peer.Reason)
	}
	s.wait(time.Second)
	s.expect(msg.VerdictHung)
	s.beats("a", 1)
	s.expect(msg.VerdictOK)
	if s.seen.starved {
		t.Error("what excused an earlier silence excuses the next one")
	}
	s.seen.process, s.seen.starved = processStopped, true
	s.wait(hungAfter)
	s.expect(msg.VerdictHung)
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
		s.observe(b, "", s.now)
	}
	s.seen.process = processAlive
	s.expect(msg.VerdictSuspect)
}

func TestReplayedAndForeignBeatsTellNothing(t *testing.T) {
	s := newScene(t)
	old := s.next("a")
	s.observe(old, "", s.now)
	s.beats("b", 3)
	for name, b := range map[string]msg.Beat{
		"seen before":         {Profile: "main", Boot: "b", Seq: 2},
		"of an earlier boot":  {Profile: "main", Boot: "a", Seq: 99, MonoMs: 1 << 40},
		"the earlier's first": old,
	} {
		if s.observe(b, "", s.now) == "" {
			t.Errorf("a beat %s was taken", name)
		}
	}
}

// TestLyingBeatsChangeNothing: each is refused, and the honest ones go on as if
// it had not come.
func TestLyingBeatsChangeNothing(t *testing.T) {
	for wrong, lie := range map[string]func(*msg.Beat){
		"it is from the future":             func(b *msg.Beat) { b.MonoMs += time.Hour.Milliseconds() },
		"its clock went back":               func(b *msg.Beat) { b.MonoMs -= time.Second.Milliseconds() },
		"its time is out of range":          func(b *msg.Beat) { b.MonoMs = 1 << 62 },
		"its boot is not the one that runs": func(b *msg.Beat) { b.Boot = "c" },
		"it is of an earlier life":          func(b *msg.Beat) { b.Boot = "a" },
		"it was sent before":                func(b *msg.Beat) { b.Seq -= 2 },
	} {
		t.Run(wrong, func(t *testing.T) {
			s := newScene(t)
			s.beats("a", 2)
			s.seq, s.life = 0, s.now
			s.beats("b", 8)
			before := *s.track
			b := s.next("b")
			lie(&b)
			if got := s.observe(b, "b", s.now); got != wrong {
				t.Errorf("said %q, want %q", got, wrong)
			}
			if s.beat.Seq != before.beat.Seq || s.beat.Boot != "b" || s.lastLife != before.lastLife || s.base != before.base {
				t.Errorf("it changed what is known: %+v", s.beat)
			}
			if !s.lies.first(wrong) || s.lies.first(wrong) {
				t.Error("it is not told once")
			}
			s.beats("b", 4)
			s.expect(msg.VerdictOK)
			s.seen.process = processGone
			s.lostLink(s.now)
			s.wait(time.Second)
			s.expect(msg.VerdictDown)
		})
	}
}

// TestFalseFirstBeatDoesNotDeafen: the first beat of a life has nothing to be
// held against. When it was wrong, those that come after it are believed soon.
func TestFalseFirstBeatDoesNotDeafen(t *testing.T) {
	s := newScene(t)
	first := s.next("a")
	first.MonoMs += time.Hour.Milliseconds()
	s.observe(first, "a", s.now)
	believed := 0
	for range strayRun + 4 {
		if s.observe(s.next("a"), "a", s.now) == "" {
			believed++
		}
		s.wait(beatEvery)
	}
	if believed < 4 {
		t.Fatalf("%d of %d honest beats were believed", believed, strayRun+4)
	}
	s.expect(msg.VerdictOK)
	s.wait(time.Minute)
	s.seen.process = processAlive
	s.expect(msg.VerdictSuspect)
}

// TestRecordedBeatsAreNotBelieved: a whole life played again is no life.
func TestRecordedBeatsAreNotBelieved(t *testing.T) {
	s := newScene(t)
	var tape []msg.Beat
	for range 3 * strayRun {
		b := s.next("a")
		tape = append(tape, b)
		s.observe(b, "a", s.now)
		s.wait(beatEvery)
	}
	s.seen.process = processGone
	s.lostLink(s.now)
	for _, b := range tape {
		s.wait(beatEvery)
		if s.observe(b, "a", s.now) == "" {
			t.Fatalf("beat %d was believed again", b.Seq)
		}
	}
	s.expect(msg.VerdictDown)
}

// TestNewLifeIsKnownByTheRegistry: a boot is believed when the registry names it,
// or when that names none.
func TestNewLifeIsKnownByTheRegistry(t *testing.T) {
	s := newScene(t)
	s.beats("a", 2)
	s.seq, s.life = 0, s.now
	if wrong := s.observe(s.next("b"), "a", s.now); wrong == "" {
		t.Error("a boot that is not registered was believed")
	}
	if wrong := s.observe(s.next("b"), "b", s.now); wrong != "" {
		t.Error(wrong)
	}
	s.seq, s.life = 0, s.now
	if wrong := s.observe(s.next("c"), "", s.now); wrong != "" {
		t.Error(wrong)
	}
}

func TestStartIsJudgedByItsNote(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	s.lostLink(s.now)
	s.seen.process = processGone
	s.wait(time.Second)
	s.expect(msg.VerdictDown)
	for _, state := range []processState{processAlive, processStopped, processHidden} { // a slow host stops and continues it
		s.seen.start = start{process: proc.Identity{PID: 7}, state: state, step: "open the store", since: s.now}
		s.wait(stepMax - time.Second)
		s.expect(msg.VerdictStarting)
	}
	if s.peer.Reason != "open the store" {
		t.Errorf("reason %q", s.peer.Reason)
	}
	s.wait(2 * time.Second)
	s.expect(msg.VerdictHung)
	s.seen.start.state = processGone
	s.expect(msg.VerdictDown)
	if got := s.failed(proc.Identity{PID: 1}); got.PID != 7 {
		t.Errorf("the process that failed is %v", got)
	}
	s.seen.start = start{}
	s.seen.stopped, s.seen.process = true, processUnknown
	s.expect(msg.VerdictStopped)
}

func TestPlannedStopIsNoCrash(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	b := s.next("a")
	b.Phase = msg.PhaseStopping
	s.observe(b, "", s.now)
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
		s.observe(b, "", s.now)
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
	s.observe(b, "", s.now)
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
	s.seq, s.life = 0, s.now
	s.beats("b", 1)
	s.expect(msg.VerdictOK)
}

func TestDeathBeforeTheFirstBeatIsNoPlannedStop(t *testing.T) {
	s := newScene(t)
	s.beats("a", 4)
	b := s.next("a")
	b.Phase = msg.PhaseStopping
	s.observe(b, "", s.now)
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
