//go:build unix

package browser

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// TestHung stops a Chromium's process in its tracks: it is not called running, a
// start replaces it, and the end of the gateway ends it all the same.
func TestHung(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	s.ok(t, "POST", "/start", "", nil)
	var st api.Status
	s.ok(t, "GET", "/", "", &st)
	pid := *st.PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if s.ok(t, "GET", "/", "", &st); st.Running || st.CDPReady || st.CDPHTTP || st.PID == nil {
		t.Errorf("hung: %+v", st)
	}
	if did, err := s.bus.Probe(name); err != nil || !strings.HasSuffix(did.Did, "the Chromium of browser profile clawd does not answer") {
		t.Errorf("probe of a hung one: %+v, %v", did, err)
	}
	if list := s.processes(t); len(list) != 1 || list[0].State != api.ProcessHung || list[0].PID != pid || !strings.Contains(list[0].Note, "start ends it") {
		t.Errorf("ps of a hung one: %+v", list)
	}
	s.ok(t, "POST", "/start", "", nil)
	if _, err := proc.Find(pid); !errors.Is(err, proc.ErrGone) {
		t.Errorf("process %d after the start of another one: %v", pid, err)
	}
	if s.ok(t, "GET", "/", "", &st); !st.Running || *st.PID == pid {
		t.Errorf("started anew: %+v", st)
	}
	pid = *st.PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.shut()
	if _, err := proc.Find(pid); !errors.Is(err, proc.ErrGone) {
		t.Errorf("process %d after the end of its gateway: %v", pid, err)
	}
}

// TestHungIsEndedAlone leaves probes unanswered: the Chromium that hangs is
// ended, and the other one goes on.
func TestHungIsEndedAlone(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	s.ok(t, "POST", "/profiles/create", `{"name":"other"}`, nil)
	s.ok(t, "POST", "/start", "", nil)
	s.ok(t, "POST", "/start?profile=other", "", nil)
	var st, other api.Status
	s.ok(t, "GET", "/", "", &st)
	s.ok(t, "GET", "/?profile=other", "", &other)
	if err := syscall.Kill(*st.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range hungAfter {
		if _, err := s.bus.Probe(name); err != nil {
			t.Errorf("probe: %v", err)
		}
	}
	s.awaits(t, msg.StateDegraded, fmt.Sprintf("Chromium (process %d) did not answer and was ended; start it again", *st.PID))
	if _, err := proc.Find(*st.PID); !errors.Is(err, proc.ErrGone) {
		t.Errorf("process %d: %v", *st.PID, err)
	}
	if s.ok(t, "GET", "/?profile=other", "", &st); !st.Running || *st.PID != *other.PID {
		t.Errorf("the other: %+v", st)
	}
}
