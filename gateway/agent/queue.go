package agent

import (
	"slices"

	"clawdbot/bus"
)

// queue is what one channel has pending. Agent.mu guards it.
type queue struct {
	channel string
	in      int      // messages that are not answered yet
	out     []uint64 // answers that are not delivered yet, in the order of their numbers
	coming  int      // requests between reserve and their end
	working bool
}

// queue returns the channel's queue, made when there is none.
func (a *Agent) queue(channel string) *queue {
	q, ok := a.queues[channel]
	if !ok {
		q = &queue{channel: channel}
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
	if pending := q.in + len(q.out); pending+q.coming >= a.limits.MaxPending {
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

// release ends what reserve began for a message.
func (a *Agent) release(q *queue, stored bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.coming--
	if stored {
		q.in++
	}
	a.drop(q)
}

// releaseOut ends what reserve began for an answer that no message of the queue
// asked for; seq is its number, or 0 when it was not stored.
func (a *Agent) releaseOut(q *queue, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.coming--
	a.pushOut(q, seq)
	a.drop(q)
}

// answered moves on after a message of the channel; seq is its answer's number,
// or 0.
func (a *Agent) answered(channel string, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.queue(channel)
	q.in--
	a.pushOut(q, seq)
	a.drop(q)
}

// pushOut queues an answer. Its number may be lower than one that is queued: who
// stores first need not come first.
func (a *Agent) pushOut(q *queue, seq uint64) {
	if seq != 0 {
		at, _ := slices.BinarySearch(q.out, seq)
		q.out = slices.Insert(q.out, at, seq)
		signal(a.wake)
	}
}

// idle returns the queues that need a worker, which the caller starts.
func (a *Agent) idle() []*queue {
	a.mu.Lock()
	defer a.mu.Unlock()
	var need []*queue
	for _, q := range a.queues {
		if !q.working && len(q.out) > 0 {
			q.working = true
			need = append(need, q)
		}
	}
	return need
}

// next returns the number of the answer to deliver. With 0 the worker must end.
func (a *Agent) next(q *queue) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(q.out) > 0 {
		return q.out[0]
	}
	q.working = false
	a.drop(q)
	return 0
}

// delivered moves on after an answer.
func (a *Agent) delivered(q *queue, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := slices.BinarySearch(q.out, seq); ok {
		q.out = slices.Delete(q.out, at, at+1)
	}
}

// drop forgets a queue that nobody uses.
func (a *Agent) drop(q *queue) {
	if !q.working && q.coming == 0 && q.in == 0 && len(q.out) == 0 {
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
