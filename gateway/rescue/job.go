package rescue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
	"clawdbot/profile/proc"
)

// job is one repair of one peer. It runs beside the watch loop.
type job struct {
	s        *Server
	peer     profile.Instance // with the process that failed
	do       decision
	by       string
	began    time.Time
	incident string
	badHash  string
	hung     bool
	stacked  bool // the stacks of this incident are kept already

	done   []msg.Action
	stacks string
}

// run does the steps of the repair under the lease of the peer, and stops at the
// first that fails. It returns errLeft when it did nothing, because another works
// on the peer or because the peer is no longer what it was when it was judged.
func (j *job) run(ctx context.Context) error {
	release, err := j.s.cfg.Registry.Lease(j.peer.Bus, j.s.cfg.Subjects.Profile(), string(j.do.do))
	if err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	defer release()
	err = j.unchanged(time.Now())
	if err == nil && j.hung && stateOf(j.peer.Process) == processAlive {
		err = j.silent(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	if j.do.do == generation || j.do.do == safeMode {
		if err := j.step(string(j.do.do), j.direct); err != nil {
			return err
		}
		if err := j.unchanged(time.Now()); err != nil { // its manager was quicker, and its start may not have seen the directive
			return fmt.Errorf("%w: %w", errLeft, errors.Join(err, j.s.cfg.Registry.WithdrawDirective(j.peer, j.incident)))
		}
	}
	if j.do.abort {
		what, end := "abort", j.abort
		if j.stacked {
			what, end = "kill", j.kill
		}
		switch err := j.step(what, func() error { return end(ctx) }); {
		case errors.Is(err, proc.ErrHidden): // only its manager can reach it; one that is not proven to be the peer's is left alone
			return j.step(string(restart), func() error { return j.s.cfg.Hands.Restart(ctx, j.peer) })
		case err != nil:
			return err
		}
	}
	return j.step(string(restart), func() error { return j.s.cfg.Hands.Start(ctx, j.peer) })
}

// step does one step and keeps what became of it.
func (j *job) step(what string, do func() error) error {
	began := time.Now()
	err := do()
	a := msg.Action{At: began.UnixMilli(), What: what, Why: j.do.why, By: j.by, TookMs: time.Since(began).Milliseconds(), Result: "done"}
	if err != nil {
		a.Result = err.Error()
	}
	j.done = append(j.done, a)
	return err
}

func (j *job) direct() error {
	now := time.Now()
	d := profile.Directive{
		By: j.s.cfg.Subjects.Profile(), Action: profile.DirectSafeMode, BadHash: j.badHash, Reason: j.do.why,
		Incident: j.incident, Issued: now, Expires: now.Add(directiveHolds),
	}
	if j.do.do == generation {
		d.Action, d.Generation = profile.DirectGeneration, j.do.generation
	}
	return j.s.cfg.Registry.WriteDirective(j.peer, d)
}

func (j *job) abort(ctx context.Context) (err error) {
	j.stacks, err = j.s.cfg.Hands.Abort(ctx, j.peer)
	return err
}

func (j *job) kill(ctx context.Context) error { return j.s.cfg.Hands.Kill(ctx, j.peer) }

// silent puts both questions once more to a peer that is about to be ended, so
// that one which was only slow is spared.
func (j *job) silent(ctx context.Context) error {
	peer, err := subject.New(j.peer.Bus)
	if err != nil {
		return err
	}
	if r := j.s.ask(ctx, peer, j.peer, time.Now()); r.ping == nil || r.healthz == nil {
		return fmt.Errorf("%s answers again", j.peer.Bus)
	}
	return nil
}

// unchanged proves that the process which failed is still the newest of the peer
// and still in that state: since the verdict it may have been stopped in order,
// or have come back.
func (j *job) unchanged(now time.Time) error {
	current, err := j.s.cfg.Registry.Get(j.peer.Profile)
	if err != nil {
		return err
	}
	newest := current.Process
	if note, ok := current.Starting(); ok && note.At.After(current.StoppedAt) && stateOf(current.Process) == processGone {
		newest = note.Process
	}
	state := stateOf(newest)
	switch {
	case current.InMaintenance(now):
		return fmt.Errorf("%s is under maintenance", j.peer.Bus)
	case newest.PID == 0:
		return fmt.Errorf("%s was stopped in order", j.peer.Bus)
	case newest != j.peer.Process:
		return fmt.Errorf("another process of %s runs by now", j.peer.Bus)
	case j.hung && state == processGone:
		return fmt.Errorf("the process of %s ended meanwhile", j.peer.Bus)
	case !j.hung && state != processGone:
		return fmt.Errorf("%s runs", j.peer.Bus)
	}
	return nil
}
