//go:build unix

package browser

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/bus"
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
	want := fmt.Sprintf("browser profile clawd: Chromium (process %d) does not answer: ", pid)
	var e *bus.Error
	if _, err := s.bus.Probe(name); !errors.As(err, &e) || !strings.HasPrefix(e.Message, want) {
		t.Errorf("probe of a hung one: %v", err)
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
