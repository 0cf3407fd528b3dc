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

// TestStopOfASuspended says what it does, and needs no force.
func TestStopOfASuspended(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	gateway := h.process("main")
	if err := gateway.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await(t, "the suspension", func() bool {
		info, err := proc.Find(gateway.Pid)
		return err == nil && info.Stopped
	})
	h.run("--profile", "main", "gateway", "stop").
		wants(0, "stopped: process", fmt.Sprintf("stopping the gateway of profile main: process %d, which is suspended and woken for it\n", gateway.Pid))
	if i, err := p.Registry.Get("main"); err != nil || i.StoppedAt.IsZero() {
		t.Errorf("it did not stop in order: %+v, %v", i, err)
	}
}

// TestStopByKilling does not call it a stop in order.
func TestStopByKilling(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	cmd := exec.Command("sleep", "60") // leaves no word in the registry, as one that was killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	go func() { _ = cmd.Wait() }()
	info, err := proc.Find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	register(t, p, info)
	h.run("--profile", "main", "gateway", "stop").wants(0, "was killed: process", "stopping the gateway of profile main")
}
