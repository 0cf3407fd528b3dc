package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/cmd/clawdbot/internal/daemon"
	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/ports"
)

// TestMain lets a service manager start the test binary as clawdbot.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--profile" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := Run(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, testVersion)
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

const testVersion = "1.2.3"

// patience bounds every wait for a condition; it is no figure.
const patience = 30 * time.Second

// home is a home folder in which gateways run in this process.
type home struct {
	t    *testing.T
	dir  string
	vars map[string]string
	base int // of a free block; the next block is free as well
}

func newHome(t *testing.T) *home {
	t.Helper()
	return &home{t: t, dir: t.TempDir(), base: freeBase(t), vars: map[string]string{"PATH": os.Getenv("PATH")}}
}

func freeBase(t *testing.T) int {
	t.Helper()
next:
	for range 200 {
		base := 20000 + rand.IntN(11000)
		for _, b := range []int{base, base + ports.Step} {
			for port := b; port <= b+ports.OffsetWebSocket; port++ {
				if profile.InUse(port) {
					continue next
				}
			}
		}
		return base
	}
	t.Fatal("no free block of ports")
	return 0
}

func (h *home) env() profile.Env {
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	return profile.Env{Home: h.dir, Exe: exe, Lookup: func(key string) (string, bool) { v, ok := h.vars[key]; return v, ok }}
}

func (h *home) profile(name string) profile.Profile {
	h.t.Helper()
	p, err := profile.Resolve(profile.Flags{Profile: name}, h.env())
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// result is a command that ended.
type result struct {
	t        *testing.T
	args     []string
	code     int
	out, err string
}

// run runs a command line.
func (h *home) run(args ...string) result {
	h.t.Helper()
	return h.runWith("", args...)
}

func (h *home) runWith(input string, args ...string) result {
	h.t.Helper()
	var out, errs bytes.Buffer
	a := &app{Streams: Streams{In: strings.NewReader(input), Out: &out, Err: &errs}, version: testVersion, env: h.env()}
	root := newRoot(a)
	root.SetArgs(args)
	code := a.report(root.ExecuteContext(h.t.Context()))
	return result{h.t, args, code, out.String(), errs.String()}
}

// wants checks the exit code and what the output and the errors hold.
func (r result) wants(code int, out, errs string) result {
	r.t.Helper()
	if r.code != code || !strings.Contains(r.out, out) || !strings.Contains(r.err, errs) {
		r.t.Errorf("%v: exit code %d, want %d\nout: %s\nwant: %s\nerr: %s\nwant: %s", r.args, r.code, code, r.out, out, r.err, errs)
	}
	return r
}

// into decodes the output.
func (r result) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.out), v); err != nil {
		r.t.Fatalf("%v: %v in %s", r.args, err, r.out)
	}
}

// setup sets a profile up with a base port.
func (h *home) setup(name string, base int) profile.Profile {
	h.t.Helper()
	p := h.profile(name)
	if _, err := setup.Run(p, setup.Options{Port: base}); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// gateway runs the gateway of a profile that is set up until the test ends or
// the function that it returns is called.
func (h *home) gateway(p profile.Profile, port int) (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var log bytes.Buffer
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{Profile: p, Port: port, Version: testVersion, Console: &log})
	}()
	stopped := false
	stop = func() {
		h.t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				h.t.Errorf("gateway of %s: %v\n%s", p.Name, err, log.String())
			}
		case <-time.After(patience):
			h.t.Errorf("the gateway of %s does not stop", p.Name)
		}
	}
	h.t.Cleanup(stop)
	await(h.t, "the gateway of "+p.Name, func() bool {
		i, err := p.Registry.Get(p.Name)
		return err == nil && i.Alive() && askReady(h.t.Context(), i).Verdict == msg.VerdictOK
	})
	return stop
}

// await polls until the condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never came: %s", what)
		}
	}
}

// process runs the gateway of a profile as a process of its own.
func (h *home) process(name string) *os.Process {
	h.t.Helper()
	cmd := exec.Command(h.env().Exe, "--profile", name, "gateway", "run")
	cmd.Env = []string{"HOME=" + h.dir}
	for key, value := range h.vars {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	h.t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	await(h.t, "the gateway of "+name, func() bool { return h.run("--profile", name, "health").code == 0 })
	return cmd.Process
}
