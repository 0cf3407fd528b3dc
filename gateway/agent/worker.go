package agent

import (
	"cmp"
	"context"
	"errors"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// work takes the steps of one queue until there are none or ctx ends.
func (a *Agent) work(ctx context.Context, q *queue) {
	var pause time.Duration // after the delivery that failed last
	var due time.Time       // when that pause is over
	for ctx.Err() == nil {
		s := a.next(q)
		switch {
		case s == (step{}):
			return
		case s.answer != 0:
			a.answerOrWait(ctx, q, s.answer)
			continue
		case !wait(ctx, q.wake, time.Until(due)):
			continue // a message came meanwhile: it is answered first
		}
		err := a.deliver(ctx, q, s.deliver)
		switch {
		case err == nil:
			pause = 0
			continue
		case pause == 0 && ctx.Err() == nil: // the first of a row
			a.log.Warn("answer waits for its channel", "channel", q.channel, "seq", s.deliver, "err", err)
		}
		pause = min(cmp.Or(2*pause, a.limits.RetryMin), a.limits.RetryMax)
		due = time.Now().Add(pause)
	}
}

// answerOrWait answers a message. A store that takes no writes is asked again
// after the longest pause.
func (a *Agent) answerOrWait(ctx context.Context, q *queue, seq uint64) {
	err := a.answer(q, seq)
	a.noteStore(err)
	if err != nil {
		a.log.Error("answer not stored", "channel", q.channel, "seq", seq, "err", err)
		wait(ctx, nil, a.limits.RetryMax)
	}
}

// answer stores the answer to a message and takes the message off the list, in
// one update.
func (a *Agent) answer(q *queue, seq uint64) error {
	in, err := a.in.Get(seq)
	if errors.Is(err, store.ErrNotFound) { // deleted by the operator
		a.answered(q, 0)
		return nil
	}
	if err != nil {
		return err
	}
	reply := outbound{
		Channel: in.Channel, At: time.Now().UnixMilli(),
		Out: msg.Out{InReply: seq, To: cmp.Or(in.To, in.From), Thread: in.Thread, Text: a.reply(in.Text)},
	}
	var out uint64
	err = a.store.Update(func(tx *store.Tx) (err error) {
		if out, err = a.out.With(tx).Append(reply); err != nil {
			return err
		}
		return a.in.With(tx).Delete(seq)
	})
	if err == nil {
		a.answered(q, out)
	}
	return err
}

// deliver requests until the connector acknowledges, once.
func (a *Agent) deliver(ctx context.Context, q *queue, seq uint64) error {
	out, err := a.out.Get(seq)
	if errors.Is(err, store.ErrNotFound) { // deleted by the operator
		a.delivered(q)
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
	a.delivered(q)
	return nil
}

// wait pauses for d. It returns false when ctx ended or wake was signalled
// before.
func wait(ctx context.Context, wake <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
		return false
	case <-t.C:
		return true
	}
}
