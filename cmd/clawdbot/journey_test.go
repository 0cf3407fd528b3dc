//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"

	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// patience bounds every wait for a condition; it is no figure.
const patience = 30 * time.Second

// ready waits until the gateway on a port serves: ready port
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready port")
	}
	if err := awaitReady(args[0]); err != nil {
		ts.Fatalf("%v", err)
	}
}

func awaitReady(port string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var last error
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			last = err
		} else {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			last = fmt.Errorf("%s: %s", res.Status, body)
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("gateway on port %s is not ready: %w", port, last)
}

// machine is a home folder in which real processes run.
type machine struct {
	t    *testing.T
	home string
}

func newMachine(t *testing.T) *machine { return &machine{t: t, home: t.TempDir()} }

// command is clawdbot as a process of its own.
func (m *machine) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"clawdbot"}, args...) // the test binary is clawdbot under that name
	cmd.Env = []string{"HOME=" + m.home, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	return cmd
}

// gateway runs a profile's gateway and returns when it serves.
func (m *machine) gateway(name string, port int, flags ...string) *os.Process {
	m.t.Helper()
	log, err := os.OpenFile(filepath.Join(m.t.ArtifactDir(), name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	cmd := m.command(append([]string{"--profile", name, "gateway", "--port", strconv.Itoa(port)}, flags...)...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	m.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			m.t.Errorf("%s did not stop", name)
		}
		if m.t.Failed() {
			if text, err := os.ReadFile(log.Name()); err == nil {
				m.t.Logf("log of %s:\n%s", name, text)
			}
		}
	})
	for deadline := time.Now().Add(patience); m.pid(name) != cmd.Process.Pid; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) { // until then the port may be another's, whose place it takes
			m.t.Fatalf("%s did not register itself", name)
		}
	}
	if err := awaitReady(strconv.Itoa(port)); err != nil {
		m.t.Fatal(err)
	}
	return cmd.Process
}

// pid is the process that the profile's gateway registered, 0 when none is.
func (m *machine) pid(name string) int {
	m.t.Helper()
	body, err := os.ReadFile(filepath.Join(m.home, ".local", "state", "clawdbot", "instances", name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		m.t.Fatal(err)
	}
	var i struct{ Process struct{ PID int } }
	if err := json.Unmarshal(body, &i); err != nil {
		m.t.Fatal(err)
	}
	return i.Process.PID
}

// gone waits until a process that was killed has ended.
func (m *machine) gone(p *os.Process) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := proc.Find(p.Pid); errors.Is(err, proc.ErrGone) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("process %d does not end", p.Pid)
		}
	}
}

// natsContext connects as `nats --context NAME` does, from the context's file.
func (m *machine) natsContext(name string) *nats.Conn {
	m.t.Helper()
	body, err := os.ReadFile(filepath.Join(m.home, ".config", "nats", "context", name+".json"))
	if err != nil {
		m.t.Fatal(err)
	}
	var c struct {
		URL, User, Password string
		InboxPrefix         string `json:"inbox_prefix"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		m.t.Fatal(err)
	}
	nc, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password), nats.CustomInboxPrefix(c.InboxPrefix))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(nc.Close)
	return nc
}

// verdicts are what the context's gateway says of a peer, as they come.
func (m *machine) verdicts(contextName, subject string) <-chan msg.Peer {
	m.t.Helper()
	nc := m.natsContext(contextName)
	c := make(chan msg.Peer, 256)
	if _, err := nc.Subscribe(subject, func(raw *nats.Msg) {
		var p msg.Peer
		if json.Unmarshal(raw.Data, &p) == nil {
			c <- p
		}
	}); err != nil {
		m.t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		m.t.Fatal(err)
	}
	return c
}

// await returns the wanted verdict and fails on one of those that must not
// come before it.
func await(t *testing.T, c <-chan msg.Peer, want msg.Verdict, never ...msg.Verdict) msg.Peer {
	t.Helper()
	deadline := time.After(patience)
	var seen []string
	for {
		select {
		case p := <-c:
			if p.Verdict == want {
				return p
			}
			for _, bad := range never {
				if p.Verdict == bad {
					t.Fatalf("verdict %s (%s) before %s", p.Verdict, p.Reason, want)
				}
			}
			seen = append(seen, fmt.Sprintf("%s (%s)", p.Verdict, p.Reason))
		case <-deadline:
			t.Fatalf("no verdict %s; seen: %s", want, strings.Join(seen, ", "))
		}
	}
}

// said returns what a witness said.
func said(p msg.Peer, witness string) string {
	for _, w := range p.Evidence {
		if w.Name == witness {
			return w.Said
		}
	}
	return ""
}

func TestRescueSeesMainDieHangAndReturn(t *testing.T) {
	m := newMachine(t)
	first, second := freeBlocks(t)
	m.gateway("rescue", second)
	ofMain := m.verdicts("clawdbot-rescue", "clawdbot.rescue.health.peer.main")
	main := m.gateway("main", first)
	await(t, ofMain, msg.VerdictOK)

	if err := main.Kill(); err != nil {
		t.Fatal(err)
	}
	down := await(t, ofMain, msg.VerdictDown, msg.VerdictHung, msg.VerdictStopped)
	if said(down, "process") != "gone" || !strings.HasPrefix(said(down, "link"), "lost") {
		t.Errorf("evidence %v", down.Evidence)
	}
	main = m.gateway("main", first)
	await(t, ofMain, msg.VerdictOK, msg.VerdictHung)

	if err := main.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await(t, ofMain, msg.VerdictSuspect, msg.VerdictDown, msg.VerdictHung)
	hung := await(t, ofMain, msg.VerdictHung, msg.VerdictDown)
	if said(hung, "process") != "stopped by a signal" {
		t.Errorf("evidence %v", hung.Evidence)
	}
	if err := main.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await(t, ofMain, msg.VerdictOK, msg.VerdictDown)

	if err := main.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, ofMain, msg.VerdictStopped, msg.VerdictDown, msg.VerdictHung)
}

// TestForceTakesOverFromASuspendedGateway stops a gateway, which then holds its
// ports and its store, and starts another one in its place.
func TestForceTakesOverFromASuspendedGateway(t *testing.T) {
	m := newMachine(t)
	port, _ := freeBlocks(t)
	for range 3 {
		old := m.gateway("main", port, "--force")
		if err := old.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	m.gateway("main", port, "--force")
}
