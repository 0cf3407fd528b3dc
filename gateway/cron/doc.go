// Package cron runs jobs at their time: a text for the main session
// (systemEvent), or a message that the agent answers in a session of the job's
// own (agentTurn). It asks for both on the bus, as any client would.
//
// # When
//
// A job runs once (at), again and again (every) or by a cron expression in a
// time zone (cron), by the wall clock. The clock is read at least once a minute,
// so that a suspend or a clock that was set costs no more than that.
//
// Before a run is asked for, it is claimed in the store together with the time
// of the next one, and each request carries cron:<job>:<due time> as its
// idempotency key. So a run that the end of the gateway cut off is asked for
// again by the next one, and the agent does it once.
//
// A time that passed while nobody looked, by more than two minutes, is missed:
// a job of kind at runs then, late; the others skip to their next time, and the
// history says so. A time that comes while the job still runs is skipped too. A
// clock that is set back makes the due times be worked out anew; one that comes
// for the second time has the same key, and is not done twice.
//
// A run waits when as many as Config.MaxRuns run. A job of kind at is switched
// off by its run, and any job with deleteAfterRun is removed by a run that went
// well.
//
// # In the store
//
//	cron/job    id → the job, its state and the run that was claimed
//	cron/run    history of all jobs: the newest 5,000 runs
//	cron/probe  what a probe writes and takes away again
package cron
