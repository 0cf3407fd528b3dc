package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/browser/api"
	"clawdbot/browser/chromium"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

const token = "a-token-for-tests"

// tempDir is where every Chromium of the run keeps its temporary files: it has
// to be empty again at the end.
var tempDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if tempDir, err = os.MkdirTemp("", "cb"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(tempDir)
	code := m.Run()
	left := leftovers()
	for end := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(end); left = leftovers() {
		time.Sleep(10 * time.Millisecond) // Chromium's crash handlers end after it
	}
	if len(left) > 0 {
		fmt.Fprintf(os.Stderr, "left behind:\n%s\n", strings.Join(left, "\n"))
		return 1
	}
	return code
}

// leftovers lists what Chromiums of this run left: temporary files, processes.
func leftovers() []string {
	left, _ := filepath.Glob(filepath.Join(tempDir, "*hrom*"))
	return append(left, processesWith("TMPDIR="+tempDir)...)
}

// processesWith lists the processes with the variable in their environment.
func processesWith(variable string) []string {
	var found []string
	environs, _ := filepath.Glob("/proc/[0-9]*/environ") // none outside of Linux
	for _, path := range environs {
		b, _ := os.ReadFile(path)
		if bytes.Contains(b, []byte(variable+"\x00")) {
			cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			found = append(found, filepath.Base(filepath.Dir(path))+" "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// needChromium skips the test on a machine without Chromium, but not in CI.
func needChromium(t *testing.T) {
	t.Helper()
	if _, err := Detect(config.Browser{}, testHost()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v (on Debian: apt-get install chromium)", err)
	}
}

func testHost() chromium.Host {
	return chromium.Host{
		Root: os.Geteuid() == 0, Path: os.Getenv("PATH"),
		Env: append(os.Environ(), "TMPDIR="+tempDir),
	}
}

// site is one browser control server under test.
type site struct {
	*Server
	bus    *bustest.Bus
	nc     *nats.Conn
	states *nats.Subscription
	url    string
	shut   func() // stops Run and waits for it
}

// serve runs browser control with what change makes of the defaults.
func serve(t *testing.T, change func(*Config)) *site {
	t.Helper()
	b := bustest.Start(t, "main")
	nc := b.Conn(t)
	subj, err := b.Subjects.Health(name)
	if err != nil {
		t.Fatal(err)
	}
	states, err := nc.SubscribeSync(subj)
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t)
	cfg.Subjects, cfg.Dial = b.Subjects, b.Dial
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	shut := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run does not return")
		}
	}
	t.Cleanup(shut)
	return &site{s, b, nc, states, "http://" + s.Addr().String(), shut}
}

// testConfig is a whole Config but for what comes from the bus.
func testConfig(t testing.TB) Config {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	from := freePort(t)
	return Config{
		Listener: listener, Version: "1.2.3", Gate: g, Settings: config.Default().Browser, Store: db,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Dir: t.TempDir(), Ports: ports.Ports{CDP: ports.Range{From: from, To: from + 20}},
		ControlURL: "http://" + listener.Addr().String(), Host: testHost(),
	}
}

func freePort(t testing.TB) int {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	return probe.Addr().(*net.TCPAddr).Port
}

// do calls a route and decodes the answer into out unless that is nil.
func (s *site) do(t *testing.T, method, path, body string, out any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out == nil {
		out = &map[string]any{}
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("%s %s: %d %q is no JSON: %v", method, path, resp.StatusCode, b, err)
	}
	return resp.StatusCode
}

// ok is do for calls that must succeed.
func (s *site) ok(t *testing.T, method, path, body string, out any) {
	t.Helper()
	raw := json.RawMessage{}
	if status := s.do(t, method, path, body, &raw); status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			t.Fatal(err)
		}
	}
}

// refused is do for calls that must fail with the status and a sentence that
// holds all of want.
func (s *site) refused(t *testing.T, method, path, body string, status int, want ...string) {
	t.Helper()
	var f api.Failure
	got := s.do(t, method, path, body, &f)
	if got != status || f.GatewayProfile != "main" {
		t.Errorf("%s %s: %d %+v, want %d of main", method, path, got, f, status)
	}
	for _, w := range want {
		if !strings.Contains(f.Error, w) {
			t.Errorf("%s %s: error %q does not say %q", method, path, f.Error, w)
		}
	}
}

// awaits waits for a health state whose detail holds want.
func (s *site) awaits(t *testing.T, state msg.State, want string) {
	t.Helper()
	var c msg.Component
	for {
		m, err := s.states.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatalf("state %s with %q: %v; last was %+v", state, want, err, c)
		}
		if err := json.Unmarshal(m.Data, &c); err != nil {
			t.Fatal(err)
		}
		if c.State == state && strings.Contains(c.Detail, want) {
			return
		}
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}
