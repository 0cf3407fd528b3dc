//go:build unix

package cli

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"

	"clawdbot/profile/proc"
)

// TestStatusOfASuspended needs no time-out to tell that a process is suspended.
func TestStatusOfASuspended(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var info proc.Info
	await(t, "the suspension", func() bool {
		var err error
		info, err = proc.Find(cmd.Process.Pid)
		return err == nil && info.Stopped
	})
	register(t, p, info)
	try := fmt.Sprintf("try: kill -CONT %d", info.PID)
	h.run("--profile", "main", "status").wants(3, "main is hung", try)
	h.run("--profile", "main", "health").wants(3, "", try)
	h.run("--profile", "main", "browser", "tabs").wants(3, "", try)
	h.run("--profile", "main", "bus", "sub").wants(3, "", try)
}
