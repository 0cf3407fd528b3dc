// Package browsertest gives tests a real Chromium, one for each test binary,
// and pages on 127.0.0.1 for it.
package browsertest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/chromium"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
	"clawdbot/profile/ports"
)

// shared is the test binary's Chromium, started by the first test that asks.
var shared struct {
	sync.Mutex
	dir      string
	launcher *chromium.Launcher
	process  *chromium.Process
	conn     *devtools.Conn
}

// Main runs the tests and ends their Chromium. Use it as the whole of TestMain.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	if shared.conn != nil {
		shared.conn.Close()
	}
	if shared.process != nil {
		shared.process.End(0)
		shared.launcher.Wait()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// Launcher returns a launcher for this host, with its temporary files in dir.
// Without a Chromium the test is skipped, but fails in CI.
func Launcher(t testing.TB, dir string) *chromium.Launcher {
	t.Helper()
	from := freePort(t)
	l := chromium.New(chromium.Config{
		Host: chromium.Host{
			Root: os.Geteuid() == 0, Path: os.Getenv("PATH"), Home: os.Getenv("HOME"),
			Env: append(os.Environ(), "TMPDIR="+dir),
		},
		Ports: ports.Range{From: from, To: from + 20}, Log: slog.New(slog.DiscardHandler),
	})
	if _, err := l.Find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v (on Debian: apt-get install chromium)", err)
	}
	return l
}

func freePort(t testing.TB) int {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	return probe.Addr().(*net.TCPAddr).Port
}

// Conn returns the connection to the test binary's Chromium, a new one when a
// test ended the last.
func Conn(t testing.TB) *devtools.Conn {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.conn != nil {
		select {
		case <-shared.conn.Lost():
			shared.process.End(0)
		default:
			return shared.conn
		}
	}
	if shared.dir == "" {
		dir, err := os.MkdirTemp("", "cb")
		if err != nil {
			t.Fatal(err)
		}
		shared.dir = dir
		shared.launcher = Launcher(t, dir)
	}
	p, err := shared.launcher.Start(t.Context(), chromium.Place{Folder: filepath.Join(shared.dir, "user-data")})
	if err != nil {
		t.Fatal(err)
	}
	shared.process = p
	shared.conn, err = devtools.Dial(t.Context(), p.WS, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return shared.conn
}

// Tab opens a new tab at the address, attached to, and closes it with the test.
func Tab(t testing.TB, address string) *tab.Tab {
	t.Helper()
	return TabWith(t, address, tab.Config{})
}

// TabWith is Tab with a config of the test's own; Log and Downloads may be nil.
func TabWith(t testing.TB, address string, cfg tab.Config) *tab.Tab {
	t.Helper()
	conn := Conn(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Downloads == nil {
		cfg.Downloads = tab.NewDownloads(t.TempDir(), cfg.Log)
	}
	t.Cleanup(cfg.Downloads.Close)
	made, err := devtools.Call(ctx, conn.Root(), target.CreateTarget, target.CreateTargetParams{URL: "about:blank"})
	if err != nil {
		t.Fatal(err)
	}
	page, err := tab.Attach(ctx, conn, made.TargetID, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = devtools.Do(ctx, conn.Root(), target.CloseTarget, target.CloseTargetParams(made)) // a test may have closed it
		_ = page.Detach()
	})
	if address != "about:blank" {
		if _, err := page.Navigate(ctx, address); err != nil {
			t.Fatalf("navigate to %s: %v", address, err)
		}
	}
	return page
}

// Page opens a new tab with the HTML as its page.
func Page(t testing.TB, html string) *tab.Tab {
	t.Helper()
	return Tab(t, Serve(t, map[string]string{"/": html}))
}

// Serve serves pages by their paths on 127.0.0.1 and returns the address of /.
// A page may name the same server as another site: {other} stands for its
// address under localhost, {self} for the one under 127.0.0.1.
func Serve(t testing.TB, pages map[string]string) string {
	t.Helper()
	var self, other string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, strings.NewReplacer("{other}", other, "{self}", self).Replace(body))
	}))
	t.Cleanup(s.Close)
	self = s.URL
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	other = "http://localhost:" + port
	return s.URL + "/"
}
