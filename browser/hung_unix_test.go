//go:build unix

package browser

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"clawdbot/bus"
	"clawdbot/profile/proc"
)

// TestHung stops a Chromium's process in its tracks: it is not called running,
// and the end of the gateway ends it all the same.
func TestHung(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	s.ok(t, "POST", "/start", "", nil)
	var st Status
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
	s.shut()
	if _, err := proc.Find(pid); !errors.Is(err, proc.ErrGone) {
		t.Errorf("process %d after the end of its gateway: %v", pid, err)
	}
}
