package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

const (
	// patience is how long is waited for what must come.
	patience = 30 * time.Second
	// settle is how long the gateways may take to say what they think when main
	// serves again.
	settle = 10 * time.Second
	// aftermath is how long is watched whether all stays well: longer than a rescue
	// leaves a dead gateway to its keeper.
	aftermath = 4 * time.Second
	// warm is how many messages main takes before the fault strikes.
	warm = 20
)

// rehearsal is one fault under way.
type rehearsal struct {
	*fleet
	*ledger
	f       fault
	at      moments
	score   Score
	traffic *traffic
	busy    time.Duration
	last    time.Time // when the drill did something to main last: what it served before then does not count

	// A fault may set these when it strikes.
	heal  func(context.Context) error // takes the cause away
	check func()                      // looks closer at the end
}

// rehearse brings a pair of gateways up in dir, lets the fault strike and scores
// what follows.
func rehearse(ctx context.Context, cfg Config, f fault, dir string) (score Score, err error) {
	place, err := newScratch(cfg, dir)
	if err != nil {
		return Score{}, err
	}
	gateways, err := place.up()
	if err != nil {
		return Score{}, err
	}
	defer func() { err = errors.Join(err, gateways.down()) }()
	seen := newLedger()
	stop, err := seen.observe(place)
	if err != nil {
		return Score{}, err
	}
	defer stop()
	nc, err := place.connect(place.main, bus.UserIngress)
	if err != nil {
		return Score{}, err
	}
	defer nc.Close()
	r := &rehearsal{
		fleet: gateways, ledger: seen, f: f, score: newScore(f), busy: cfg.Busy,
		traffic: &traffic{ledger: seen, nc: nc, subjects: place.main.Subjects()},
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.traffic.run(ctx) })
	beside.Go(func() { gateways.watchKeeper(ctx, cancel) })
	defer beside.Wait()
	defer cancel(nil)
	err = r.run(ctx)
	switch ended := context.Cause(ctx); {
	case errors.Is(err, errNoMeans):
		r.score.Skipped = err.Error()
		return r.score, nil
	case errors.Is(ended, errKeeper) && !errors.Is(err, errUnwell):
		r.score.fail("%v", ended)
	case err != nil:
		return Score{}, err
	}
	r.read(func() { r.score.judge(f, seen, r.at, cfg.Allow) })
	r.score.Passed = len(r.score.Failures) == 0
	return r.score, nil
}

// errUnwell says that there was no pair to rehearse anything on.
var errUnwell = errors.New("the pair is not well before the fault")

// run is the fault from its first blow to what is known of it at the end.
func (r *rehearsal) run(ctx context.Context) error {
	if !r.await(ctx, patience, func() bool { return r.steady() && len(r.deliveries) >= warm }) {
		return r.unwell(ctx)
	}
	err := r.f.strike(ctx, r)
	if err == nil && !r.f.harmless() {
		r.await(ctx, patience, func() (ok bool) { r.at.noticed, ok = r.noticed(r.at.harmed, r.f.signs); return ok })
	}
	if r.heal != nil { // whatever else happened
		err = errors.Join(err, r.heal(ctx))
		r.at.healed, r.last = time.Now(), time.Now()
	}
	if err != nil {
		return err
	}
	r.await(ctx, patience, func() (ok bool) { r.at.served, ok = r.served(r.last); return ok })
	r.await(ctx, settle, r.settled)
	if err := wait(ctx, aftermath); err != nil {
		return err
	}
	if r.check != nil {
		r.check()
	}
	return r.recount(ctx)
}

// unwell tells how the pair is.
func (r *rehearsal) unwell(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	how := fmt.Errorf("%w: the rescue says that main is %s, main that the rescue is %s, and main took %d messages",
		errUnwell, r.verdict(nameRescue, nameMain), r.verdict(nameMain, nameRescue), len(r.deliveries))
	return errors.Join(how, context.Cause(ctx))
}

// settled says whether the gateways think of what happened as they should. The
// ledger's lock is held.
func (r *rehearsal) settled() bool {
	if r.f.harmless() {
		return r.steady()
	}
	return slices.ContainsFunc(r.incidents(nameRescue), func(i msg.Incident) bool { return slices.Contains(r.f.kinds, i.Kind) })
}

// recount looks whether everything is still there that must be.
func (r *rehearsal) recount(ctx context.Context) error {
	same, err := r.untouched()
	if err != nil {
		return err
	}
	if !same {
		r.score.fail("main's config file was changed")
	}
	if r.at.served.IsZero() {
		return ctx.Err()
	}
	lost, err := r.traffic.lost(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.score.fail("%v", err)
		return nil
	case lost > 0:
		r.score.fail("%d acknowledged messages are lost", lost)
	}
	r.score.Lost = lost
	return nil
}

// steady says whether each gateway calls the other well. The ledger's lock is
// held.
func (r *rehearsal) steady() bool {
	return r.verdict(nameRescue, nameMain) == msg.VerdictOK && r.verdict(nameMain, nameRescue) == msg.VerdictOK && r.beat.Phase == msg.PhaseReady
}

// newest is main's last beat.
func (r *rehearsal) newest() (b msg.Beat) {
	r.read(func() { b = r.beat })
	return b
}

// hurt does something to main's process, as the fault or as a further blow of it.
func (r *rehearsal) hurt(do func(main proc.Identity) error) error {
	id, err := r.process(nameMain)
	if err != nil {
		return err
	}
	r.last = time.Now()
	if r.at.harmed.IsZero() {
		r.at.harmed = r.last
	}
	return do(id)
}

// whileDead kills main, and does something before its keeper starts it again.
func (r *rehearsal) whileDead(ctx context.Context, do func() error) error {
	if err := suspend(r.keeper.id); err != nil {
		return err
	}
	err := r.hurt(func(main proc.Identity) error { return errors.Join(kill(main), proc.Await(ctx, main)) })
	if err == nil {
		err = do()
	}
	return errors.Join(err, resume(r.keeper.id))
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
