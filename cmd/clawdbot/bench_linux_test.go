package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/profile"
)

// BenchmarkFigures measures the stripped binary as whole processes and prints
// medians beside what they are promised to be. Run it with make bench.
func BenchmarkFigures(b *testing.B) {
	bin, err := filepath.Abs("../../bin/clawdbot")
	if err != nil {
		b.Fatal(err)
	}
	size, err := os.Stat(bin)
	if err != nil {
		b.Fatalf("%v: run make build first", err)
	}
	first, second := freeBlocks(b)
	f := &figures{b: b, bin: bin, home: b.TempDir(), ports: map[string]int{"main": first, "rescue": second}}
	for b.Loop() {
		f.rows = nil
		f.add("binary, stripped", float64(size.Size())/1e6, "MB", "≤ 45")
		f.startAndStop(15)
		f.statusCommand(31)
		f.memory()
		f.detection(9, 3)
	}
	printFigures(f.rows)
}

func printFigures(rows []figureRow) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nfigure\tmedian\tpromised\trounds (min … max)")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.1f %s\t%s\t%s\n", r.name, r.value, r.unit, r.promised, r.spread)
	}
	w.Flush()
}

type figureRow struct {
	name     string
	value    float64
	unit     string
	promised string
	spread   string
}

type figures struct {
	b     *testing.B
	bin   string
	home  string
	ports map[string]int // by profile
	rows  []figureRow
}

func (f *figures) add(name string, value float64, unit, promised string) {
	f.rows = append(f.rows, figureRow{name: name, value: value, unit: unit, promised: promised})
}

// median adds a row of durations in milliseconds.
func (f *figures) median(name, promised string, rounds []time.Duration) {
	slices.Sort(rounds)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	f.rows = append(f.rows, figureRow{
		name: name, value: ms(rounds[len(rounds)/2]), unit: "ms", promised: promised,
		spread: fmt.Sprintf("%d (%.1f … %.1f)", len(rounds), ms(rounds[0]), ms(rounds[len(rounds)-1])),
	})
}

func (f *figures) command(args ...string) *exec.Cmd {
	cmd := exec.Command(f.bin, args...)
	cmd.Env = []string{"HOME=" + f.home, "PATH=" + os.Getenv("PATH")}
	return cmd
}

// start runs a gateway and returns it with the time until /readyz answers 200.
func (f *figures) start(name string) (*exec.Cmd, time.Duration) {
	f.b.Helper()
	port := strconv.Itoa(f.ports[name])
	cmd := f.command("--profile", name, "gateway", "--port", port)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		f.b.Fatal(err)
	}
	f.b.Cleanup(func() { _ = cmd.Process.Kill() })
	for time.Since(began) < patience {
		res, err := client.Get("http://127.0.0.1:" + port + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return cmd, time.Since(began)
			}
		}
		time.Sleep(time.Millisecond) // the resolution of the figure
	}
	f.b.Fatalf("%s is not ready", name)
	return nil, 0
}

// stop asks the gateway to stop and returns how long that took.
func (f *figures) stop(cmd *exec.Cmd) time.Duration {
	f.b.Helper()
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		f.b.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		f.b.Fatal(err)
	}
	return time.Since(began)
}

func (f *figures) startAndStop(rounds int) {
	cmd, _ := f.start("main") // sets the profile up
	f.stop(cmd)
	var ready, stopped []time.Duration
	for range rounds {
		cmd, took := f.start("main")
		ready = append(ready, took)
		stopped = append(stopped, f.stop(cmd))
	}
	f.median("ready: exec to /readyz 200", "≤ 100 ms", ready)
	f.median("clean stop: SIGTERM to exit", "≤ 100 ms", stopped)
}

func (f *figures) statusCommand(rounds int) {
	cmd, _ := f.start("main")
	defer f.stop(cmd)
	for _, c := range []struct {
		name, promised string
		args           []string
	}{
		{"status --json, whole process", "≤ 40 ms", []string{"--profile", "main", "status", "--json"}},
		{"health --json, whole process", "", []string{"--profile", "main", "health", "--json"}},
		{"--version, whole process", "", []string{"--version"}},
	} {
		var took []time.Duration
		for range rounds {
			began := time.Now()
			if out, err := f.command(c.args...).CombinedOutput(); err != nil {
				f.b.Fatalf("%v: %v\n%s", c.args, err, out)
			}
			took = append(took, time.Since(began))
		}
		f.median(c.name, c.promised, took)
	}
}

// memory lets two linked gateways idle and reads what they use.
func (f *figures) memory() {
	main, _ := f.start("main")
	rescue, _ := f.start("rescue")
	defer f.stop(main)
	defer f.stop(rescue)
	time.Sleep(10 * time.Second) // idle is the subject of this figure
	for name, pid := range map[string]int{"main": main.Process.Pid, "rescue": rescue.Process.Pid} {
		f.add(name+" of two, idle: PSS", rollup(f.b, pid, "Pss:"), "MB", "≤ 30")
		f.add(name+" of two, idle: RSS", rollup(f.b, pid, "Rss:"), "MB", "≤ 50")
	}
}

// rollup is a line of /proc/<pid>/smaps_rollup (proc(5)), in MB.
func rollup(b *testing.B, pid int, key string) float64 {
	b.Helper()
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == key {
			kb, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb * 1024 / 1e6
		}
	}
	b.Fatalf("no %s in smaps_rollup", key)
	return 0
}

// detection kills and stops main and times what rescue says on its bus.
func (f *figures) detection(kills, stops int) {
	rescue, _ := f.start("rescue")
	defer f.stop(rescue)
	verdicts := f.verdicts()
	main, _ := f.start("main")
	f.until(verdicts, msg.VerdictOK)
	var down, back, suspect, hung, ok []time.Duration
	for range kills {
		began := time.Now()
		if err := main.Process.Kill(); err != nil {
			f.b.Fatal(err)
		}
		f.until(verdicts, msg.VerdictDown)
		down = append(down, time.Since(began))
		_ = main.Wait()
		main, _ = f.start("main")
		began = time.Now()
		f.until(verdicts, msg.VerdictOK)
		back = append(back, time.Since(began))
	}
	for range stops {
		began := time.Now()
		_ = main.Process.Signal(syscall.SIGSTOP)
		f.until(verdicts, msg.VerdictSuspect)
		suspect = append(suspect, time.Since(began))
		f.until(verdicts, msg.VerdictHung)
		hung = append(hung, time.Since(began))
		began = time.Now()
		_ = main.Process.Signal(syscall.SIGCONT)
		f.until(verdicts, msg.VerdictOK)
		ok = append(ok, time.Since(began))
	}
	f.stop(main)
	f.median("kill -9: seen as down", "≤ 100 ms", down)
	f.median("started again: ready to ok at the peer", "≤ 1000 ms", back)
	f.median("kill -STOP: suspect", "≤ 1000 ms", suspect)
	f.median("kill -STOP: hung", "≤ 3000 ms", hung)
	f.median("kill -CONT: ok", "≤ 1000 ms", ok)
}

func (f *figures) verdicts() <-chan msg.Peer {
	p, err := profile.Resolve(profile.Flags{Profile: "rescue"}, profile.Env{Home: f.home, Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		f.b.Fatal(err)
	}
	key, err := profile.Secret(p.BusKey("debug"))
	if err != nil {
		f.b.Fatal(err)
	}
	nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", f.ports["rescue"]+5), nats.UserInfo("debug", key))
	if err != nil {
		f.b.Fatal(err)
	}
	f.b.Cleanup(nc.Close)
	c := make(chan msg.Peer, 256)
	if _, err := nc.Subscribe("clawdbot.rescue.health.peer.main", func(m *nats.Msg) {
		var v msg.Peer
		if json.Unmarshal(m.Data, &v) == nil {
			c <- v
		}
	}); err != nil {
		f.b.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		f.b.Fatal(err)
	}
	return c
}

func (f *figures) until(c <-chan msg.Peer, want msg.Verdict) {
	f.b.Helper()
	for deadline := time.After(patience); ; {
		select {
		case p := <-c:
			if p.Verdict == want {
				return
			}
		case <-deadline:
			f.b.Fatalf("no verdict %s", want)
		}
	}
}
