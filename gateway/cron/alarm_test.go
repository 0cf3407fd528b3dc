package cron

import (
	"testing"
	"testing/synctest"
	"time"
)

// The loop wakes when a job is due, and else once a minute.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		due := began.Add(time.Hour + 30*time.Second)
		ring := alarm{time.NewTimer(recheck)}
		defer ring.Stop()
		rings := 0
		for now := began; now.Before(due); now = <-ring.C {
			ring.set(now, due.UnixMilli())
			rings++
		}
		if at := time.Now(); !at.Equal(due) || rings != 61 {
			t.Errorf("rang %d times, the last %s after the due time", rings, at.Sub(due))
		}
		ring.set(due, 0)
		if at := <-ring.C; !at.Equal(due.Add(time.Minute)) {
			t.Errorf("without a job it rang %s later", at.Sub(due))
		}
		ring.set(due.Add(time.Minute), due.UnixMilli())
		if at := <-ring.C; !at.Equal(due.Add(time.Minute)) {
			t.Errorf("for a job that is late it rang %s later", at.Sub(due.Add(time.Minute)))
		}
	})
}
