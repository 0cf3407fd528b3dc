package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// TestFullDiskRefusesAndLosesNothing takes the room for files from a running
// gateway. What it acknowledged before must be there when it has room again,
// and what it cannot keep must be refused.
// TestFullDiskRefusesAndLosesNothing: and once there is space it goes on.
func TestFullDiskRefusesAndLosesNothing(t *testing.T) {
	m := newMachine(t)
	port, _ := freeBlocks(t)
	main := m.gateway("main", port)
	ingress := m.ingress("main", port)
	health := m.subscribe("clawdbot-main", "clawdbot.main.health.store")
	accepted, err := handIn(t, ingress, "before")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(main.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: unix.RLIM_INFINITY}, nil); err != nil {
		t.Fatal(err)
	}
	_, err = handIn(t, ingress, "no room")
	var refused *bus.Error
	if !errors.As(err, &refused) || refused.Code != bus.CodeUnavailable {
		t.Fatalf("a message without room for it: got %v", err)
	}
	raw, err := health.NextMsg(patience)
	if err != nil {
		t.Fatalf("nobody said that the store failed: %v", err)
	}
	var c msg.Component
	if err := json.Unmarshal(raw.Data, &c); err != nil || c.State != msg.StateFailed {
		t.Errorf("store is %s (%v)", raw.Data, err)
	}
	if err := unix.Prlimit(main.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil); err != nil {
		t.Fatal(err)
	}
	// There is room again: the gateway opens its store anew, in the same process.
	var again msg.Accepted
	for deadline := time.Now().Add(patience); ; {
		if again, err = handIn(t, ingress, "before"); err == nil || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond) // between two tries
	}
	if _, alive := proc.Find(main.Pid); alive != nil {
		t.Errorf("the process ended: %v", alive)
	}
	if err != nil || !again.Duplicate || again.Seq != accepted.Seq {
		t.Errorf("the message accepted as %d is now %+v (%v)", accepted.Seq, again, err)
	}
}

// handIn sends one message for the agent, with its text as its id.
func handIn(t *testing.T, nc *nats.Conn, text string) (msg.Accepted, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // what is sent while the bus restarts is lost
	defer cancel()
	var a msg.Accepted
	err := bus.Call(ctx, nc, "clawdbot.main.in.test", msg.In{ID: text, Text: text}, &a)
	return a, err
}

// ingress connects as a service that hands in messages, with nothing but the
// password in the profile's file.
func (m *machine) ingress(name string, base int) *nats.Conn {
	m.t.Helper()
	key, err := os.ReadFile(filepath.Join(m.home, ".clawdbot-"+name, "bus", "ingress.key"))
	if err != nil {
		m.t.Fatal(err)
	}
	nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", base+5), nats.UserInfo("ingress", strings.TrimSpace(string(key))))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(nc.Close)
	return nc
}

func (m *machine) subscribe(contextName, subject string) *nats.Subscription {
	m.t.Helper()
	nc := m.natsContext(contextName)
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		m.t.Fatal(err)
	}
	return sub
}

// TestUpKeepsItsFleetAndEndsIt kills a member of a fleet, which comes back,
// and then ends the fleet as Ctrl-C does.
func TestUpKeepsItsFleetAndEndsIt(t *testing.T) {
	m := newMachine(t)
	first, second := freeBlocks(t)
	bases := map[string]int{"main": first, "rescue": second}
	for name, base := range bases {
		if out, err := m.command("--profile", name, "setup", "--port", strconv.Itoa(base)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	up := m.command("up", "main", "rescue")
	pipe, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Process.Kill() })
	lines := make(chan string, 4096)
	go func() {
		for s := bufio.NewScanner(pipe); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	for _, base := range bases {
		if err := awaitReady(strconv.Itoa(base)); err != nil {
			t.Fatal(err)
		}
	}
	killed := m.pid("main")
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, lines, "main    │ ended (signal: killed)")
	awaitLine(t, lines, "main    │", "ready")
	if m.pid("main") == killed {
		t.Error("main was not started again")
	}
	if err := up.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for range lines { // until it closes its end
	}
	if err := up.Wait(); err != nil {
		t.Errorf("up ended with %v", err)
	}
	for name := range bases {
		if pid := m.pid(name); pid != 0 {
			t.Errorf("%s was not stopped in order: pid %d is still registered", name, pid)
		}
	}
}

// awaitLine waits for a line that holds all the parts.
func awaitLine(t *testing.T, lines <-chan string, parts ...string) {
	t.Helper()
	deadline := time.After(patience)
next:
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the output ended without a line with %q", parts)
			}
			for _, p := range parts {
				if !strings.Contains(line, p) {
					continue next
				}
			}
			return
		case <-deadline:
			t.Fatalf("no line with %q", parts)
		}
	}
}
