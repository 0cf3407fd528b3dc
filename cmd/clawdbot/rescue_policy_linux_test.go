package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

// sameFailureAgain lets main die of a config that had proven itself, until there
// is nothing left but to call the human.
func sameFailureAgain(s scene) {
	told := filepath.Join(s.home, "told.json")
	s = s.services("{}\n", fmt.Sprintf("{rescue: {notify: {command: ['tee', '-a', '%s']}}}\n", told))
	s.good("main", 1)
	s.cli("--profile", "main", "config", "set", "logging.level", "debug")
	edit := s.file("main")
	s.good("main", 2)
	ofMain := s.incidents("rescue")

	s.signal("main", syscall.SIGKILL)
	first := next(s.t, ofMain, "the end of the first failure", resolved)
	if now := first.Config; did(first) != "" || now == nil || now.Generation != 2 || now.Source != "file" {
		s.t.Errorf("after one failure: %s", text(first))
	}
	s.signal("main", syscall.SIGKILL)
	second := next(s.t, ofMain, "the end of the second failure", func(i msg.Incident) bool { return i.ID != first.ID && resolved(i) })
	if now := second.Config; did(second) != "directive restart" || now == nil || now.Generation != 1 || now.Source != "fallback" {
		s.t.Errorf("after two failures: %s", text(second))
	}
	s.signal("main", syscall.SIGKILL)
	held := next(s.t, ofMain, "the call for the human", func(i msg.Incident) bool { return i.State == msg.IncidentHeld })
	if did(held) != "safe-mode restart hold" || held.Kind != msg.KindCrashLoop {
		s.t.Errorf("after three failures: %s", text(held))
	}
	s.wantTold(told, held.ID)
	if now := s.file("main"); now != edit {
		s.t.Errorf("the file is %q", now)
	}
}

// wantTold wants that the program of rescue.notify.command was given the record
// as it was when repairs were held.
func (s scene) wantTold(path, id string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		for _, i := range records(s.t, path) {
			if i.ID == id && i.State == msg.IncidentHeld {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the operator was not told that %s is held: %s", id, text(records(s.t, path)))
		}
	}
}

// records are those that tee has written one after the other.
func records(t *testing.T, path string) (list []msg.Incident) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var i msg.Incident
		if err := d.Decode(&i); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // it may be writing
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, i)
	}
}

// observedHeldAndResumed lets main hang beside a rescue that only observes, then
// is held, and then may.
func observedHeldAndResumed(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{rescue: {policy: 'observe'}}\n")
	s.raise()
	s.linked("rescue")
	ofMain := s.incidents("rescue")
	hung := s.signal("main", syscall.SIGSTOP)
	known := func(i msg.Incident) bool { return i.Fingerprint != "" }
	seen := next(s.t, ofMain, "the hang", known)
	if seen.Kind != msg.KindHang || did(seen) != "" {
		s.t.Error(text(seen))
	}
	s.await("observe", func(p msg.PeerStatus) bool {
		return p.Policy == "observe" && p.Why == "rescue.policy is observe" && p.NextAction == p.Why && p.Manager == "up" && p.Incident == seen.ID
	})
	if plan := s.cli("--profile", "rescue", "rescue", "repair", "main", "--dry-run"); !strings.HasPrefix(plan, "would restart main: it hangs") {
		s.t.Errorf("a dry run says: %s", plan)
	}
	s.wantDebugRefused()

	s.cli("--profile", "rescue", "rescue", "hold", "main", "--reason", "I look at it")
	s.cli("--profile", "rescue", "rescue", "policy", "main", "restart")
	s.await("held", func(p msg.PeerStatus) bool {
		return p.Policy == "restart" && p.Held && p.HeldReason == "I look at it" && p.NextAction == "repairs are held: I look at it"
	})
	s.wantStopped(hung)
	s.cli("--profile", "rescue", "rescue", "resume", "main")
	over := next(s.t, ofMain, "the repair", resolved)
	if did(over) != "resume abort restart" || s.pid("main") == hung {
		s.t.Errorf("it did %q", did(over))
	}

	s.cli("--profile", "rescue", "config", "set", "rescue.peers", "['another']")
	for deadline := time.Now().Add(patience); len(s.status("rescue").Peers) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("main is still watched, though rescue.peers leaves it out")
		}
	}
}

// await returns when rescue says of main what is wanted.
func (s scene) await(what string, wanted func(msg.PeerStatus) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		for _, p := range s.status("rescue").Peers {
			if p.Profile == "main" && wanted(p) {
				return
			} else if time.Now().After(deadline) {
				s.t.Fatalf("never %s: %s", what, text(p))
			}
		}
	}
}

// wantDebugRefused asks for a repair as the user whose password stands in the
// NATS context.
func (s scene) wantDebugRefused() {
	s.t.Helper()
	for _, subject := range []string{"clawdbot.rescue.rpc.rescue.repair", "clawdbot.rescue.rpc.rescue.hold", "clawdbot.main.rescue.diagnose"} {
		nc := s.natsContext("clawdbot-rescue")
		if err := nc.PublishRequest(subject, "_INBOX_debug.answer", []byte(`{"peer":"main"}`)); err != nil {
			s.t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			s.t.Fatal(err)
		}
		if err := nc.LastError(); err == nil || !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
			s.t.Errorf("%s of the user debug: %v", subject, err)
		}
	}
}
