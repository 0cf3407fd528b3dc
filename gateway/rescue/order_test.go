//go:build unix

package rescue

import (
	"errors"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// refused calls a method that must be refused with a sentence that has the words.
func (c *crew) refused(method string, in any, words string) {
	c.t.Helper()
	err := c.call(method, in, nil)
	var refusal *bus.Error
	if !errors.As(err, &refusal) || refusal.Code != bus.CodeInvalidRequest || !strings.Contains(refusal.Message, words) {
		c.t.Errorf("%s %+v: %v, want a refusal that says %q", method, in, err, words)
	}
}

func TestOperatorRepairs(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.settings.Store(&config.Rescue{Policy: config.PolicyObserve})
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.refused("rescue.repair", msg.RescueOrder{Peer: "main"}, "nothing to repair: main is ok")
	c.refused("rescue.repair", msg.RescueOrder{Peer: "nobody"}, `rescue watches no peer "nobody"`)
	c.refused("rescue.repair", "main", "must be")
	c.kill()
	c.next("rescue.policy is observe")
	var out msg.RescueOutcome
	c.await("the evidence is in", func(i msg.Incident) bool { return i.Fingerprint != "" })
	c.ask("rescue.repair", msg.RescueOrder{Peer: "main", DryRun: true}, &out)
	if out.Action.What != "restart" || !out.Action.DryRun || out.Action.By != byOperator || c.deeds() != "" {
		t.Errorf("dry run: %+v; hands %q", out, c.deeds())
	}
	c.ask("rescue.repair", msg.RescueOrder{Peer: "main"}, &out)
	i := c.resolved()
	if i.ID != out.Incident || whats(i) != "restart" || i.Actions[0].By != byOperator || c.deeds() != "start" {
		t.Errorf("%+v; hands %q", i.Actions, c.deeds())
	}
}

// TestOperatorCannotRepairWhatIsSpared: maintenance holds for operators too.
func TestOperatorCannotRepairWhatIsSpared(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.ask("rescue.hold", msg.RescueOrder{Peer: "main"}, nil)
	c.kill()
	c.next("repairs are held")
	c.peer.Maintenance = &profile.Maintenance{Until: time.Now().Add(time.Hour), Reason: "new disk"}
	c.register(c.peer)
	c.next("under maintenance until")
	c.refused("rescue.repair", msg.RescueOrder{Peer: "main"}, "main is left alone: it is under maintenance until")
}

// TestHoldOutlivesTheObserver: a hold and an open incident are taken up again.
func TestHoldOutlivesTheObserver(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	stop := c.watch()
	c.verdict(msg.VerdictOK)
	var out msg.RescueOutcome
	c.ask("rescue.hold", msg.RescueOrder{Peer: "main", DryRun: true}, &out)
	if st := c.next(""); st.Held || !out.Action.DryRun {
		t.Errorf("a dry run holds: %+v", st)
	}
	c.ask("rescue.hold", msg.RescueOrder{Peer: "main", Reason: "I look into it"}, nil)
	c.kill()
	c.next("repairs are held: I look into it")
	before := c.await("the evidence is in", func(i msg.Incident) bool { return i.Fingerprint != "" })
	stop()
	c.run()
	st := c.next("repairs are held: I look into it")
	if st.Incident != before.ID {
		t.Errorf("another incident: %s, before %s", st.Incident, before.ID)
	}
	c.ask("rescue.resume", msg.RescueOrder{Peer: "main"}, nil)
	i := c.resolved()
	if i.ID != before.ID || whats(i) != "resume restart" || i.Summary != before.Summary || c.deeds() != "start" || i.RecoverMs != i.Ended-before.Began {
		t.Errorf("%+v; hands %q", i, c.deeds())
	}
	if st := c.next(""); st.Held {
		t.Errorf("still held: %+v", st)
	}
}

// TestRepairsOutliveTheObserver: an observer that is restarted does not begin to
// count anew.
func TestRepairsOutliveTheObserver(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	stop := c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.resolved()
	stop()
	c.run()
	c.verdict(msg.VerdictOK)
	if st := c.next(""); st.RepairsInWindow != 1 {
		t.Errorf("status %+v", st)
	}
	c.kill()
	if i := c.resolved(); i.Kind != msg.KindCrashLoop || !strings.Contains(i.Actions[0].Why, "failed 2 times") {
		t.Errorf("%s: %+v", i.Kind, i.Actions)
	}
	// An operator who knows better has them counted anew.
	c.ask("rescue.resume", msg.RescueOrder{Peer: "main"}, nil)
	if st := c.next(""); st.RepairsInWindow != 0 {
		t.Errorf("status %+v", st)
	}
	c.kill()
	if i := c.resolved(); i.Kind != msg.KindServiceGaveUp || i.Actions[0].Why != "it does not run" {
		t.Errorf("%s: %+v", i.Kind, i.Actions)
	}
}

func TestOperatorDirects(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main"}, `which is no action`)
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main", Action: "reboot"}, `"reboot", which is no action`)
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectGeneration)}, "name one")
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectGeneration), Generation: 10}, "profile main has no generation 10")
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectGeneration), Generation: 10, DryRun: true}, "profile main has no generation 10")
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectSafeMode), ForMs: time.Hour.Milliseconds()}, "is the longest")
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectSafeMode), ForMs: -1}, "is the longest")
	c.refused("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectSafeMode), Generation: 3}, "with generation 3")
	var out msg.RescueOutcome
	c.ask("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectSafeMode), DryRun: true}, &out)
	if d, err := c.directive(); !errors.Is(err, profile.ErrNoDirective) {
		t.Errorf("after a dry run there is %+v, %v", d, err)
	}
	c.ask("rescue.directive", msg.RescueOrder{Peer: "main", Action: string(profile.DirectGeneration), Generation: 3, Reason: "try the old one"}, &out)
	d, err := c.directive()
	if err != nil || d.Generation != 3 || d.Reason != "try the old one" || d.Expires.Sub(d.Issued) != directiveDefault || out.Action.What != "directive" || c.deeds() != "" {
		t.Errorf("directive %+v, %v; %+v; hands %q", d, err, out, c.deeds())
	}
}
