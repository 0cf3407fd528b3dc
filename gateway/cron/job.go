package cron

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"clawdbot/bus/msg"
)

// job is what the store holds of a job.
type job struct {
	msg.CronJob
	LastDueMs int64  `json:"lastDueMs,omitempty"` // the due time that was claimed last
	Claim     *claim `json:"claim,omitempty"`     // the run that is asked for, or waits for its turn
}

// claim is a run that is to be done once. Times are Unix milliseconds.
type claim struct {
	DueMs int64 `json:"dueMs"`
	AtMs  int64 `json:"atMs"` // when it was claimed
}

// limit is how long the agent's turn may take; 0 for a job without one.
func (j job) limit() time.Duration {
	if j.Payload.Kind != msg.CronAgentTurn {
		return 0
	}
	return cmp.Or(time.Duration(j.Payload.TimeoutSeconds)*time.Second, turnTime)
}

// entry is a job and when it is due.
type entry struct {
	job
	times timetable
}

// plan works out the next due time after now; a job that is off has none. The
// time of a job of kind at counts until it was claimed, however late.
func (e *entry) plan(now int64) {
	e.State.NextRunAtMs = 0
	switch {
	case !e.Enabled:
	case !e.once():
		e.State.NextRunAtMs = e.times.after(now, e.LastDueMs)
	case e.LastDueMs != e.Schedule.AtMs:
		e.State.NextRunAtMs = e.Schedule.AtMs
	}
}

// once says whether the job has one due time.
func (e *entry) once() bool { return e.Schedule.Kind == msg.CronAt }

// wait is the next due time for sorting: none comes last.
func (e *entry) wait() int64 {
	if e.State.NextRunAtMs == 0 {
		return math.MaxInt64
	}
	return e.State.NextRunAtMs
}

// maxCounted bounds what is counted of skipped times.
const maxCounted = 1000

// skip goes on to the first due time after now, and tells what was skipped.
func (e *entry) skip(now int64, why string) msg.CronEvent {
	first := e.State.NextRunAtMs
	switch n := e.times.passed(first, now, maxCounted); n {
	case 1:
	case maxCounted:
		why = fmt.Sprintf("%s (at least %d times)", why, n)
	default:
		why = fmt.Sprintf("%s (%d times)", why, n)
	}
	e.plan(now)
	return msg.CronEvent{
		TS: now, JobID: e.ID, Action: "finished", Status: msg.CronSkipped, Error: why, RunAtMs: first, NextRunAtMs: e.State.NextRunAtMs,
	}
}
