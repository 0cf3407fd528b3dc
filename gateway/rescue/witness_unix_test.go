//go:build unix

package rescue

import (
	"os/exec"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/proc"
)

// TestStartOfAnotherProgram: a note that names a process which is no gateway is no slow start.
func TestStartOfAnotherProgram(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	info, err := proc.Find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	p, now := profile.Profile{StateDir: t.TempDir()}, time.Now()
	if err := p.NoteStart(profile.Starting{Process: info.Identity, Boot: "boot-2", Step: "open the store", At: now}); err != nil {
		t.Fatal(err)
	}
	note, ok := profile.ReadStarting(p.StateDir)
	if !ok {
		t.Fatal("there is no note")
	}
	for exe, want := range map[string]processState{note.Exe: processAlive, "/opt/clawdbot": start{}.state} {
		var w testimony
		w.witnessStart(profile.Instance{Profile: "main", StateDir: p.StateDir, Exe: exe}, msg.Beat{}, now)
		if w.start.state != want {
			t.Errorf("the gateway is %s: %+v", exe, w.start)
		}
	}
}
