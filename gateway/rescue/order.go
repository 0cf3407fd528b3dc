package rescue

import (
	"context"
	"errors"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// order decodes a msg.RescueOrder and runs do in the watch loop, with the peer's dossier.
func (s *Server) order(ctx context.Context, r *bus.Request, do func(o msg.RescueOrder, t *track, d *dossier, now time.Time) (msg.RescueOutcome, error)) (out msg.RescueOutcome, err error) {
	var o msg.RescueOrder
	if err := r.Decode(&o); err != nil {
		return out, err
	}
	err = s.call(ctx, func(now time.Time) (err error) {
		t := s.tracks[o.Peer]
		if t == nil {
			return bus.Errorf(bus.CodeInvalidRequest, "%s watches no peer %q", s.cfg.Subjects.Profile(), o.Peer)
		}
		out, err = do(o, t, s.dossiers[o.Peer], now)
		return err
	})
	return out, err
}

// rescueRepair does now what the policy repair would do, whatever the policy is.
func (s *Server) rescueRepair(ctx context.Context, r *bus.Request) (any, error) {
	return s.order(ctx, r, func(o msg.RescueOrder, t *track, d *dossier, now time.Time) (msg.RescueOutcome, error) {
		if d.incident == nil || !d.fatal {
			return msg.RescueOutcome{}, bus.Errorf(bus.CodeInvalidRequest, "nothing to repair: %s is %s (%s)", o.Peer, t.peer.Verdict, t.peer.Reason)
		}
		p := s.plight(d, t, now)
		p.policy, p.held, p.gaveUp, p.repairs = config.PolicyRepair, "", true, nil
		p.failures = p.failures[max(0, len(p.failures)-1):] // what was tried before is for the operator to judge
		next := decide(p, now)
		if next.do == leave || next.do == hold {
			return msg.RescueOutcome{}, bus.Errorf(bus.CodeInvalidRequest, "%s is left alone: %s", o.Peer, next.why)
		}
		out := msg.RescueOutcome{Peer: o.Peer, Incident: d.incident.ID, Action: msg.Action{At: now.UnixMilli(), What: string(next.do), Why: next.why, By: byOperator, DryRun: o.DryRun, Result: "begun"}}
		if o.DryRun {
			out.Action.Result = "nothing was done"
			return out, nil
		}
		s.act(s.life, d, t, next, byOperator, now)
		return out, nil
	})
}

func (s *Server) rescueHold(ctx context.Context, r *bus.Request) (any, error) {
	return s.order(ctx, r, func(o msg.RescueOrder, _ *track, d *dossier, now time.Time) (msg.RescueOutcome, error) {
		h := Hold{Reason: orElse(o.Reason, "the operator holds them"), By: byOperator, Since: now}
		out := msg.RescueOutcome{Peer: o.Peer, Action: msg.Action{At: now.UnixMilli(), What: string(hold), Why: h.Reason, By: byOperator, DryRun: o.DryRun, Result: "repairs are held until they are resumed"}}
		if !o.DryRun {
			s.setHold(d, o.Peer, &h)
		}
		return out, nil
	})
}

// rescueResume lets repairs go on, and has failures and repairs counted anew.
func (s *Server) rescueResume(ctx context.Context, r *bus.Request) (any, error) {
	return s.order(ctx, r, func(o msg.RescueOrder, _ *track, d *dossier, now time.Time) (msg.RescueOutcome, error) {
		out := msg.RescueOutcome{Peer: o.Peer, Action: msg.Action{
			At: now.UnixMilli(), What: "resume", Why: orElse(o.Reason, "the operator resumes them"), By: byOperator, DryRun: o.DryRun,
			Result: "repairs go on, and are counted anew",
		}}
		if o.DryRun {
			return out, nil
		}
		s.setHold(d, o.Peer, nil)
		d.repairs = nil
		d.failures = d.failures[max(0, len(d.failures)-1):] // the last one is the one at hand
		if d.incident == nil {
			d.failures = nil
			return out, nil
		}
		d.incident.State = msg.IncidentOpen
		s.record(d, now, out.Action)
		s.save(d.incident)
		return out, nil
	})
}

// directiveDefault is how long an operator's directive holds without a word of it.
const directiveDefault = 10 * time.Minute

// rescueDirective leaves a boot directive for the next start of the peer, and
// starts nothing.
func (s *Server) rescueDirective(ctx context.Context, r *bus.Request) (any, error) {
	var directive profile.Directive
	var peer profile.Instance
	out, err := s.order(ctx, r, func(o msg.RescueOrder, t *track, d *dossier, now time.Time) (msg.RescueOutcome, error) {
		var err error
		peer = s.instances[t.name]
		directive, err = s.directive(o, d, now)
		a := msg.Action{
			At: now.UnixMilli(), What: string(generation), Why: directive.Reason, By: byOperator, DryRun: o.DryRun,
			Result: "holds until " + directive.Expires.Local().Format(time.TimeOnly) + " for the next start",
		}
		if directive.Action == profile.DirectSafeMode {
			a.What = string(safeMode)
		}
		return msg.RescueOutcome{Peer: o.Peer, Incident: directive.Incident, Action: a}, err
	})
	if err == nil && directive.Generation != 0 { // beside the watch loop, for it waits for the disk
		err = s.canStart(peer, directive.Generation)
	}
	if err != nil || out.Action.DryRun {
		return out, err
	}
	if err := s.cfg.Registry.WriteDirective(peer, directive); err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	return out, s.call(ctx, func(now time.Time) error {
		if d := s.dossiers[out.Peer]; d != nil && d.incident != nil {
			s.record(d, now, out.Action)
			s.save(d.incident)
		}
		return nil
	})
}

// canStart refuses a generation that the peer does not have: its start could not
// follow the directive.
func (s *Server) canStart(peer profile.Instance, n uint64) error {
	err := s.cfg.Hands.HasGeneration(peer, n)
	if errors.Is(err, config.ErrNoGeneration) {
		return bus.Errorf(bus.CodeInvalidRequest, "profile %s has no generation %d", peer.Profile, n)
	}
	return err
}

func (s *Server) directive(o msg.RescueOrder, d *dossier, now time.Time) (profile.Directive, error) {
	holds := time.Duration(o.ForMs) * time.Millisecond
	if o.ForMs == 0 {
		holds = directiveDefault
	}
	next := profile.Directive{
		By: s.cfg.Subjects.Profile(), Action: profile.DirectiveAction(o.Action), Generation: o.Generation, Reason: orElse(o.Reason, "the operator asks for it"),
		Issued: now, Expires: now.Add(holds),
	}
	if d.incident != nil {
		next.Incident = d.incident.ID
	}
	if c := d.evidence.Config; next.Action == profile.DirectGeneration && o.Generation == 0 && c != nil {
		next.Generation = c.LastGood
	}
	if next.Action == profile.DirectGeneration && next.Generation == 0 {
		return next, bus.Errorf(bus.CodeInvalidRequest, "which generation of %s was good is not known here: name one", o.Peer)
	}
	return next, nil
}
