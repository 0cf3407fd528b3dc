package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/service/servicetest"
)

// BenchmarkRescue measures how soon a failure of main is noticed and over, with
// the stripped binary under each keeper, and prints medians beside what they are
// promised to be.
func BenchmarkRescue(b *testing.B) {
	bin, err := filepath.Abs("../../bin/clawdbot")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		b.Fatalf("%v: run make build first", err)
	}
	first, second := freeBlocks(b)
	ports := map[string]int{"main": first, "rescue": second}
	var rows []figureRow
	b.Run("up", func(b *testing.B) {
		w := newWard(&figures{b: b, bin: bin, home: b.TempDir(), ports: ports}, nil)
		w.underUp()
		rows = append(rows, w.measure("up")...)
	})
	b.Run("systemd", func(b *testing.B) {
		env := servicetest.UserManager(b)
		w := newWard(&figures{b: b, bin: bin, home: env.Home, ports: ports}, env.Environ())
		w.underSystemd()
		rows = append(rows, w.measure("systemd")...)
	})
	printFigures(rows)
}

// ward is a main that fails and a rescue that watches it, in a home of their own.
type ward struct {
	*figures
	environ []string
	said    <-chan msg.Peer // by rescue, of main
}

func newWard(f *figures, environ []string) *ward {
	f.b.Helper()
	w := &ward{figures: f, environ: environ}
	for name, base := range w.ports {
		w.cli("--profile", name, "setup", "--port", strconv.Itoa(base))
	}
	return w
}

func (w *ward) command(args ...string) *exec.Cmd {
	cmd := w.figures.command(args...)
	cmd.Env = append(cmd.Env, w.environ...)
	return cmd
}

func (w *ward) cli(args ...string) string {
	w.b.Helper()
	out, err := w.command(args...).CombinedOutput()
	if err != nil {
		w.b.Fatalf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

func (w *ward) underUp() {
	up := w.command("up", "main", "rescue")
	said, err := up.StderrPipe()
	if err == nil {
		err = up.Start()
	}
	if err != nil {
		w.b.Fatal(err)
	}
	w.b.Cleanup(func() {
		_ = up.Process.Signal(syscall.SIGTERM)
		_ = up.Wait()
	})
	go func() { _, _ = io.Copy(io.Discard, said) }()
}

func (w *ward) underSystemd() {
	for name := range w.ports {
		w.cli("--profile", name, "gateway", "install")
		w.cli("--profile", name, "gateway", "start")
	}
}

// measure lets main crash, hang, and crash on a config that is broken.
func (w *ward) measure(keeper string) []figureRow {
	w.b.Helper()
	for name := range w.ports {
		w.serving(name)
	}
	w.said = w.verdicts()
	for deadline := time.Now().Add(patience); !w.generations().is(1, "good", true); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.b.Fatalf("no config is good: %+v", w.generations())
		}
	}
	path := filepath.Join(w.home, ".clawdbot-main", "clawdbot.json")
	config, err := os.ReadFile(path)
	if err != nil {
		w.b.Fatal(err)
	}
	write := func(text []byte) {
		w.b.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			w.b.Fatal(err)
		}
	}
	for _, f := range []struct {
		name, seen, again string
		rounds            int
		fault             fault
	}{
		{"kill -9", "≤ 100 ms", "≤ 2000 ms", 9, fault{signal: syscall.SIGKILL, verdict: msg.VerdictDown}},
		{"kill -STOP", "≤ 3000 ms", "≤ 6000 ms", 5, fault{signal: syscall.SIGSTOP, verdict: msg.VerdictHung}},
		{"broken config and kill -9", "≤ 100 ms", "≤ 10000 ms", 5, fault{
			signal: syscall.SIGKILL, verdict: msg.VerdictDown,
			before: func() { write([]byte("{\n  gateway: { port: 'twelve' },\n}\n")) }, after: func() { write(config) },
		}},
	} {
		seen, again := w.strike(f.rounds, f.fault)
		w.median(keeper+": "+f.name+", seen", f.seen, seen)
		w.median(keeper+": "+f.name+", serving again", f.again, again)
	}
	return w.rows
}

// fault is how main is made to fail.
type fault struct {
	signal        syscall.Signal
	verdict       msg.Verdict // of the rescue
	before, after func()      // the signal, and the recovery; or nil
}

// strike lets main fail that often, each time as if for the first time, and
// returns how long it took until rescue said so and until main served again.
func (w *ward) strike(rounds int, f fault) (seen, again []time.Duration) {
	w.b.Helper()
	for range rounds {
		w.cli("--profile", "main", "gateway", "restart") // its keeper counts anew
		w.serving("main")
		w.settle()
		if f.before != nil {
			f.before()
		}
		began := time.Now()
		if err := syscall.Kill(w.pid("main"), f.signal); err != nil {
			w.b.Fatal(err)
		}
		w.until(w.said, f.verdict)
		seen = append(seen, time.Since(began))
		w.serving("main")
		again = append(again, time.Since(began))
		if f.after == nil {
			continue
		}
		if running := w.generations(); !running.is(1, "good", true) {
			w.b.Fatalf("it does not run the last good generation: %+v", running)
		}
		f.after()
	}
	return seen, again
}

func (w *ward) generations() (list generations) {
	w.b.Helper()
	if err := json.Unmarshal([]byte(w.cli("--profile", "main", "config", "generations", "--json")), &list); err != nil {
		w.b.Fatal(err)
	}
	return list
}

// settle has rescue find main well, and count anew.
func (w *ward) settle() {
	w.b.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		w.cli("--profile", "rescue", "rescue", "resume", "main")
		var st struct {
			Peers []struct{ Verdict, Incident string }
		}
		out := w.cli("--profile", "rescue", "rescue", "status", "--json")
		if err := json.Unmarshal([]byte(out), &st); err != nil {
			w.b.Fatal(err)
		}
		if len(st.Peers) == 1 && st.Peers[0].Verdict == string(msg.VerdictOK) && st.Peers[0].Incident == "" {
			break
		}
		if time.Now().After(deadline) {
			w.b.Fatalf("rescue says %s", out)
		}
	}
	for len(w.said) > 0 { // what it said until then
		<-w.said
	}
}

// serving returns when the gateway's /readyz answers 200.
func (w *ward) serving(name string) {
	w.b.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // the resolution of the figure
		res, err := client.Get("http://127.0.0.1:" + strconv.Itoa(w.ports[name]) + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			w.b.Fatalf("%s is not ready: %v", name, err)
		}
	}
}

// pid is the process that the profile's gateway registered.
func (w *ward) pid(name string) int {
	w.b.Helper()
	body, err := os.ReadFile(filepath.Join(w.home, ".local", "state", "clawdbot", "instances", name+".json"))
	var i profile.Instance
	if err = errors.Join(err, json.Unmarshal(body, &i)); err != nil || i.Process.PID == 0 {
		w.b.Fatalf("%s does not run: %v", name, err)
	}
	return i.Process.PID
}
