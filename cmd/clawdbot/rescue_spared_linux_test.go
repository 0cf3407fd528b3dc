package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/proc"
)

// maintenanceAndStop wants that nobody touches what is under maintenance, what
// was stopped in order, or the rescue.
func maintenanceAndStop(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{}\n")
	s.setup("work", "{}\n")
	s.raise()
	s.linked("rescue")
	s.linked("main")
	ofMain, ofRescue, peers := s.incidents("rescue"), s.incidents("main"), s.peers("rescue")

	frozen := s.signal("rescue", syscall.SIGSTOP)
	seen := next(s.t, ofRescue, "the hang of rescue", func(i msg.Incident) bool { return i.Peer == "rescue" && i.Fingerprint != "" })
	if seen.Kind != msg.KindHang || did(seen) != "" {
		s.t.Errorf("main did %q about rescue: %s", did(seen), text(seen))
	}
	quiet(s.t, ofRescue, beyondGrace)
	s.wantStopped(frozen)
	s.signal("rescue", syscall.SIGCONT)
	next(s.t, ofRescue, "the return of rescue", func(i msg.Incident) bool { return resolved(i) && did(i) == "" })
	s.linked("rescue")

	s.cli("--profile", "main", "maintenance", "on", "--for", "10m", "--reason", "a new disk")
	main := s.signal("main", syscall.SIGSTOP)
	s.cli("--profile", "work", "gateway", "stop")
	verdict := func(name string, v msg.Verdict) func(msg.Peer) bool {
		return func(p msg.Peer) bool { return p.Profile == name && p.Verdict == v }
	}
	for hung, stopped := false, false; !hung || !stopped; {
		p := next(s.t, peers, "main hung and work stopped", func(p msg.Peer) bool {
			return verdict("main", msg.VerdictHung)(p) || verdict("work", msg.VerdictStopped)(p)
		})
		hung, stopped = hung || p.Profile == "main", stopped || p.Profile == "work"
	}
	quiet(s.t, ofMain, beyondGrace)
	s.wantStopped(main)
	if pid := s.pid("work"); pid != 0 {
		s.t.Errorf("work was stopped, and runs as pid %d", pid)
	}
	s.cli("--profile", "main", "maintenance", "off")
	if over := next(s.t, ofMain, "the repair after the maintenance", resolved); over.Peer != "main" || did(over) != "abort restart" {
		s.t.Error(text(over))
	}
}

// whatTookThePlaceOfMain wants that a process which is not main is not taken for
// it, whatever the registry says and whosoever has its port.
func whatTookThePlaceOfMain(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{rescue: {policy: 'repair'}}\n")
	up := s.raise()
	s.linked("rescue")
	ofMain := s.incidents("rescue")

	if err := up.Process.Signal(syscall.SIGSTOP); err != nil { // so that the port can be had
		s.t.Fatal(err)
	}
	s.signal("main", syscall.SIGKILL)
	thief, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(s.bases["main"]))
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); {
		thief, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(s.bases["main"]))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = thief.Close() })
	if err := up.Process.Signal(syscall.SIGCONT); err != nil {
		s.t.Fatal(err)
	}
	holder := "pid " + strconv.Itoa(os.Getpid())
	stolen := next(s.t, ofMain, "the stolen port", func(i msg.Incident) bool { return i.Kind == msg.KindPortStolen })
	if !strings.Contains(stolen.Summary, holder) {
		s.t.Errorf("%s is not in: %s", holder, stolen.Summary)
	}
	if err := thief.Close(); err != nil {
		s.t.Fatal(err)
	}
	next(s.t, ofMain, "main's return", resolved)

	other := s.bystander()
	for _, tt := range []struct {
		name, start, did, said string
	}{
		{"another program", other.Start, "abort", "is not proven to be the gateway of main"},
		{"a pid that is used again", other.Start + "0", "", "port "}, // main is there, and is now itself a stranger
	} {
		main := s.signal("main", syscall.SIGSTOP)
		restore := s.forge(proc.Identity{PID: other.PID, Start: tt.start, Space: other.Space})
		i := next(s.t, ofMain, tt.name, func(i msg.Incident) bool {
			return !resolved(i) && slices.ContainsFunc(i.Timeline, func(m msg.Moment) bool { return strings.Contains(m.What, tt.said) })
		})
		if did(i) != tt.did {
			s.t.Errorf("%s: did %q: %+v", tt.name, did(i), i.Actions)
		}
		s.wantStopped(other.PID)
		s.wantStopped(main)
		restore()
		if err := syscall.Kill(main, syscall.SIGCONT); err != nil {
			s.t.Fatal(err)
		}
		next(s.t, ofMain, "main's return", resolved)
		s.linked("rescue")
	}
}

// bystander is a process that has nothing to do with any of this.
func (s scene) bystander() proc.Identity {
	s.t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	info, err := proc.Find(cmd.Process.Pid)
	if err = errors.Join(err, cmd.Process.Signal(syscall.SIGSTOP)); err != nil {
		s.t.Fatal(err)
	}
	return info.Identity
}

// slowStart gives main so little time while it starts that this takes far longer
// than a rescue waits for a keeper.
func slowStart(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{}\n")
	s.raise()
	s.linked("rescue")
	ofMain := s.incidents("rescue")
	killed := s.signal("main", syscall.SIGKILL)
	starting := s.starting("main", killed)
	began := time.Now()
	for s.starts("main") {
		stopped, runs := 500*time.Millisecond, 4*time.Millisecond // these pauses are the fault
		if time.Since(began) > beyondGrace {                      // slow enough; one that beats would be hung
			stopped = 0
		}
		_ = syscall.Kill(starting, syscall.SIGSTOP)
		time.Sleep(stopped)
		_ = syscall.Kill(starting, syscall.SIGCONT)
		time.Sleep(runs)
	}
	took := time.Since(began)
	over := next(s.t, ofMain, "the end of the slow start", resolved)
	if did(over) != "" || s.pid("main") != starting {
		s.t.Errorf("a slow start was disturbed: pid %d is now %d; %q; %+v", starting, s.pid("main"), did(over), over.Timeline)
	}
	if took < beyondGrace {
		s.t.Errorf("a start of %s is not slow", took)
	}
}

// starting is the pid of a gateway that starts, other than an earlier one.
func (s scene) starting(name string, other int) int {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		note, ok := profile.ReadStarting(filepath.Join(s.home, ".clawdbot-"+name))
		if ok && note.Process.PID != other && note.Alive() {
			return note.Process.PID
		}
	}
	s.t.Fatalf("%s does not start", name)
	return 0
}

// starts says whether a start of the profile is under way.
func (s scene) starts(name string) bool {
	_, ok := profile.ReadStarting(filepath.Join(s.home, ".clawdbot-"+name))
	return ok
}

// twoRescuesAndOneMain lets two gateways want to repair the same one.
func twoRescuesAndOneMain(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{}\n")
	s.setup("second", "{rescue: {policy: 'repair'}}\n")
	s.raise()
	s.linked("rescue")
	s.linked("second")
	seen := []<-chan msg.Incident{s.incidents("rescue"), s.incidents("second")}
	s.signal("main", syscall.SIGSTOP)
	var repaired, left int
	for _, c := range seen {
		i := next(s.t, c, "the end of the hang", func(i msg.Incident) bool { return i.Peer == "main" && resolved(i) })
		switch did(i) {
		case "abort restart":
			repaired++
		case "":
			left++
			if !slices.ContainsFunc(i.Timeline, func(m msg.Moment) bool { return strings.HasPrefix(m.What, "left alone: ") }) {
				s.t.Errorf("%s does not say why it left main alone: %+v", i.Observer, i.Timeline)
			}
		default:
			s.t.Errorf("%s did %q", i.Observer, did(i))
		}
	}
	if repaired != 1 || left != 1 {
		s.t.Errorf("%d repaired main and %d left it alone", repaired, left)
	}
}

// forge changes main's entry in the host registry until restore is called.
func (s scene) forge(process proc.Identity) (restore func()) {
	s.t.Helper()
	path := filepath.Join(s.home, ".local", "state", "clawdbot", "instances", "main.json")
	before, err := os.ReadFile(path)
	var entry profile.Instance
	if err = errors.Join(err, json.Unmarshal(before, &entry)); err != nil {
		s.t.Fatal(err)
	}
	entry.Process = process
	forged, err := json.Marshal(entry)
	write := func(body []byte) {
		s.t.Helper()
		if err := profile.WriteFile(path, body); err != nil {
			s.t.Fatal(err)
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	write(forged)
	return func() { write(before) }
}
