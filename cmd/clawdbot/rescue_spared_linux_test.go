package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
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
		s.t.Errorf("main did %q about rescue: %+v", did(seen), seen)
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
		s.t.Errorf("%+v", over)
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

// postMortemOfMain reads what is left of a main that nobody starts again.
func postMortemOfMain(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{}\n")
	s.gateway("rescue", s.bases["rescue"])
	ofMain := s.incidents("rescue")
	main := s.gateway("main", s.bases["main"])
	s.linked("rescue")
	if err := main.Kill(); err != nil {
		s.t.Fatal(err)
	}
	seen := next(s.t, ofMain, "the crash", func(i msg.Incident) bool { return i.Fingerprint != "" })
	path := filepath.Join(s.home, "main.tar.gz")
	s.cli("--profile", "rescue", "postmortem", "main", "-o", path)
	files := s.archive(path)
	if page := files["report.html"]; !strings.Contains(page, seen.ID) || !strings.Contains(page, "<html") {
		s.t.Errorf("report.html has %d bytes, and not the incident %s", len(page), seen.ID)
	}
	if key, err := os.ReadFile(filepath.Join(s.home, ".clawdbot-main", "gateway.token")); err == nil {
		for name, text := range files {
			if strings.Contains(text, strings.TrimSpace(string(key))) {
				s.t.Errorf("%s holds the token", name)
			}
		}
	} else {
		s.t.Error(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := s.command("--profile", "rescue", "postmortem", "main", "-o", path).CombinedOutput()
	if code := exitCodeOf(err); code != 1 || !strings.Contains(string(out), "main.tar.gz is there already") {
		s.t.Errorf("exit code %d: %s", code, out)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		s.t.Errorf("the archive that was there changed (%v)", err)
	}
	if st := s.status("rescue").Peers[0]; did(seen) != "" || st.Policy != "observe" || st.RepairsInWindow != 0 {
		s.t.Errorf("a gateway in a terminal was touched: %q, %+v", did(seen), st)
	}
}

// archive is what a .tar.gz holds, by name.
func (s scene) archive(path string) map[string]string {
	s.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		s.t.Fatal(err)
	}
	files := map[string]string{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			s.t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			s.t.Fatal(err)
		}
		files[filepath.Base(h.Name)] = string(body)
	}
}
