package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/cmd/clawdbot/internal/drill"
)

// drillGround is a home with a profile of its own, and a folder for scratches.
type drillGround struct {
	*machine
	tmp string
}

func newDrillGround(t *testing.T) *drillGround {
	t.Helper()
	g := &drillGround{newMachine(t), t.TempDir()}
	if out, err := g.command("--profile", "main", "setup").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return g
}

func (g *drillGround) drill(args ...string) *exec.Cmd {
	cmd := g.command(append([]string{"--profile", "main", "drill"}, args...)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+g.tmp)
	return cmd
}

// asPeopleHaveIt builds clawdbot without the race detector, with which it takes
// its time: a drill measures times.
func asPeopleHaveIt(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "clawdbot")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// snapshot is every file of the home with what it holds.
func (g *drillGround) snapshot() map[string]string {
	g.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(g.home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		files[path] = fmt.Sprintf("%x", sha256.Sum256(body))
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return files
}

// wantNothingLeft looks for a scratch folder, and for processes of one.
func (g *drillGround) wantNothingLeft() {
	g.t.Helper()
	left, err := os.ReadDir(g.tmp)
	if err != nil || len(left) > 0 {
		g.t.Errorf("left in the folder for scratches: %v (%v)", left, err)
	}
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(environs) == 0 {
		g.t.Fatalf("no processes in /proc (%v)", err)
	}
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err == nil && bytes.Contains(env, []byte("HOME="+g.tmp)) {
			g.t.Errorf("process %s still runs in a scratch", strings.Split(path, "/")[2])
		}
	}
}

// TestDrill rehearses every fault. What is promised of a host that has nothing
// else to do may take longer here, beside other tests.
func TestDrill(t *testing.T) {
	g := newDrillGround(t)
	before := g.snapshot()
	cmd := g.drill("--json", "--allow", "5", "--busy", "3m")
	cmd.Path = asPeopleHaveIt(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var card drill.Card
	if err := json.Unmarshal(out, &card); err != nil {
		t.Fatalf("%v: %s%s", err, out, &stderr)
	}
	if len(card.Scores) != len(drill.Faults()) {
		t.Errorf("%d of %d faults were rehearsed", len(card.Scores), len(drill.Faults()))
	}
	for _, s := range card.Scores {
		t.Run(s.Name, func(t *testing.T) {
			t.Logf("noticed in %d ms, serving again in %d ms, repairs %v, incidents %v, %d messages", s.DetectMs, s.RecoverMs, s.Repairs, s.Incidents, s.Acknowledged)
			for _, f := range s.Failures {
				t.Error(f)
			}
			if s.Skipped != "" || s.Lost != 0 || s.Acknowledged == 0 {
				t.Errorf("%d of %d messages lost %s", s.Lost, s.Acknowledged, s.Skipped)
			}
		})
	}
	if code := exitCodeOf(err); card.Passed != (code == 0) || !card.Passed && code != 1 {
		t.Errorf("passed is %v and the exit code %d", card.Passed, code)
	}
	after := g.snapshot()
	for path, sum := range after {
		if before[path] != sum {
			t.Errorf("the drill touched %s", path)
		}
	}
	if len(after) < len(before) {
		t.Errorf("of %d files of the real profile %d are left", len(before), len(after))
	}
	g.wantNothingLeft()
}

// TestDrillInterrupted stops a drill while its main is frozen.
func TestDrillInterrupted(t *testing.T) {
	g := newDrillGround(t)
	cmd := g.drill("--only", "freeze")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	g.awaitStopped()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := exitCodeOf(cmd.Wait()); code != 1 || !strings.Contains(stderr.String(), "the drill was interrupted; its gateways are stopped") {
		t.Errorf("exit code %d, and said: %s", code, &stderr)
	}
	g.wantNothingLeft()
}

// awaitStopped returns when a process in a scratch is stopped by a signal.
func (g *drillGround) awaitStopped() {
	g.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		environs, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range environs {
			env, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(env, []byte("HOME="+g.tmp)) {
				continue
			}
			stat, err := os.ReadFile(filepath.Join(filepath.Dir(path), "stat"))
			if err == nil && bytes.Contains(stat, []byte(") T ")) {
				return
			}
		}
	}
	g.t.Fatal("no process of the drill was stopped")
}

func TestDrillRefuses(t *testing.T) {
	g := newDrillGround(t)
	config := filepath.Join(g.home, ".clawdbot-main", "clawdbot.json")
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args   []string
		config []byte
		code   int
		want   []string
	}{
		"a fault that is none":       {[]string{"--only", "freez"}, good, 2, []string{`no such fault "freez"; did you mean freeze?`, "try: clawdbot"}},
		"less than what is promised": {[]string{"--allow", "0.5"}, good, 2, []string{"--allow: 0.5 is below 1"}},
		"no time":                    {[]string{"--busy", "0s"}, good, 2, []string{"--busy: 0s is no time"}},
		"a profile that is none":     {[]string{"--profile", "mian"}, good, 78, []string{"profile mian is not set up; did you mean main?"}},
		"an argument":                {[]string{"kill"}, good, 2, []string{`takes no arguments, got "kill"`}},
		"a config that is wrong":     {nil, []byte("{\n gateway: 7 }"), 78, []string{"clawdbot.json:2:"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(config, tt.config, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := g.drill(tt.args...).CombinedOutput()
			if code := exitCodeOf(err); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			missing := func(part string) bool { return !strings.Contains(string(out), part) }
			if slices.ContainsFunc(tt.want, missing) || strings.Count(string(out), "\n") > 2 {
				t.Errorf("said: %s", out)
			}
		})
	}
	g.wantNothingLeft()
}
