//go:build unix

package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/service"
)

// crew is a fleet whose gateways are shell scripts.
type crew struct {
	*fleet
	t     *testing.T
	dir   string
	log   *syncBuffer
	ended chan error // gets what run returns
}

// syncBuffer is an output that many write and the test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// idle is a gateway that stops when it is asked to.
const idle = "echo serving >&2; trap 'exit 0' TERM; while :; do sleep 0.01; done"

// newCrew runs a fleet of scripts by profile.
func newCrew(t *testing.T, scripts map[string]string) *crew {
	t.Helper()
	log := &syncBuffer{}
	return newCrewOn(t, log, log, scripts)
}

// newCrewOn is newCrew with a terminal.
func newCrewOn(t *testing.T, terminal io.Writer, log *syncBuffer, scripts map[string]string) *crew {
	t.Helper()
	c := &crew{t: t, dir: t.TempDir(), log: log, ended: make(chan error, 1)}
	exe := filepath.Join(c.dir, "clawdbot")
	if err := os.WriteFile(exe, []byte("#!/bin/sh\ncd "+c.dir+" && . ./$2\n"), 0o700); err != nil { // $2 is the profile
		t.Fatal(err)
	}
	env := profile.Env{Home: c.dir, Exe: exe, Lookup: func(string) (string, bool) { return "", false }}
	var profiles []profile.Profile
	for name, script := range scripts {
		p, err := profile.Resolve(profile.Flags{Profile: name}, env)
		if err != nil {
			t.Fatal(err)
		}
		profiles = append(profiles, p)
		c.script(name, script)
	}
	c.fleet = newFleet(&app{Streams: Streams{Out: terminal, Err: terminal}, env: env}, profiles)
	c.pace.shortest, c.pace.longest = time.Millisecond, 4*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	go func() { c.ended <- c.run(ctx) }()
	t.Cleanup(func() { cancel(); c.await("the end", func() bool { return len(c.ended) > 0 }) })
	return c
}

// script replaces what the gateway of a profile does from its next start on.
func (c *crew) script(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text+"\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crew) await(what string, cond func() bool) {
	c.t.Helper()
	await(c.t, what, cond)
}

// state waits for a member's state.
func (c *crew) state(name, want string) service.Status {
	c.t.Helper()
	c.await(name+" is "+want, func() bool { s, _ := c.Status(name); return s.State == want })
	s, _ := c.Status(name)
	return s
}

// over returns what run returned.
func (c *crew) over() error {
	c.t.Helper()
	c.await("the end", func() bool { return len(c.ended) > 0 })
	err := <-c.ended
	c.ended <- err
	return err
}

// TestFleetGivesUp: a member that always crashes is started ten times; the other
// one runs on, and the first is started again when somebody says so.
func TestFleetGivesUp(t *testing.T) {
	c := newCrew(t, map[string]string{"main": "echo x >>starts; kill -SEGV $$", "rescue": idle})
	s := c.state("main", service.UpGaveUp)
	if s.Result != "start-limit-hit" || s.Signal != "SIGSEGV" || s.ExecMainCode == "exited" || s.ExecMainStatus != int(syscall.SIGSEGV) || s.PID != 0 || s.Active {
		t.Errorf("got %+v", s)
	}
	if body, err := os.ReadFile(filepath.Join(c.dir, "starts")); err != nil || len(body) != 2*c.pace.starts {
		t.Errorf("started %d times, %v", len(body)/2, err)
	}
	rescue := c.state("rescue", service.UpRunning)
	c.script("main", idle)
	if err := c.Start(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	if s := c.state("main", service.UpRunning); s.Restarts != 0 || s.PID == 0 || !s.Active || time.Since(s.Since) > patience {
		t.Errorf("started again: %+v", s)
	}
	if now := c.state("rescue", service.UpRunning); now != rescue {
		t.Errorf("rescue was %+v and is %+v", rescue, now)
	}
}

func TestFleetOrders(t *testing.T) {
	c := newCrew(t, map[string]string{"main": idle, "rescue": idle})
	first := c.state("main", service.UpRunning)
	tell := func(verb func(context.Context, string) error) {
		t.Helper()
		if err := verb(t.Context(), "main"); err != nil {
			t.Error(err)
		}
	}
	tell(c.Start) // it runs
	if s := c.state("main", service.UpRunning); s.PID != first.PID {
		t.Errorf("a start of what runs: %+v", s)
	}
	tell(c.Restart)
	second := c.state("main", service.UpRunning)
	if second.PID == first.PID || second.PID == 0 || second.Restarts != 0 || syscall.Kill(first.PID, 0) == nil {
		t.Errorf("a restart: %+v, was %+v", second, first)
	}
	if err := syscall.Kill(second.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.await("it is started again", func() bool { s, _ := c.Status("main"); return s.Active && s.PID != second.PID })
	if s := c.state("main", service.UpRunning); s.Restarts != 1 || s.Signal != "SIGKILL" || s.ExecMainStatus != 9 {
		t.Errorf("after a crash: %+v", s)
	}
	tell(c.Stop)
	tell(c.Stop) // it is stopped
	if s := c.state("main", service.UpStopped); s.Active || s.PID != 0 {
		t.Errorf("a stop: %+v", s)
	}
	tell(c.Restart)
	c.state("main", service.UpRunning)
	tell(c.Stop)
	if err := c.Stop(t.Context(), "rescue"); err != nil {
		t.Errorf("of the last one: %v", err)
	}
	if err := c.over(); err != nil {
		t.Errorf("none is left: %v", err)
	}
	if err := c.Start(t.Context(), "main"); err == nil || err.Error() != "this clawdbot up ends" {
		t.Errorf("after the end: %v", err)
	}
}

// TestFleetWithoutAnyLeft ends and says who was given up.
func TestFleetWithoutAnyLeft(t *testing.T) {
	c := newCrew(t, map[string]string{"main": "exit 3"})
	err := c.over()
	var exit *exitError
	if !errors.As(err, &exit) || exit.Code != exitFailed || err.Error() != "gave up main: no gateway runs any more" {
		t.Errorf("got %v", err)
	}
	if s, _ := c.Status("main"); s.Result != "start-limit-hit" || s.ExecMainCode != "exited" || s.ExecMainStatus != 3 {
		t.Errorf("got %+v", s)
	}
}

// TestFleetRefused: a first start that is refused ends all; a later one only
// ends the member, which its peer may repair.
func TestFleetRefused(t *testing.T) {
	c := newCrew(t, map[string]string{"main": "exit 78", "rescue": idle})
	var exit *exitError
	if err := c.over(); !errors.As(err, &exit) || exit.Code != exitConfig || !strings.Contains(err.Error(), "profile main refused to start") {
		t.Errorf("at first: %v", err)
	}

	c = newCrew(t, map[string]string{"main": idle, "rescue": idle})
	s := c.state("main", service.UpRunning)
	c.script("main", "exit 78")
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if s := c.state("main", service.UpGaveUp); s.ExecMainStatus != 78 || s.Result != "exit-code" {
		t.Errorf("later: %+v", s)
	}
	c.state("rescue", service.UpRunning)
}

// TestFleetOutput: the end of a member is noticed although its children live on
// with its output, and all that it said is printed.
func TestFleetOutput(t *testing.T) {
	c := newCrew(t, map[string]string{"main": "sleep 30 & echo $! >>children; echo last words >&2; kill -KILL $$", "rescue": idle})
	c.await("a second life", func() bool { s, _ := c.Status("main"); return s.Restarts > 0 })
	if !strings.Contains(c.log.String(), "main    │ last words\n") {
		t.Errorf("it said: %s", c.log)
	}
	c.state("main", service.UpGaveUp)
	body, err := os.ReadFile(filepath.Join(c.dir, "children"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(body)) {
		pid, err := strconv.Atoi(line)
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Errorf("a child of it: %v", err)
		}
	}
}

// TestFleetSocket: the keeper is asked over its socket, which goes with it.
func TestFleetSocket(t *testing.T) {
	c := newCrew(t, map[string]string{"main": "echo \"$8\" >keeper; " + idle})
	c.state("main", service.UpRunning)
	var socket string
	c.await("the gateway knows its keeper", func() bool {
		body, err := os.ReadFile(filepath.Join(c.dir, "keeper"))
		socket = strings.TrimSpace(string(body))
		return err == nil && socket != ""
	})
	host := service.Fleet(socket)
	if s, err := host.Status(t.Context(), "main"); err != nil || s.Manager != service.Up || !s.Active {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := host.Start(t.Context(), "rescue"); !errors.Is(err, service.ErrNotInstalled) {
		t.Errorf("what it does not keep: %v", err)
	}
	if err := host.Stop(t.Context(), "main"); err != nil { // the answer comes although it ends with that
		t.Error(err)
	}
	if err := c.over(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its socket stays: %v", err)
	}
}

// TestNobodyReadsWhatUpPrints: a terminal that was stopped with Ctrl-S must not
// keep a gateway that crashed from being started again.
func TestNobodyReadsWhatUpPrints(t *testing.T) {
	terminal, w := io.Pipe()
	c := newCrewOn(t, w, &syncBuffer{}, map[string]string{"main": "i=0; while [ $i -lt 20000 ]; do echo a long line of a stack dump; i=$((i+1)); done >&2; exit 2"})
	c.await("a third life", func() bool { s, _ := c.Status("main"); return s.Restarts >= 2 })
	_ = terminal.Close() // the reader is gone, so that what waits to be written is not kept
}
