package cron

import "time"

// recheck is how often the clock is read at least. A timer runs by monotonic
// time, which stands still while the host sleeps and does not follow a clock
// that is set.
const recheck = time.Minute

// alarm rings when a time of the wall clock may have come.
type alarm struct{ *time.Timer }

// set lets the alarm ring at due (Unix milliseconds, 0 for no time), or when the
// clock is to be read again.
func (a alarm) set(now time.Time, due int64) {
	wait := recheck
	if due != 0 {
		wait = min(wait, max(time.UnixMilli(due).Sub(now), 0))
	}
	a.Reset(wait)
}
