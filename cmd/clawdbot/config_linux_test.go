package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// generations are the rows of `config generations --json`.
type generations []struct {
	N       uint64
	Verdict string
	Reason  string
	Running bool
}

// is says whether generation n has the verdict and runs, or does not.
func (g generations) is(n uint64, verdict string, running bool) bool {
	for _, row := range g {
		if row.N == n {
			return row.Verdict == verdict && row.Running == running
		}
	}
	return false
}

// config polls the profile's generations until they are as wanted.
func (m *machine) config(name string, want func(generations) bool) generations {
	m.t.Helper()
	var now generations
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, err := m.command("--profile", name, "config", "generations", "--json").Output()
		if err == nil {
			now = nil
			if err := json.Unmarshal(out, &now); err != nil {
				m.t.Fatalf("%v: %s", err, out)
			}
			if want(now) {
				return now
			}
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("config is %+v (%v)", now, err)
		}
	}
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.home, ".clawdbot-"+name, "clawdbot.json"), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// TestCrashInProbationCondemnsItsGeneration: without any rescue, at the next
// start; the file is the user's and stays, and a change of it is tried again.
func TestCrashInProbationCondemnsItsGeneration(t *testing.T) {
	m := newMachine(t)
	port, _ := freeBlocks(t)
	main := m.gateway("main", port)
	m.config("main", func(g generations) bool { return g.is(1, "good", true) })
	const edit = "{logging: {level: 'debug'}}"
	m.write("main", edit)
	m.config("main", func(g generations) bool { return g.is(2, "probation", true) })
	if err := main.Kill(); err != nil {
		t.Fatal(err)
	}
	m.gone(main)

	main = m.gateway("main", port)
	got := m.config("main", func(g generations) bool { return g.is(1, "good", true) })
	if !got.is(2, "bad", false) || !strings.Contains(got[1].Reason, "ended without stopping") {
		t.Errorf("after the crash: %+v", got)
	}
	if text, err := os.ReadFile(filepath.Join(m.home, ".clawdbot-main", "clawdbot.json")); err != nil || string(text) != edit {
		t.Errorf("the file is %q, %v", text, err)
	}
	m.write("main", edit+" // once more")
	m.config("main", func(g generations) bool { return g.is(3, "good", true) })
	if m.pid("main") != main.Pid {
		t.Error("the process was replaced")
	}
}

// TestKillDuringAGoodGenerationCondemnsNothing: only a config that was not yet
// proven can be the cause.
func TestKillDuringAGoodGenerationCondemnsNothing(t *testing.T) {
	m := newMachine(t)
	port, _ := freeBlocks(t)
	main := m.gateway("main", port)
	m.config("main", func(g generations) bool { return g.is(1, "good", true) })
	if err := main.Kill(); err != nil {
		t.Fatal(err)
	}
	m.gone(main)
	m.gateway("main", port)
	m.config("main", func(g generations) bool { return g.is(1, "good", true) })
}
