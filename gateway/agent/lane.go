package agent

import (
	"context"
	"errors"
	"slices"

	"clawdbot/profile/store"
)

// lane has the runs of one session, which go one after the other. Agent.mu
// guards it.
type lane struct {
	key     string
	turns   []*turn
	coming  int // between reserveLane and releaseLane
	working bool
}

// turn is a run that waits in its lane or is under way.
type turn struct {
	id     string
	key    string          // of its session
	stored bool            // guarded by Agent.mu: it may be begun
	ctx    context.Context // ends when the run is to end, its cause says why
	cancel context.CancelCauseFunc
	done   chan struct{}
	tell   teller // the lane's worker's
}

// lane returns the session's lane, made when there is none.
func (a *Agent) lane(key string) *lane {
	l, ok := a.lanes[key]
	if !ok {
		l = &lane{key: key}
		a.lanes[key] = l
	}
	return l
}

// reserveLane keeps a place for a run of the session until leaveLane.
func (a *Agent) reserveLane(key string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.turns) >= a.limits.MaxWaiting {
		return unavailable("%d runs wait, the queue is full", len(a.turns))
	}
	if l := a.lanes[key]; l != nil && len(l.turns)+l.coming >= a.limits.MaxLane {
		return unavailable("%d runs of session %s wait, its queue is full", len(l.turns), key)
	}
	a.lane(key).coming++
	return nil
}

// leaveLane ends what reserveLane began.
func (a *Agent) leaveLane(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lanes[key]
	l.coming--
	a.dropLane(l)
}

// lineUp queues a run that is about to be stored. It is called while the run's
// place in the store is given, which happens one at a time, so that a lane has
// the order of its session's messages.
func (a *Agent) lineUp(id, key string) *turn {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := &turn{id: id, key: key, done: make(chan struct{}), tell: teller{agent: a, runID: id, key: key}}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	l := a.lane(key)
	l.turns = append(l.turns, t)
	a.turns[id] = t
	return t
}

// settle ends what lineUp began: a run that is stored may begin, one that is not
// is taken back. t may be nil.
func (a *Agent) settle(t *turn, stored bool) {
	if t == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.stored = stored; !stored {
		l := a.lanes[t.key]
		a.unline(l, t)
		a.dropLane(l)
	}
	signal(a.wake)
}

func (a *Agent) unline(l *lane, t *turn) {
	l.turns = slices.DeleteFunc(l.turns, func(other *turn) bool { return other == t })
	if a.turns[t.id] == t {
		delete(a.turns, t.id)
	}
	t.cancel(nil)
	close(t.done)
}

func (a *Agent) dropLane(l *lane) {
	if !l.working && l.coming == 0 && len(l.turns) == 0 {
		delete(a.lanes, l.key)
	}
}

// idleLanes returns the lanes that need a worker, which the caller starts.
func (a *Agent) idleLanes() []*lane {
	a.mu.Lock()
	defer a.mu.Unlock()
	var need []*lane
	for _, l := range a.lanes {
		if !l.working && len(l.turns) > 0 && l.turns[0].stored {
			l.working = true
			need = append(need, l)
		}
	}
	return need
}

// drive takes the runs of one lane until there are none or ctx ends.
func (a *Agent) drive(ctx context.Context, l *lane) {
	for t := a.head(ctx, l); t != nil; t = a.head(ctx, l) {
		for err := a.perform(ctx, t); err != nil && ctx.Err() == nil; err = a.perform(ctx, t) {
			a.log.Error("answer not stored", "run", t.id, "err", err)
			wait(ctx, a.limits.RetryMax)
		}
		a.mu.Lock()
		a.unline(l, t)
		a.mu.Unlock()
	}
}

// head returns the lane's next run. Without one the worker must end.
func (a *Agent) head(ctx context.Context, l *lane) *turn {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() == nil && len(l.turns) > 0 && l.turns[0].stored {
		return l.turns[0]
	}
	l.working = false
	a.dropLane(l)
	return nil
}

// perform runs t, as one of at most MaxParallel. An error says that it is to be
// done again.
func (a *Agent) perform(ctx context.Context, t *turn) error {
	stop := context.AfterFunc(ctx, func() { t.cancel(errStopping) })
	defer stop()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-t.ctx.Done():
	}
	r, err := a.runs.Get(t.id)
	if errors.Is(err, store.ErrNotFound) { // deleted by the operator
		return nil
	}
	if err != nil {
		return err
	}
	text, err := a.respond(t, &r)
	return a.finish(t, r, text, err)
}

// abort ends the runs of a session, or only the one with the id, and returns
// them. What waits behind others ends when its turn comes.
func (a *Agent) abort(key, id string) []*turn {
	a.mu.Lock()
	defer a.mu.Unlock()
	var ended []*turn
	if l := a.lanes[key]; l != nil {
		for _, t := range l.turns {
			if id == "" || t.id == id {
				t.cancel(errAborted)
				ended = append(ended, t)
			}
		}
	}
	return ended
}

// turnOf returns the run that waits or is under way, or nil.
func (a *Agent) turnOf(id string) *turn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.turns[id]
}

// busy says whether a session has runs.
func (a *Agent) busy(key string) bool { return a.active(key) > 0 }

// active counts the runs of a session.
func (a *Agent) active(key string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.lanes[key]; l != nil {
		return len(l.turns) + l.coming
	}
	return 0
}
