package chromium

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

// victimEnv makes the test binary a gateway that waits to be killed, with its
// state in the folder.
const victimEnv = "CHROMIUM_TEST_VICTIM"

// tempDir is where every Chromium of the run keeps its temporary files: it has
// to be empty again at the end.
var tempDir string

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir)
		return
	}
	os.Exit(run(m))
}

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
			found = append(found, filepath.Base(filepath.Dir(path)))
		}
	}
	return found
}

// needChromium skips the test on a machine without Chromium, but not in CI.
func needChromium(t *testing.T, l *Launcher) *Launcher {
	t.Helper()
	if _, err := l.Find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v (on Debian: apt-get install chromium)", err)
	}
	return l
}

func testHost() Host {
	return Host{Root: os.Geteuid() == 0, Path: os.Getenv("PATH"), Env: append(os.Environ(), "TMPDIR="+tempDir)}
}

// testConfig is of a launcher that keeps its ledger in the folder.
func testConfig(dir string) (Config, error) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Config{}, err
	}
	from := probe.Addr().(*net.TCPAddr).Port
	if err := probe.Close(); err != nil {
		return Config{}, err
	}
	db, err := store.Open(store.Config{Dir: filepath.Join(dir, "store")})
	if err != nil {
		return Config{}, err
	}
	return Config{
		Host:  testHost(),
		Ports: ports.Range{From: from, To: from + 20}, Ledger: NewLedger(db), Log: slog.New(slog.DiscardHandler),
	}, nil
}

// launcher returns a launcher with its state in the folder.
func launcher(t *testing.T, dir string) *Launcher {
	t.Helper()
	cfg, err := testConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cfg.Ledger.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return needChromium(t, New(cfg))
}

// victim is a gateway's part in TestGatewayKilled: it starts a Chromium, says so
// and waits.
func victim(dir string) {
	cfg, err := testConfig(dir)
	cfg.Host.Env = os.Environ()
	if err == nil {
		_, err = New(cfg).Start(context.Background(), place(dir))
	}
	fmt.Println("started", err)
	select {}
}

func place(dir string) Place { return Place{Profile: "clawd", Folder: filepath.Join(dir, "user-data")} }

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}
