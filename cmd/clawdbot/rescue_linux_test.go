package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// TestRescue lets real gateways fail under what really keeps them. The scenes
// run side by side: most of their time is waiting that is their subject.
func TestRescue(t *testing.T) {
	bases := newBlocks()
	for name, play := range map[string]func(scene){
		"a broken config and a kill":  brokenConfigAndKill,
		"under systemd":               underSystemd,
		"both down and one back":      bothDownAndOneBack,
		"the same failure again":      sameFailureAgain,
		"observed, held and resumed":  observedHeldAndResumed,
		"maintenance and stop":        maintenanceAndStop,
		"a slow start":                slowStart,
		"two rescues and one main":    twoRescuesAndOneMain,
		"what took the place of main": whatTookThePlaceOfMain,
		"the post-mortem of main":     postMortemOfMain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(scene{machine: newMachine(t), blocks: bases, bases: map[string]int{}})
		})
	}
}

// scene is profiles on a machine of their own.
type scene struct {
	*machine
	blocks  *blocks
	bases   map[string]int // base ports by profile
	environ []string       // beside the machine's
}

func (s scene) command(args ...string) *exec.Cmd {
	cmd := s.machine.command(args...)
	cmd.Env = append(cmd.Env, s.environ...)
	if exe, err := exec.LookPath("clawdbot"); err == nil { // the same binary, under a name that it keeps when a unit starts it
		cmd.Path = exe
	}
	return cmd
}

// cli runs a command that must succeed and returns what it printed.
func (s scene) cli(args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("clawdbot %s: %v: %s%s", strings.Join(args, " "), err, out, &said)
	}
	return string(out)
}

// setup makes a profile whose gateway is to run on that config.
func (s scene) setup(name, config string) {
	s.t.Helper()
	base, err := s.blocks.next()
	if err != nil {
		s.t.Fatal(err)
	}
	s.bases[name] = base
	s.cli("--profile", name, "setup", "--port", strconv.Itoa(base))
	s.write(name, config)
}

// file is the text of a profile's config file.
func (s scene) file(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home, ".clawdbot-"+name, "clawdbot.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// raise has clawdbot up run all profiles that are set up.
func (s scene) raise() fleet {
	s.t.Helper()
	up := s.machine.up(s.bases)
	said := make(chan []string, 1)
	go func() {
		var list []string
		for line := range up.lines {
			list = append(list, line)
		}
		said <- list
	}()
	s.t.Cleanup(func() {
		for _, pid := range append(s.pids(), up.Process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		_ = up.Process.Signal(syscall.SIGTERM)
		lines := <-said
		_ = up.Wait()
		if s.t.Failed() {
			s.t.Logf("up said:\n%s", strings.Join(lines, "\n"))
		}
	})
	return up
}

// pids are the processes that the profiles registered.
func (s scene) pids() (list []int) {
	for name := range s.bases {
		if pid := s.pid(name); pid != 0 {
			list = append(list, pid)
		}
	}
	return list
}

// signal sends it to the gateway of a profile and returns its pid.
func (s scene) signal(name string, sig syscall.Signal) int {
	s.t.Helper()
	pid := s.pid(name)
	if err := syscall.Kill(pid, sig); err != nil {
		s.t.Fatalf("%s, pid %d: %v", name, pid, err)
	}
	return pid
}

// wantStopped wants that the process is still as SIGSTOP left it.
func (s scene) wantStopped(pid int) {
	s.t.Helper()
	if info, err := proc.Find(pid); err != nil || !info.Stopped {
		s.t.Errorf("pid %d is no longer stopped: %+v, %v", pid, info, err)
	}
}

// incidents are the records that a gateway publishes, on each change.
func (s scene) incidents(observer string) <-chan msg.Incident {
	s.t.Helper()
	return watch[msg.Incident](s, observer, "event.incident")
}

// peers are what a gateway says of the others, as it changes.
func (s scene) peers(observer string) <-chan msg.Peer {
	s.t.Helper()
	return watch[msg.Peer](s, observer, "health.peer.*")
}

// linked returns when the observer has heard of all others.
func (s scene) linked(observer string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		peers := s.status(observer).Peers
		if len(peers) == len(s.bases)-1 && !slices.ContainsFunc(peers, func(p msg.PeerStatus) bool { return p.Verdict != msg.VerdictOK }) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s says of its peers: %+v", observer, peers)
		}
	}
}

// status is what a gateway would do about its peers.
func (s scene) status(observer string) (st msg.RescueStatus) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.cli("--profile", observer, "rescue", "status", "--json")), &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// good returns when the profile runs generation n and it has proven itself.
func (s scene) good(name string, n uint64) {
	s.t.Helper()
	applied := watch[msg.ConfigChange](s, name, "config.applied")
	var now generations
	if err := json.Unmarshal([]byte(s.cli("--profile", name, "config", "generations", "--json")), &now); err != nil {
		s.t.Fatal(err)
	}
	if !now.is(n, "good", true) {
		next(s.t, applied, "a good generation", func(c msg.ConfigChange) bool { return c.Generation == n && c.Verdict == "good" })
	}
}

// watch is what comes on a subject of a profile.
func watch[T any](s scene, name, subject string) <-chan T {
	s.t.Helper()
	nc := s.natsContext("clawdbot-" + name)
	c := make(chan T, 1024)
	if _, err := nc.Subscribe("clawdbot."+name+"."+subject, func(raw *nats.Msg) {
		var v T
		if json.Unmarshal(raw.Data, &v) == nil {
			c <- v
		}
	}); err != nil {
		s.t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// next returns the first that is as wanted.
func next[T any](t *testing.T, c <-chan T, what string, wanted func(T) bool) T {
	t.Helper()
	deadline := time.After(2 * patience)
	var last T
	for {
		select {
		case v := <-c:
			if wanted(v) {
				return v
			}
			last = v
		case <-deadline:
			t.Fatalf("no sign of %s; the last one was %s", what, text(last))
		}
	}
}

// quiet wants that nothing comes for that long, which is the subject of the wait.
func quiet[T any](t *testing.T, c <-chan T, d time.Duration) {
	t.Helper()
	select {
	case v := <-c:
		t.Errorf("nothing was to happen, but: %s", text(v))
	case <-time.After(d):
	}
}

// text is a value as it stands on the bus.
func text(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// beyondGrace is longer than a rescue waits before it does anything.
const beyondGrace = 4 * time.Second

func resolved(i msg.Incident) bool { return i.State == msg.IncidentResolved }

// did are the actions of an incident.
func did(i msg.Incident) string {
	var list []string
	for _, a := range i.Actions {
		list = append(list, a.What)
	}
	return strings.Join(list, " ")
}

// brokenConfigAndKill is the first minute of somebody who tries this out.
func brokenConfigAndKill(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{}\n")
	s.raise()
	s.linked("rescue")
	s.good("main", 1)
	ofMain := s.incidents("rescue")

	s.signal("main", syscall.SIGKILL)
	crash := next(s.t, ofMain, "the end of the crash", resolved)
	if e := crash.Exit; crash.Kind != msg.KindCrash || e == nil || e.Manager != "up" || e.Signal != "SIGKILL" || e.Status != -1 {
		s.t.Errorf("crash: %s", text(crash))
	}
	if did(crash) != "" || !strings.HasSuffix(crash.Result, "started by clawdbot up") {
		s.t.Errorf("it was up that started it, but: %q, %q", did(crash), crash.Result)
	}
	s.wantWithin(crash, time.Second, 10*time.Second)

	const broken = "{\n  // mine\n  logging: {\n    level: 'loud',\n  },\n}\n"
	s.write("main", broken)
	s.signal("main", syscall.SIGKILL)
	bad := next(s.t, ofMain, "the end of the crash on a broken config", func(i msg.Incident) bool { return i.ID != crash.ID && resolved(i) })
	s.wantWithin(bad, time.Second, 10*time.Second)
	if bad.Kind != msg.KindBadConfig || bad.Config == nil || bad.Config.Source != "fallback" || bad.Config.Generation != 1 {
		s.t.Errorf("crash on a broken config: %s", text(bad))
	}
	if !strings.Contains(bad.Summary, "clawdbot.json:4:") {
		s.t.Errorf("the line is not in: %s", bad.Summary)
	}
	if now := s.file("main"); now != broken {
		s.t.Errorf("the file is %q", now)
	}
	s.config("main", func(g generations) bool { return g.is(1, "good", true) })
	if shown := s.cli("--profile", "rescue", "incidents", "show", "last"); !strings.Contains(shown, "clawdbot.json:4:") {
		s.t.Errorf("incidents show last: %s", shown)
	}
}

// wantWithin wants times of a host that also does other things.
func (s scene) wantWithin(i msg.Incident, detect, recover time.Duration) {
	s.t.Helper()
	s.t.Logf("%s: detected in %d ms, serving again in %d ms", i.Kind, i.DetectMs, i.RecoverMs)
	if i.DetectMs < 0 || i.DetectMs > detect.Milliseconds() || i.RecoverMs <= i.DetectMs || i.RecoverMs > recover.Milliseconds() {
		s.t.Errorf("%s: detected in %d ms, serving again in %d ms", i.Kind, i.DetectMs, i.RecoverMs)
	}
}
