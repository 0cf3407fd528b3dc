package drill

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// A start that is slow gets slice of every slice and pause, for slowFor at most:
// much longer than it takes until a silent gateway counts as hung.
const (
	slowFor = 8 * time.Second
	pause   = 400 * time.Millisecond
	slice   = time.Millisecond
)

// slowStart kills main and slows down the process that its keeper starts, which
// must come up itself: nobody may take another in its place.
func slowStart(ctx context.Context, r *rehearsal) error {
	before, err := r.gateways(ctx)
	if err != nil {
		return err
	}
	boot := r.newest().Boot
	if err := r.hurt(kill); err != nil {
		return err
	}
	starting, err := r.newcomer(ctx, before)
	if err != nil {
		return err
	}
	up := func() bool { return r.beat.Boot != boot && r.beat.Phase == msg.PhaseReady }
	for began := time.Now(); time.Since(began) < slowFor && err == nil && !r.await(ctx, slice, up); {
		err = errors.Join(suspend(starting), wait(ctx, pause), resume(starting))
	}
	r.last = time.Now()
	r.check = func() {
		if now, err := r.process(nameMain); err != nil || now != starting {
			r.score.fail("the process that was starting was replaced by another")
		}
	}
	if errors.Is(err, proc.ErrGone) {
		return nil // the check tells
	}
	return err
}

// newcomer is the gateway that the keeper starts beside or after those.
func (r *rehearsal) newcomer(ctx context.Context, before []proc.Identity) (proc.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		now, err := r.gateways(ctx)
		if err != nil {
			return proc.Identity{}, err
		}
		for _, id := range now {
			if !slices.Contains(before, id) {
				return id, nil
			}
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return proc.Identity{}, err
		}
	}
}

// While the host is busy, the rescue is stopped for observerStops in the middle
// of each busyRound.
const (
	busyRound     = 20 * time.Second
	observerStops = 3 * time.Second
)

func busyHost(ctx context.Context, r *rehearsal) error {
	for range 2 * runtime.NumCPU() {
		loop := busyLoop()
		r.own(loop)
		c, err := startChild(loop)
		if err != nil {
			return err
		}
		defer c.kill()
	}
	rescue, err := r.process(nameRescue)
	if err != nil {
		return err
	}
	for left := r.busy; left > 0 && err == nil; left -= busyRound {
		half := min(left, busyRound) / 2
		err = errors.Join(wait(ctx, half), suspend(rescue), wait(ctx, observerStops), resume(rescue), wait(ctx, half))
	}
	r.last = time.Now()
	return err
}

// suspendedFor is much longer than a silent gateway has until it counts as hung.
const suspendedFor = 5 * time.Second

func clockJump(ctx context.Context, r *rehearsal) error {
	all, err := r.gateways(ctx)
	if err != nil {
		return err
	}
	all = append(all, r.keeper.id)
	each := func(do func(proc.Identity) error) error {
		var errs []error
		for _, id := range all {
			errs = append(errs, do(id))
		}
		return errors.Join(errs...)
	}
	err = errors.Join(each(suspend), wait(ctx, suspendedFor), each(resume))
	r.last = time.Now()
	return err
}
