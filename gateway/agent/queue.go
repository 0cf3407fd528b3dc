package agent

import (
	"slices"

	"clawdbot/bus"
)

// queue is what one channel has pending. Agent.mu guards it.
type queue struct {
	channel string
	in      []*ticket // in the order of their numbers
	out     []uint64  // in the order of their numbers
	coming  int       // requests between reserve and their end
	working bool
	wake    chan struct{} // tells a worker that pauses
}

// ticket is a message's place in the queue. It is taken while the number is
// given, which happens one at a time, so that the queue has the numbers' order;
// the message may be answered when it is stored.
type ticket struct {
	seq    uint64
	stored bool
}

// step is what a worker does next: answer a message or deliver an answer.
type step struct {
	answer, deliver uint64 // sequence numbers; one of them, or none when there is nothing to do
}

// queue returns the channel's queue, made when there is none.
func (a *Agent) queue(channel string) *queue {
	q, ok := a.queues[channel]
	if !ok {
		q = &queue{channel: channel, wake: make(chan struct{}, 1)}
		a.queues[channel] = q
	}
	return q
}

// reserve keeps a place for a message of the channel until release.
func (a *Agent) reserve(channel string) (*queue, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if q := a.queues[channel]; q == nil && len(a.queues) >= a.limits.MaxChannels {
		return nil, unavailable("messages of %d channels wait, the queue is full", len(a.queues))
	}
	q := a.queue(channel)
	if pending := len(q.in) + len(q.out); pending+q.coming >= a.limits.MaxPending {
		return nil, unavailable("%d messages of channel %s wait, its queue is full", pending, channel)
	}
	q.coming++
	return q, nil
}

func unavailable(format string, args ...any) error {
	e := bus.Errorf(bus.CodeUnavailable, format, args...)
	e.Retryable = true
	return e
}

// take queues a message that is about to be stored under seq.
func (a *Agent) take(q *queue, seq uint64) *ticket {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := &ticket{seq: seq}
	q.in = append(q.in, t)
	return t
}

// release ends what reserve began. A ticket that was not stored is taken back;
// t is nil when there is none.
func (a *Agent) release(q *queue, t *ticket, stored bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.coming--
	switch {
	case t != nil && stored:
		t.stored = true
		signal(q.wake)
		signal(a.wake)
	case t != nil:
		q.in = slices.DeleteFunc(q.in, func(other *ticket) bool { return other == t })
		signal(q.wake) // those behind it
		signal(a.wake)
	}
	a.drop(q)
}

// idle returns the queues that need a worker, which the caller starts.
func (a *Agent) idle() []*queue {
	a.mu.Lock()
	defer a.mu.Unlock()
	var need []*queue
	for _, q := range a.queues {
		if !q.working && q.next() != (step{}) {
			q.working = true
			need = append(need, q)
		}
	}
	return need
}

// next returns the worker's next step. Without one the worker must end.
func (a *Agent) next(q *queue) step {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := q.next()
	if s == (step{}) {
		q.working = false
		a.drop(q)
	}
	return s
}

func (q *queue) next() step {
	switch {
	case len(q.in) > 0 && q.in[0].stored:
		return step{answer: q.in[0].seq}
	case len(q.out) > 0:
		return step{deliver: q.out[0]}
	}
	return step{}
}

// answered moves on after the first message; out is its answer's number, or 0.
func (a *Agent) answered(q *queue, out uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.in = q.in[1:]
	if out != 0 {
		q.out = append(q.out, out)
	}
}

// delivered moves on after the first answer.
func (a *Agent) delivered(q *queue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.out = q.out[1:]
}

// drop forgets a queue that nobody uses.
func (a *Agent) drop(q *queue) {
	if !q.working && q.coming == 0 && len(q.in) == 0 && len(q.out) == 0 {
		delete(a.queues, q.channel)
	}
}

// waiting returns the number of answers that wait for delivery, by channel.
func (a *Agent) waiting() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := map[string]int{}
	for _, q := range a.queues {
		if len(q.out) > 0 {
			counts[q.channel] = len(q.out)
		}
	}
	return counts
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
