package profile

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestLeaseIsForOne(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	release, err := r.Lease("main", "rescue", "restart")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // asking does not take it away
		var held *HeldError
		_, err = r.Lease("main", "second", "restart it too")
		if !errors.As(err, &held) || held.By != "rescue" || held.Purpose != "restart" || held.Peer != "main" || time.Since(held.Since) > time.Minute {
			t.Fatalf("a second one: %v", err)
		}
	}
	if held := r.Leased("main"); held == nil || held.By != "rescue" || !strings.Contains(held.Error(), "rescue works on main since") {
		t.Errorf("who has it: %v", held)
	}
	other, err := r.Lease("third", "second", "restart")
	if err != nil {
		t.Errorf("of another peer: %v", err)
	} else {
		other()
	}
	release()
	if held := r.Leased("main"); held != nil {
		t.Errorf("after release: %v", held)
	}
	release, err = r.Lease("main", "second", "restart")
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	release()
}

// TestLeaseOfADeadHolder: it goes with its process, and so does its note.
func TestLeaseOfADeadHolder(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	cmd, id := spawn(t, "--hang", t.TempDir())
	_, noted := r.leaseFiles("main")
	body, err := json.Marshal(leaseNote{By: "rescue", Purpose: "restart", Since: time.Now(), Process: id})
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(noted, body); err != nil {
		t.Fatal(err)
	}
	if r.Leased("main") == nil {
		t.Error("its holder lives, and nobody is told")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if held := r.Leased("main"); held != nil {
		t.Errorf("its holder is dead: %v", held)
	}
	release, err := r.Lease("main", "second", "restart")
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestLeaseOfNoName(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	for _, peer := range []string{"", "../main", "Main", "a/b"} {
		if _, err := r.Lease(peer, "rescue", "restart"); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", peer, err)
		}
	}
	if err := os.MkdirAll(r.Dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Dir()+"/leases", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Lease("main", "rescue", "restart"); err == nil || !strings.HasPrefix(err.Error(), "lease of main: ") {
		t.Errorf("a file in the place of the folder: %v", err)
	}
}
