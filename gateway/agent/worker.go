package agent

import (
	"cmp"
	"context"
	"errors"
	"time"

	"clawdbot/bus"
	"clawdbot/profile/store"
)

// work delivers the answers of one channel until there are none or ctx ends.
func (a *Agent) work(ctx context.Context, q *queue) {
	var pause time.Duration // after the delivery that failed last
	for seq := a.next(q); seq != 0 && wait(ctx, pause); seq = a.next(q) {
		err := a.deliver(ctx, q, seq)
		switch {
		case err == nil:
			pause = 0
			continue
		case pause == 0 && ctx.Err() == nil: // the first of a row
			a.log.Warn("answer waits for its channel", "channel", q.channel, "seq", seq, "err", err)
		}
		pause = min(cmp.Or(2*pause, a.limits.RetryMin), a.limits.RetryMax)
	}
}

// deliver requests until the connector acknowledges, once.
func (a *Agent) deliver(ctx context.Context, q *queue, seq uint64) error {
	out, err := a.out.Get(seq)
	if errors.Is(err, store.ErrNotFound) { // deleted by the operator
		a.delivered(q, seq)
		return nil
	}
	if err != nil {
		return err
	}
	subj, err := a.subjects.Out(q.channel)
	if err != nil {
		return err
	}
	out.Seq = seq
	ctx, cancel := context.WithTimeout(ctx, a.limits.Ack)
	defer cancel()
	if err := bus.Call(ctx, a.nc, subj, out.Out, nil); err != nil {
		return err
	}
	if err := a.out.Delete(seq); err != nil {
		return err
	}
	a.delivered(q, seq)
	return nil
}

// wait pauses for d. It returns false when ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
