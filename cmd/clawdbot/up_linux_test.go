package main

import (
	"bufio"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fleet is `clawdbot up` as a process, with its lines.
type fleet struct {
	*exec.Cmd
	lines chan string
}

// up sets the profiles up and runs them together until they serve.
func (m *machine) up(bases map[string]int) fleet {
	m.t.Helper()
	args := []string{"up"}
	for name, base := range bases {
		if out, err := m.command("--profile", name, "setup", "--port", strconv.Itoa(base)).CombinedOutput(); err != nil {
			m.t.Fatalf("%v: %s", err, out)
		}
		args = append(args, name)
	}
	f := fleet{m.command(args...), make(chan string, 4096)}
	pipe, err := f.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = f.Process.Kill() })
	go func() {
		for s := bufio.NewScanner(pipe); s.Scan(); {
			f.lines <- s.Text()
		}
		close(f.lines)
	}()
	for _, base := range bases {
		if err := awaitReady(strconv.Itoa(base)); err != nil {
			m.t.Fatal(err)
		}
	}
	return f
}

// TestUpLeavesAloneWhatWasStopped stops the members one by one, as a person
// does; up ends with the last one.
func TestUpLeavesAloneWhatWasStopped(t *testing.T) {
	m := newMachine(t)
	first, second := freeBlocks(t)
	up := m.up(map[string]int{"main": first, "rescue": second})
	stop := func(name string) {
		t.Helper()
		if out, err := m.command("--profile", name, "gateway", "stop").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		awaitLine(t, up.lines, name, "stopped, as it was asked to; it is not started again")
	}
	stop("main")
	if err := awaitReady(strconv.Itoa(second)); err != nil {
		t.Errorf("rescue ended with main: %v", err)
	}
	stop("rescue")
	awaitLine(t, up.lines, "clawdbot: all stopped")
	for line := range up.lines {
		t.Errorf("and then: %s", line)
	}
	if err := up.Wait(); err != nil {
		t.Errorf("up ended with %v", err)
	}
}

// TestUpBesideItself says once that the gateways run already.
func TestUpBesideItself(t *testing.T) {
	m := newMachine(t)
	first, second := freeBlocks(t)
	up := m.up(map[string]int{"main": first, "rescue": second})
	out, err := m.command("up", "main").CombinedOutput()
	if code := exitCodeOf(err); code != 75 {
		t.Errorf("exit code %d, want 75", code)
	}
	if text := string(out); strings.Count(text, "runs already") != 1 || strings.Contains(text, "starts again") {
		t.Errorf("said: %s", text)
	}
	if err := up.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, up.lines, "clawdbot: all stopped")
	if err := up.Wait(); err != nil {
		t.Errorf("up ended with %v", err)
	}
}

func exitCodeOf(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
