package browser

import (
	"testing"
	"testing/synctest"
	"time"

	"clawdbot/bus/msg"
)

// TestUsing: a browser is idle when nobody has used it for the time, and not
// while somebody does.
func TestUsing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u using
		closed := false
		leave := func() { closed = true }
		first, second := u.begin(), u.begin()
		time.Sleep(time.Hour)
		first()
		if left := u.idle(time.Minute, leave); left != time.Minute || closed {
			t.Errorf("in use: %s, %v", left, closed)
		}
		second()
		time.Sleep(20 * time.Second)
		if left := u.idle(time.Minute, leave); left != 40*time.Second || closed {
			t.Errorf("after 20 s: %s, %v", left, closed)
		}
		time.Sleep(40 * time.Second)
		if left := u.idle(time.Minute, leave); left != 0 || !closed {
			t.Errorf("after a minute: %s, %v", left, closed)
		}
	})
}

// TestIdle closes a browser that is only looked at, and the next use starts it
// again.
func TestIdle(t *testing.T) {
	needChromium(t)
	s := serve(t, func(c *Config) { c.Settings.IdleTimeout = "300ms" })
	for range 2 {
		s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, nil)
		s.awaits(t, msg.StateOK, "clawd at")
		eventually(t, "it is closed", func() bool { return len(s.processes(t)) == 0 })
	}
	s.refused(t, "POST", "/tabs/focus", `{"targetId":"A"}`, 409, "browser not running", "start")
}
