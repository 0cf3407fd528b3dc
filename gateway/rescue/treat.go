package rescue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/service"
)

const (
	statusEvery    = 500 * time.Millisecond // how often a manager is asked about a peer that failed
	statusDeadline = 2 * time.Second
	foreignEvery   = 2 * time.Second // how often it is seen whether a stolen port is free again
	staleAfter     = time.Minute     // a failure this old is looked at seldom, staleTimes more so
	staleTimes     = 20
	repairDeadline = 2 * time.Minute // a manager that waits for a slow start to be ready is not waited for longer
	directiveHolds = 2 * time.Minute // it is for the start that follows at once
	leasePause     = 2 * time.Second // before a peer that another gateway works on is looked at again
)

// treat decides what to do about a peer that does not serve, and does it.
func (s *Server) treat(ctx context.Context, d *dossier, t *track, now time.Time) {
	s.askManager(ctx, d, now)
	stolen := len(d.evidence.Foreign) > 0 && now.Sub(d.gathered) >= d.pace(foreignEvery, now)
	if fatal(t.peer.Verdict) && (stolen || d.gathered.Before(d.gaveUp)) { // what made the manager give up may be another end than the first
		s.gather(ctx, d, t, now)
	}
	if n := len(d.failures); n > 0 && d.failures[n-1].cause == "" && now.Sub(d.failures[n-1].at) > 2*evidenceDeadline {
		d.failures[n-1].cause = cause(t.peer.Verdict, Evidence{}, "")
	}
	if running(t.peer.Verdict) && t.beat.Source == string(config.FromSafeMode) && t.beat.Phase == msg.PhaseReady && d.incident.State == msg.IncidentOpen && d.busy == "" {
		s.callHuman(d, t.name, t.name+" runs in safe mode and serves nothing: repair its config, then restart it", now)
	}
	next := decide(s.plight(d, t, now), now)
	d.next = next.why
	switch next.do {
	case leave:
	case hold:
		s.setHold(d, t.name, &Hold{Reason: next.why, By: byRescue, Since: now})
		s.callHuman(d, t.name, next.why, now)
	default:
		s.act(ctx, d, t, next, byRescue, now)
	}
}

// plight adds to what the dossier holds what is known beyond it.
func (s *Server) plight(d *dossier, t *track, now time.Time) plight {
	p := d.plight(t)
	p.began = s.began
	p.policy, p.observes = s.policy(d.peer)
	current := s.instances[t.name]
	switch {
	case current.InMaintenance(now):
		p.spared = fmt.Sprintf("it is under maintenance until %s: %s", current.Maintenance.Until.Local().Format(time.TimeOnly), orElse(current.Maintenance.Reason, "no reason was given"))
	case d.statusErr != nil:
		p.spared = fmt.Sprintf("its service manager does not answer: %v", d.statusErr)
	case now.Before(d.deferred):
		p.busy = d.next
	}
	return p
}

// policy is what this gateway may do about a peer, and for observe why.
func (s *Server) policy(i profile.Instance) (policy, why string) {
	r := s.cfg.Settings()
	managed := i.Manager != ""
	switch explicit := r.Policy != "" || r.Policies[i.Profile] != ""; {
	case explicit:
		return r.PolicyFor(i.Profile, managed), "rescue.policy is observe"
	case s.cfg.Subjects.Profile() != rescueProfile:
		return config.PolicyObserve, "only the profile rescue repairs others, unless rescue.policy is set"
	}
	return r.PolicyFor(i.Profile, managed), "no service manager keeps it: install it as a service, or run it by clawdbot up"
}

// rescueProfile is the one whose purpose is to repair others.
const rescueProfile = "rescue"

// askManager asks the peer's service manager, now and then, what it does with it.
func (s *Server) askManager(ctx context.Context, d *dossier, now time.Time) {
	if d.asking || d.peer.Manager == "" || now.Sub(d.asked) < d.pace(statusEvery, now) || !fatal(d.seenAs) {
		return
	}
	d.asking, d.asked = true, now
	peer, id := d.peer, d.incident.ID
	s.background(func() func(time.Time) {
		ctx, cancel := context.WithTimeout(ctx, statusDeadline)
		defer cancel()
		status, err := s.cfg.Hands.Status(ctx, peer)
		return func(now time.Time) {
			d.asking = false
			if d.has(id) {
				s.hearManager(d, status, err, now)
			}
		}
	})
}

// pace is how often something is looked at that is urgent only at first.
func (d *dossier) pace(every time.Duration, now time.Time) time.Duration {
	if n := len(d.failures); n > 0 && now.Sub(d.failures[n-1].at) < staleAfter {
		return every
	}
	return staleTimes * every
}

// hearManager takes in the manager's answer. That it is stopping the peer holds
// until the peer serves again: the end of such a stop may look like a failure.
func (s *Server) hearManager(d *dossier, status service.Status, err error, now time.Time) {
	d.statusErr = err
	if err != nil {
		return
	}
	before := d.custody
	if !before.stopping {
		d.custody = custodyOf(status)
	}
	switch {
	case d.custody == before, d.custody == custody{}:
		return
	case d.custody.gaveUp:
		d.gaveUp = now
		d.note(now, fmt.Sprintf("%s does not start it again: %s", managerName(string(status.Manager)), orElse(status.Result, status.State)))
		d.classify()
	default:
		d.note(now, d.custody.stopped)
	}
	s.save(d.incident)
}

// callHuman puts the incident into the hands of the operator.
func (s *Server) callHuman(d *dossier, peer, why string, now time.Time) {
	d.incident.State = msg.IncidentHeld
	s.record(d, now, msg.Action{What: string(hold), Why: why, By: byRescue, Result: "the operator is told"})
	s.cfg.Log.Error("repairs are held", "peer", peer, "reason", why, "incident", d.incident.ID)
	s.save(d.incident)
	s.notify(d.incident, "held")
}

// record adds an action to the incident.
func (s *Server) record(d *dossier, at time.Time, a msg.Action) {
	a.At = at.UnixMilli()
	d.incident.Actions = append(d.incident.Actions, a)
	d.note(at, fmt.Sprintf("%s by %s: %s (%s)", a.What, a.By, a.Result, a.Why))
}

// errLeft says that the peer is left alone after all.
var errLeft = errors.New("left alone")

// act does what was decided, beside the watch loop.
func (s *Server) act(ctx context.Context, d *dossier, t *track, do decision, by string, now time.Time) {
	d.busy = fmt.Sprintf("%s of %s by %s", do.do, t.name, s.cfg.Subjects.Profile())
	d.repairs = append(d.repairs, repair{now, do.do})
	t.peer.Repair = d.busy
	s.publish(t)
	j := job{
		s: s, peer: d.peer, do: do, by: by, began: now, incident: d.incident.ID, badHash: d.evidence.FileHash,
		hung: t.peer.Verdict == msg.VerdictHung, stacked: d.incident.Stacks != "",
	}
	s.background(func() func(time.Time) {
		ctx, cancel := context.WithTimeout(ctx, repairDeadline)
		defer cancel()
		err := j.run(ctx)
		return func(now time.Time) {
			d.busy, t.peer.Repair = "", ""
			s.publish(t)
			if d.has(j.incident) { // the peer may have been removed meanwhile
				s.finish(d, &j, err, now)
			}
		}
	})
}

// finish takes the outcome of a job into the record. One that was left undone
// does not count as a repair.
func (s *Server) finish(d *dossier, j *job, err error, now time.Time) {
	for _, a := range j.done {
		s.record(d, time.UnixMilli(a.At), a)
	}
	d.incident.Stacks = orElse(j.stacks, d.incident.Stacks)
	if errors.Is(err, errLeft) {
		d.repairs = slices.DeleteFunc(d.repairs, func(r repair) bool { return r.at.Equal(j.began) })
		d.deferred, d.next = now.Add(leasePause), err.Error()
		d.note(now, err.Error())
		var held *profile.HeldError
		if !errors.As(err, &held) {
			d.leased = time.Time{}
		} else if d.leased.IsZero() {
			d.leased = now
		} else if now.Sub(d.leased) > leaseLong && d.incident.State != msg.IncidentHeld {
			s.callHuman(d, j.peer.Bus, fmt.Sprintf("%v, for longer than any repair takes: look whether that process is stuck", held), now)
			return
		}
	}
	s.save(d.incident)
}

// leaseLong is how long another gateway may have the lease of a peer until the
// operator is told: a repair ends within repairDeadline.
const leaseLong = 2 * repairDeadline

// setHold holds the repairs of a peer, or with nil lets them go on.
func (s *Server) setHold(d *dossier, peer string, h *Hold) {
	d.hold = h
	if h == nil {
		s.book.put(kindHold, peer, nil)
		return
	}
	s.keep(kindHold, peer, h)
}
