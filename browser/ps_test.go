package browser

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"clawdbot/browser/api"
	"clawdbot/browser/chromium"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

func (s *site) processes(t *testing.T) []api.Process {
	t.Helper()
	var ps api.Processes
	s.ok(t, "GET", "/ps", "", &ps)
	return ps.Processes
}

// TestPS tells of a Chromium that runs, one whose folder somebody else uses and
// one whose port is taken.
func TestPS(t *testing.T) {
	needChromium(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	s := serve(t, func(c *Config) {
		c.Settings.Profiles = map[string]config.BrowserProfile{"fixed": {CDPPort: port}, "locked": {}, "remote": {CDPURL: "http://127.0.0.1:1"}}
		folder := filepath.Join(c.Dir, "locked", "user-data")
		host, err := os.Hostname()
		if err == nil {
			err = os.MkdirAll(folder, 0o700)
		}
		if err == nil {
			err = os.Symlink(host+"-"+strconv.Itoa(os.Getpid()), filepath.Join(folder, "SingletonLock"))
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	begun := time.Now().Add(-time.Second).UnixMilli()
	s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, nil)
	var up api.Status
	s.ok(t, "GET", "/", "", &up)
	list := s.processes(t)
	if len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	p := list[0]
	if p.Profile != "clawd" || p.State != api.ProcessRunning || p.PID != *up.PID || p.CDPPort != up.CDPPort || p.UserDataDir != *up.UserDataDir || p.Since < begun || p.Tabs != 1 || p.Note != "" {
		t.Errorf("%+v of %+v", p, up)
	}
	for i, want := range []string{"CDP port " + strconv.Itoa(port) + " is taken by process", "in use by process " + strconv.Itoa(os.Getpid())} {
		if p := list[i+1]; p.State != api.ProcessBlocked || p.PID != 0 || !strings.Contains(p.Note, want) {
			t.Errorf("%+v does not say %q", p, want)
		}
	}
	s.ok(t, "POST", "/stop", "", nil)
	if list := s.processes(t); len(list) != 2 {
		t.Errorf("after the stop: %+v", list)
	}
}

// TestPSOfTheDead tells of what the ledger still names, and the next server
// forgets it.
func TestPSOfTheDead(t *testing.T) {
	var db *store.Store
	ended := chromium.Owned{Identity: proc.Identity{PID: 99999999, Start: "x"}, Profile: "clawd", Folder: t.TempDir()}
	owned := func() store.Keyspace[chromium.Owned] { return store.NewKeyspace[chromium.Owned](db, name, "owner") }
	first := serve(t, func(c *Config) { db = c.Store })
	if err := owned().Put("clawd", ended); err != nil {
		t.Fatal(err)
	}
	if list := first.processes(t); len(list) != 1 || list[0].State != api.ProcessEnded || list[0].PID != ended.PID || list[0].Note == "" {
		t.Errorf("%+v", list)
	}
	ended.PID = os.Getpid()
	info, err := proc.Find(ended.PID)
	if err != nil {
		t.Fatal(err)
	}
	left := ended
	left.Identity = info.Identity
	if err := owned().Put("clawd", left); err != nil {
		t.Fatal(err)
	}
	if list := first.processes(t); len(list) != 1 || list[0].State != api.ProcessLeft {
		t.Errorf("%+v", list)
	}
	if err := owned().Put("clawd", ended); err != nil { // another process has the number now
		t.Fatal(err)
	}
	next := serve(t, func(c *Config) { c.Store = db })
	if list := next.processes(t); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
