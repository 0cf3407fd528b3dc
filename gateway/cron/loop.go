package cron

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

const (
	// missedAfter is how late, in milliseconds, a due time may be noticed. It is
	// more than recheck, so that a clock that is set ahead within a minute, or a
	// short suspend, skips nothing.
	missedAfter = 2 * int64(time.Minute/time.Millisecond)
	// resumeWithin is how old, in milliseconds, the claim on the run of a job of
	// kind at may be to be taken up: less than the agent remembers keys.
	resumeWithin = 24 * int64(time.Hour/time.Millisecond)
	// stepBack is how far, in milliseconds, the clock may go back unnoticed.
	stepBack = 1000
)

// resume takes up the runs that an earlier life claimed and did not end. A job
// that comes again is only taken up while its run may still go on.
func (s *Server) resume(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = now
	for _, id := range s.sorted() {
		e := s.entries[id]
		if e.Claim == nil {
			continue
		}
		within := max(missedAfter, e.limit().Milliseconds())
		if e.once() {
			within = resumeWithin
		}
		if now-e.Claim.AtMs <= within {
			s.queue = append(s.queue, id)
			continue
		}
		s.end(e.job, e.Claim.AtMs, now, outcome{status: msg.CronError, err: "the gateway ended while the job ran"})
	}
}

// sorted are the ids of all jobs, the next to run first.
func (s *Server) sorted() []string {
	return slices.SortedFunc(maps.Keys(s.entries), func(a, b string) int {
		x, y := s.entries[a], s.entries[b]
		return cmp.Or(cmp.Compare(x.wait(), y.wait()), cmp.Compare(x.CreatedAtMs, y.CreatedAtMs), cmp.Compare(a, b))
	})
}

// check claims the runs that are due and returns when the next one is, 0 for none.
func (s *Server) check(now int64) (next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now < s.seen-stepBack {
		s.setBack(now)
	}
	s.seen = now
	for _, id := range s.sorted() {
		e := s.entries[id]
		due := e.State.NextRunAtMs
		if due == 0 || e.Claim != nil { // one that runs is planned anew when it ends
			continue
		}
		if due <= now {
			if err := s.meet(e, now); err != nil {
				continue // noted; it is tried again when the clock is read next
			}
		}
		if e.Claim == nil {
			next = earliest(next, e.State.NextRunAtMs)
		}
	}
	return next
}

// meet claims a run that is due, or skips it when it was missed.
func (s *Server) meet(e *entry, now int64) error {
	due := e.State.NextRunAtMs
	if now-due <= missedAfter || e.once() {
		return s.claim(e, due, now)
	}
	missed := *e
	told := missed.skip(now, "the gateway did not run then, or the host slept")
	missed.State.LastStatus, missed.State.LastError = told.Status, told.Error
	if err := s.store(missed.job, told); err != nil {
		return err
	}
	*e = missed
	s.publish(told)
	return nil
}

// claim notes in the store that the run of a due time is to be done, with the
// time of the next one, and puts it into the queue. A run out of turn, which is
// due now, leaves the next one as it is.
func (s *Server) claim(e *entry, due, now int64) error {
	claimed := *e
	claimed.Claim = &claim{DueMs: due, AtMs: now}
	if due == e.State.NextRunAtMs {
		claimed.LastDueMs = due
		claimed.plan(now)
	}
	if err := s.note(s.jobs.Put(e.ID, claimed.job)); err != nil {
		return err
	}
	*e = claimed
	s.queue = append(s.queue, e.ID)
	return nil
}

// setBack works out all due times anew for a clock that went back. The time of
// a job of kind at stands.
func (s *Server) setBack(now int64) {
	s.cfg.Log.Warn("the clock was set back: jobs are planned anew", "by", time.Duration(s.seen-now)*time.Millisecond)
	for _, e := range s.entries {
		if !e.once() {
			e.plan(now)
		}
	}
}

// start takes as many runs from the queue as may run now.
func (s *Server) start(now int64) []job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var begun []job
	for len(s.queue) > 0 && s.running < s.cfg.MaxRuns {
		e := s.entries[s.queue[0]]
		s.queue = s.queue[1:]
		if e == nil || e.Claim == nil { // removed meanwhile
			continue
		}
		s.running++
		e.State.RunningAtMs = now
		begun = append(begun, e.job)
		s.publish(msg.CronEvent{JobID: e.ID, Action: "started", RunAtMs: now})
	}
	return begun
}

// finish notes how a run went. A cut-off run is left as it was claimed.
func (s *Server) finish(j job, now int64, out outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.end(j, j.State.RunningAtMs, now, out)
	s.signal()
}

// end writes the result of a run into the history and into the job, if that is
// still there. s.mu is held.
func (s *Server) end(j job, began, now int64, out outcome) {
	told := msg.CronEvent{
		TS: now, JobID: j.ID, Action: "finished", Status: out.status, Error: out.err, Summary: out.summary,
		RunAtMs: began, DurationMs: max(now-began, 0),
	}
	e := s.entries[j.ID]
	if e == nil { // removed while it ran
		_ = s.store(j, told) // noted
		s.publish(told)
		return
	}
	e.Claim = nil
	e.State.RunningAtMs, e.State.LastRunAtMs, e.State.LastDurationMs = 0, began, told.DurationMs
	e.State.LastStatus, e.State.LastError = out.status, out.err
	if e.once() && e.State.NextRunAtMs == 0 {
		e.Enabled = false
	}
	told.NextRunAtMs = e.State.NextRunAtMs
	all := []msg.CronEvent{told}
	if due := e.State.NextRunAtMs; due != 0 && due <= now && !e.once() {
		all = append(all, e.skip(now, "the run before it had not ended"))
	}
	if e.DeleteAfterRun && out.status == msg.CronOK {
		delete(s.entries, e.ID)
		all = append(all, msg.CronEvent{JobID: e.ID, Action: "removed"})
	}
	_ = s.store(e.job, all...) // a job that cannot be stored goes on as it is here, and its next claim fails
	for _, told := range all {
		s.publish(told)
	}
}

// maxHistory is how many runs are remembered, of all jobs together.
const maxHistory = 5000

// store writes a job, unless it was removed, and what happened to it.
func (s *Server) store(j job, told ...msg.CronEvent) error {
	return s.note(s.cfg.Store.Update(func(tx *store.Tx) (err error) {
		if s.entries[j.ID] == nil {
			err = s.jobs.With(tx).Delete(j.ID)
		} else {
			err = s.jobs.With(tx).Put(j.ID, j)
		}
		for _, t := range told {
			if t.Action == "finished" {
				err = errors.Join(err, s.remember(tx, t))
			}
		}
		return err
	}))
}

// remember appends to the history and now and then cuts off its oldest end.
func (s *Server) remember(tx *store.Tx, told msg.CronEvent) error {
	runs := s.runs.With(tx)
	seq, err := runs.Append(told)
	if err == nil && seq > maxHistory && seq%64 == 0 {
		err = runs.Trim(seq - maxHistory + 1)
	}
	return err
}

// note tells of a store that does not take writes, and returns its error.
func (s *Server) note(err error) error {
	if err != nil {
		s.health.Set(msg.StateFailed, "jobs cannot be stored, so none runs: "+err.Error())
		return fmt.Errorf("not stored: %w", err)
	}
	s.health.Set(msg.StateOK, "")
	return nil
}
