package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPostmortemOfALiveAndOfAStoppedGateway(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	stop := h.gateway(p, h.base)
	dir := t.TempDir()
	var live, stopped postmortemResult
	h.run("--profile", "rescue", "postmortem", "main", "--json", "-o", filepath.Join(dir, "live.tar.gz")).wants(0, "", "").into(&live)
	if !live.Alive || live.Finding != "It runs" {
		t.Errorf("live: %+v", live)
	}
	for _, m := range live.Missing {
		if m.Source == "checkpoint" || m.Source == "store" {
			t.Errorf("a live gateway did not copy its store: %s", m.Why)
		}
	}
	stop()
	h.run("--profile", "rescue", "postmortem", "main", "--json", "-o", filepath.Join(dir, "stopped.tar.gz")).wants(0, "", "").into(&stopped)
	if stopped.Alive || !strings.HasPrefix(stopped.Finding, "It was stopped in order at ") {
		t.Errorf("stopped: %+v", stopped)
	}
	info, err := os.Stat(stopped.Path)
	if err != nil || info.Size() != stopped.Bytes || info.Mode().Perm() != 0o600 {
		t.Errorf("%+v, %v; want %d bytes", info, err, stopped.Bytes)
	}
}

func TestPostmortemOfANameAndAPathThatAreNotGood(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.run("postmortem").wants(2, "", "clawdbot postmortem needs PROFILE")
	h.run("postmortem", "a b").wants(2, "", `bad profile name "a b"`)
	h.run("postmortem", "mian").wants(78, "", "profile mian is not set up; did you mean main?")
	h.run("postmortem", "main", "-o", there).wants(1, "", "the post-mortem is not written: "+there+" is there already")
	h.run("postmortem", "main", "-o", filepath.Join(dir, "none", "x")).wants(1, "", "no such file or directory")
	h.run("postmortem", "main", "-o", filepath.Join(there, "x")).wants(1, "", "not a directory")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if raw, err := os.ReadFile(there); err != nil || string(raw) != "mine" {
		t.Errorf("it changed: %q, %v", raw, err)
	}
}
