//go:build unix

package rescue

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

func whats(i msg.Incident) string {
	var list []string
	for _, a := range i.Actions {
		list = append(list, a.What)
	}
	return strings.Join(list, " ")
}

func TestCrashIsRepaired(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	i := c.resolved()
	if i.Kind != msg.KindServiceGaveUp || whats(i) != "restart" || c.deeds() != "start" || i.Actions[0].By != byRescue || i.Actions[0].Result != "done" {
		t.Errorf("%s: %+v; hands: %s", i.Kind, i.Actions, c.deeds())
	}
	if i.Peer != "main" || i.Observer != "rescue" || i.Verdict != msg.VerdictDown || i.Exit.Signal != "SIGKILL" || i.Config.Generation != 7 || len(i.Witnesses) == 0 {
		t.Errorf("%+v", i)
	}
	if !strings.Contains(i.Summary, "ended by SIGKILL") || !strings.HasPrefix(i.Result, "main serves again after ") {
		t.Errorf("summary %q, result %q", i.Summary, i.Result)
	}
	if i.DetectMs != i.Detected-i.Began || i.RecoverMs != i.Ended-i.Began || i.DetectMs <= 0 || i.RecoverMs < i.DetectMs {
		t.Errorf("times: %+v", i)
	}
	if !slices.IsSortedFunc(i.Timeline, func(a, b msg.Moment) int { return int(a.At - b.At) }) {
		t.Errorf("timeline %+v", i.Timeline)
	}
	// It is kept, and found by what is unique of its id.
	var shown msg.IncidentShown
	for _, id := range []string{i.ID, i.ID[:len(i.ID)-2], "last"} {
		c.ask("incidents.show", msg.IncidentQuery{ID: id}, &shown)
		if shown.Incident.ID != i.ID || shown.Incident.State != msg.IncidentResolved {
			t.Errorf("%s shows %+v", id, shown.Incident)
		}
	}
}

// TestWhatMadeTheManagerGiveUp: after a crash main refuses to start, which nobody
// sees but its manager.
func TestWhatMadeTheManagerGiveUp(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.manager.State, c.manager.SubState = "activating", "auto-restart"
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.next("systemd starts it again by itself")
	c.set(func() {
		c.manager.State, c.manager.SubState, c.manager.Result = "failed", "failed", "exit-code"
		c.evidence.Exit = &msg.Exit{Manager: "systemd", State: "failed", Status: 78, Restart: 1}
	})
	i := c.resolved()
	if i.Kind != msg.KindBadConfig || i.Exit.Status != 78 || i.Fingerprint != "crash, exit status 78" || whats(i) != "restart" {
		t.Errorf("%s, exit %+v, %s, %s", i.Kind, i.Exit, i.Fingerprint, whats(i))
	}
}

// TestManagerIsLeftToItsWork: what a service manager starts again by itself within
// its grace needs no repair.
func TestManagerIsLeftToItsWork(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.manager.State, c.manager.SubState = "activating", "auto-restart"
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.next("starts it again by itself")
	c.mustLive()
	i := c.resolved()
	if whats(i) != "" || c.deeds() != "" || i.Kind != msg.KindCrash || !strings.HasSuffix(i.Result, ", started by systemd") {
		t.Errorf("%s, actions %q, hands %q, result %q", i.Kind, whats(i), c.deeds(), i.Result)
	}
}

// TestManagerThatIsSlowToAnswer: the peer serves before its manager says so. The
// repair stands in the record all the same, and the peer's row tells of it.
func TestManagerThatIsSlowToAnswer(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.linger = 1500 * time.Millisecond
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.until("the repair is told", func(l []msg.Peer) bool { return l[0].Repair == "restart of main by rescue" })
	i := c.resolved()
	if whats(i) != "restart" || i.Actions[0].TookMs < c.linger.Milliseconds() || i.RecoverMs > i.DetectMs+c.linger.Milliseconds() {
		t.Errorf("%+v; recovered in %d ms", i.Actions, i.RecoverMs)
	}
	if l := c.list(); l[0].Repair != "" {
		t.Errorf("%+v", l[0])
	}
}

func TestHangIsAborted(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.freeze()
	i := c.resolved()
	if i.Kind != msg.KindHang || whats(i) != "abort restart" || c.deeds() != "abort start" || !strings.HasSuffix(i.Stacks, "stacks.txt") {
		t.Errorf("%s, actions %q, hands %q, stacks %q", i.Kind, whats(i), c.deeds(), i.Stacks)
	}
	if i.RecoverMs > 6000 {
		t.Errorf("recovered in %d ms", i.RecoverMs)
	}
}

// TestHangThatCannotBeAborted: a process that is out of reach is restarted through
// its manager; one that is not proven to be main's is not touched at all.
func TestHangThatCannotBeAborted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		err   error
		deeds string
	}{
		"out of reach": {proc.ErrHidden, "abort restart"},
		"not proven":   {errors.New("its program is another one"), "abort"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrew(t)
			c.failing["abort"] = want.err
			c.mustLive()
			c.watch()
			c.verdict(msg.VerdictOK)
			c.freeze()
			i := c.await("it is told", func(i msg.Incident) bool { return len(i.Actions) > 0 })
			if whats(i) != want.deeds || c.deeds() != want.deeds || !strings.Contains(i.Actions[0].Result, want.err.Error()) {
				t.Errorf("actions %+v, hands %q", i.Actions, c.deeds())
			}
		})
	}
}

// directive is what waits for main's next start.
func (c *crew) directive() (profile.Directive, error) {
	p, err := profile.Resolve(profile.Flags{Profile: "main"}, profile.Env{Home: c.t.TempDir(), Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		return profile.Directive{}, err
	}
	p.StateDir, p.Registry = c.peer.StateDir, c.registry
	return p.TakeDirective(time.Now(), nil)
}

// obeyed is what main's last start followed.
func (c *crew) obeyed() (profile.Directive, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.followed, c.followedErr
}

// TestCrashLoop goes up the whole ladder: the manager's restart, the last good
// generation, safe mode, a human.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.evidence.Config = &msg.ConfigState{Generation: 8, LastGood: 7}
	c.manager.State, c.manager.SubState = "activating", "auto-restart"
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.next("starts it again by itself")
	c.mustLive() // by the manager
	if i := c.resolved(); whats(i) != "" {
		t.Fatalf("first failure: %q", whats(i))
	}
	c.set(func() { c.manager.State = "failed" })

	c.kill()
	i := c.resolved()
	if i.Kind != msg.KindCrashLoop || whats(i) != "directive restart" {
		t.Fatalf("second failure: %s, %+v", i.Kind, i.Actions)
	}
	d, err := c.obeyed()
	if err != nil || d.Action != profile.DirectGeneration || d.Generation != 7 || d.BadHash != "hash" || d.By != "rescue" || d.Incident != i.ID {
		t.Fatalf("directive %+v, %v", d, err)
	}

	c.set(func() { c.source = string(config.FromSafeMode) }) // from its next life on
	c.kill()
	i = c.await("safe mode runs", func(i msg.Incident) bool { return i.State == msg.IncidentHeld })
	if whats(i) != "safe-mode restart hold" || !strings.Contains(i.Actions[2].Why, "safe mode") {
		t.Fatalf("third failure: %+v", i.Actions)
	}
	if d, err := c.obeyed(); err != nil || d.Action != profile.DirectSafeMode {
		t.Fatalf("directive %+v, %v", d, err)
	}

	c.kill()
	i = c.await("held", func(i msg.Incident) bool { return strings.HasSuffix(whats(i), "hold hold") })
	if c.deeds() != "start start" || !strings.Contains(i.Actions[3].Why, "also in safe mode") {
		t.Fatalf("fourth failure: %+v; hands %q", i.Actions, c.deeds())
	}
	st := c.next("repairs are held")
	if !st.Held || st.RepairsInWindow != 2 || st.Incident != i.ID {
		t.Errorf("status %+v", st)
	}

	// A human starts it in order again: then nothing is held any more.
	c.set(func() { c.source = "file" })
	c.mustLive()
	if done := c.resolved(); done.ID != i.ID {
		t.Errorf("another incident was resolved: %s", done.ID)
	}
	if st := c.next(""); st.Held || st.Incident != "" {
		t.Errorf("status %+v", st)
	}
}

func TestSparedPeers(t *testing.T) {
	t.Parallel()
	for name, spare := range map[string]func(*crew){
		"observe": func(c *crew) { c.settings.Store(&config.Rescue{Policy: config.PolicyObserve}) },
		"observe this one": func(c *crew) {
			c.settings.Store(&config.Rescue{Policy: config.PolicyRepair, Policies: map[string]string{"main": config.PolicyObserve}})
		},
		"no manager":                     func(c *crew) { c.peer.Manager = "" },
		"stopped by its manager":         func(c *crew) { c.manager.State, c.manager.SubState = "deactivating", "stop-sigterm" },
		"a manager that does not answer": func(c *crew) { c.failing["status"] = errors.New("no service manager") },
		"a stolen port":                  func(c *crew) { c.evidence.Foreign = []PortHolder{{Port: 18789, Name: "nginx", PID: 7}} },
		"another gateway works on it": func(c *crew) {
			release, err := c.registry.Lease("main", "third", "restart")
			if err != nil {
				c.t.Fatal(err)
			}
			c.t.Cleanup(release)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrew(t)
			spare(c)
			c.mustLive()
			c.watch()
			c.verdict(msg.VerdictOK)
			c.kill()
			why := map[string]string{
				"observe": "rescue.policy is observe", "observe this one": "rescue.policy is observe", "no manager": "no service manager keeps it",
				"stopped by its manager": "systemd was told to stop it", "a manager that does not answer": "does not answer: no service manager",
				"a stolen port": "port 18789 is held by nginx (pid 7)", "another gateway works on it": "third works on main since",
			}[name]
			st := c.next(why)
			if c.deeds() != "" || st.RepairsInWindow != 0 {
				t.Errorf("hands %q, status %+v", c.deeds(), st)
			}
			c.mustLive()
			c.resolved()
		})
	}
}

// TestPlannedAbsenceIsNoIncident: what was announced is nobody's business.
func TestPlannedAbsenceIsNoIncident(t *testing.T) {
	t.Parallel()
	for name, announce := range map[string]func(*crew){
		"stopped in order": func(c *crew) {
			c.set(func() { c.beat.Phase = msg.PhaseStopping })
			c.verdict(msg.VerdictStopped)
			c.kill()
			c.peer.Process, c.peer.StoppedAt = proc.Identity{}, time.Now()
			c.register(c.peer)
		},
		"maintenance": func(c *crew) {
			c.peer.Maintenance = &profile.Maintenance{Until: time.Now().Add(time.Hour), Reason: "new disk", By: "operator"}
			c.register(c.peer)
			c.kill()
			c.verdict(msg.VerdictDown)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrew(t)
			c.mustLive()
			c.watch()
			c.verdict(msg.VerdictOK)
			announce(c)
			var list msg.IncidentsList
			c.ask("incidents.list", nil, &list)
			if len(list.Incidents) > 0 || c.deeds() != "" {
				t.Errorf("%+v; hands %q", list.Incidents, c.deeds())
			}
		})
	}
}

// TestSlowStartIsLeftAlone: a start that tells what it does may take its time,
// also when it is stopped and continued; one that dies is a failure.
func TestSlowStartIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.manager.State = "activating"
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.next("starts it again by itself")
	c.set(func() { c.silent = true })
	c.mustLive()
	c.freeze()
	p := profile.Profile{StateDir: c.peer.StateDir}
	if err := p.NoteStart(profile.Starting{Process: c.peer.Process, Boot: "boot-2", Step: "open the store", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	c.verdict(msg.VerdictStarting)
	c.next("it is starting")
	c.set(func() { c.manager.State, c.silent = "failed", false })
	c.kill()
	i := c.await("repaired", func(i msg.Incident) bool { return i.State == msg.IncidentResolved })
	if whats(i) != "restart" || !strings.Contains(i.Fingerprint, "start: open the store") {
		t.Errorf("%+v, fingerprint %q", i.Actions, i.Fingerprint)
	}
}

func TestOnlyRescueActsUnlessToldTo(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	s := &Server{cfg: c.config()}
	i := profile.Instance{Profile: "scratch", Manager: "systemd"}
	for name, want := range map[string]struct {
		settings config.Rescue
		manager  string
		policy   string
	}{
		"by default":    {config.Rescue{}, "systemd", config.PolicyRepair},
		"in a terminal": {config.Rescue{}, "", config.PolicyObserve},
		"as told":       {config.Rescue{Policy: config.PolicyRestart}, "", config.PolicyRestart},
	} {
		c.settings.Store(&want.settings)
		i.Manager = want.manager
		if got, _ := s.policy(i); got != want.policy {
			t.Errorf("rescue %s: %s", name, got)
		}
	}
	s.cfg.Subjects = c.main.Subjects
	i.Manager = "systemd"
	for name, want := range map[string]struct {
		settings config.Rescue
		policy   string
	}{
		"by default":       {config.Rescue{}, config.PolicyObserve},
		"as told":          {config.Rescue{Policy: config.PolicyRepair}, config.PolicyRepair},
		"told of this one": {config.Rescue{Policies: map[string]string{"scratch": config.PolicyRestart}}, config.PolicyRestart},
		"told of another":  {config.Rescue{Policies: map[string]string{"rescue": config.PolicyRestart}}, config.PolicyObserve},
	} {
		c.settings.Store(&want.settings)
		if got, why := s.policy(i); got != want.policy || why == "" {
			t.Errorf("main %s: %s (%s)", name, got, why)
		}
	}
}
