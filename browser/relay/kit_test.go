package relay

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clawdbot/browser/devtools"
	"clawdbot/browser/relay/extension"
	"clawdbot/bus/subject"
)

const token = "a-token-for-tests"

// rig is a relay that runs without a bus, and the folder of its extension.
type rig struct {
	*Server
	t      *testing.T
	folder string
	shut   func() // stops Run and waits for it
}

// newRig installs the extension and starts a relay with what change makes of the
// defaults.
func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, folder: filepath.Join(t.TempDir(), "extension")}
	r.start("127.0.0.1:0", change)
	if err := extension.Install(r.folder, "main", r.Addr().(*net.TCPAddr).Port); err != nil {
		t.Fatal(err)
	}
	return r
}

// start starts the relay at the address.
func (r *rig) start(address string, change func(*Config)) {
	r.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		r.t.Fatal(err)
	}
	subjects, err := subject.New("main")
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := Config{
		Listener: listener, Subjects: subjects, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(r.t.Output(), nil)),
		Token: token, Folder: r.folder,
	}
	if change != nil {
		change(&cfg)
	}
	if r.Server, err = New(cfg); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.shut = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			r.t.Error("Run does not return")
		}
	})
	r.t.Cleanup(r.shut)
}

// drive opens a CDP connection, with the token as the address's user.
func (r *rig) drive() *devtools.Conn {
	r.t.Helper()
	c, err := devtools.Dial(r.t.Context(), &url.URL{Scheme: "ws", User: url.User(token), Host: r.Addr().String(), Path: "/cdp"}, slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// lends waits until so many tabs are lent.
func (r *rig) lends(n int) []targetInfo {
	r.t.Helper()
	var tabs []targetInfo
	eventually(r.t, "another number of tabs", func() bool {
		_, tabs = r.hub.status()
		return len(tabs) == n
	})
	return tabs
}

// site serves pages by their path.
func site(t *testing.T, pages map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(strings.ReplaceAll(body, "LOCALHOST", "http://localhost:"+r.Host[strings.LastIndexByte(r.Host, ':')+1:])))
	}))
	t.Cleanup(s.Close)
	return s.URL
}
