package browser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
)

// statusKeys are the fields that the original's GET / has.
const statusKeys = "enabled controlUrl profile running cdpReady cdpHttp pid cdpPort cdpUrl chosenBrowser detectedBrowser " +
	"detectedExecutablePath detectError userDataDir color headless noSandbox executablePath attachOnly"

func TestBrowser(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)

	before := map[string]any{}
	s.ok(t, "GET", "/", "", &before)
	for key := range strings.FieldsSeq(statusKeys + " notes gatewayProfile") {
		if _, ok := before[key]; !ok {
			t.Errorf("GET / lacks %s", key)
		}
	}
	if before["running"] != false || before["pid"] != nil || before["chosenBrowser"] != nil {
		t.Errorf("before the start: %v", before)
	}
	var tabs api.Tabs
	s.ok(t, "GET", "/tabs", "", &tabs)
	if tabs.Running || tabs.Tabs == nil {
		t.Errorf("before the start: %+v", tabs)
	}
	s.refused(t, "POST", "/tabs/focus", `{"targetId":"A"}`, 409, "browser not running", "start")
	s.refused(t, "DELETE", "/tabs/A", "", 409, "browser not running")

	s.awaits(t, msg.StateOK, "listens on")
	var started api.Started
	s.ok(t, "POST", "/start", "", &started)
	if want := (api.Started{Answered: api.Answered{GatewayProfile: "main"}, OK: true, Profile: "clawd"}); started != want {
		t.Errorf("start: %+v, want %+v", started, want)
	}
	s.awaits(t, msg.StateOK, "clawd at 127.0.0.1:")
	var now, again api.Status
	s.ok(t, "GET", "/", "", &now)
	s.ok(t, "POST", "/start", "", nil)
	s.ok(t, "GET", "/", "", &again)
	if !now.Running || !now.CDPReady || !now.CDPHTTP || now.PID == nil || *now.PID != *again.PID {
		t.Errorf("running: %+v, then %+v", now, again)
	}
	if now.CDPPort < s.cfg.Ports.CDP.From || now.CDPPort > s.cfg.Ports.CDP.To || now.CDPURL != "http://"+loopback(now.CDPPort) {
		t.Errorf("port %d and %s are not of %+v", now.CDPPort, now.CDPURL, s.cfg.Ports.CDP)
	}
	if len(now.Notes) == 0 || !now.Headless || now.NoSandbox != s.cfg.Host.Root {
		t.Errorf("flags: %+v", now)
	}
	t.Run("tabs", func(t *testing.T) { testTabs(t, s) })
	t.Run("bus", func(t *testing.T) { testBus(t, s) })

	var stopped api.Stopped
	s.ok(t, "POST", "/stop", "", &stopped)
	if want := (api.Stopped{Answered: api.Answered{GatewayProfile: "main"}, OK: true, Stopped: true, Profile: "clawd"}); stopped != want {
		t.Errorf("stop: %+v, want %+v", stopped, want)
	}
	if _, err := proc.Find(*now.PID); !errors.Is(err, proc.ErrGone) {
		t.Errorf("process %d after the stop: %v", *now.PID, err)
	}
	if left, _ := filepath.Glob(filepath.Join(*now.UserDataDir, "Singleton*")); len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
	s.ok(t, "POST", "/stop", "", &stopped)
	if stopped.Stopped {
		t.Error("the second stop stopped something")
	}
}

// testTabs drives tabs over a page with an out-of-process frame, which is no
// tab: 127.0.0.1 and localhost are different sites.
func testTabs(t *testing.T, s *site) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/frame" {
			fmt.Fprint(w, "<p>inside")
			return
		}
		fmt.Fprintf(w, "<title>outer</title><iframe src='http://localhost:%s/frame'></iframe>", r.Host[strings.LastIndex(r.Host, ":")+1:])
	}))
	defer web.Close()
	var opened api.Opened
	s.ok(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, web.URL+"/"), &opened)
	if opened.TargetID == "" || opened.URL != web.URL+"/" || opened.Type != "page" || !strings.HasSuffix(opened.WSURL, "/devtools/page/"+opened.TargetID) {
		t.Errorf("opened %+v", opened)
	}
	var tabs api.Tabs
	eventually(t, "the tab has its title", func() bool {
		s.ok(t, "GET", "/tabs?profile=clawd", "", &tabs)
		for _, tab := range tabs.Tabs {
			if tab.Type != "page" || strings.Contains(tab.URL, "localhost") {
				t.Fatalf("no tab: %+v", tab)
			}
			if tab.TargetID == opened.TargetID && tab.Title == "outer" {
				return true
			}
		}
		return false
	})
	if len(tabs.Tabs) != 2 || !tabs.Running {
		t.Errorf("tabs: %+v", tabs)
	}
	s.ok(t, "POST", "/tabs/focus", fmt.Sprintf(`{"targetId":%q}`, strings.ToLower(opened.TargetID[:12])), nil)
	s.refused(t, "POST", "/tabs/focus", `{"targetId":"nosuch"}`, 404, "tab not found", "nosuch")
	s.ok(t, "DELETE", "/tabs/"+opened.TargetID, "", nil)
	s.ok(t, "GET", "/tabs", "", &tabs)
	if len(tabs.Tabs) != 1 {
		t.Errorf("after the close: %+v", tabs)
	}
	s.refused(t, "DELETE", "/tabs/"+opened.TargetID, "", 404, "tab not found")
	s.ok(t, "DELETE", "/tabs/"+tabs.Tabs[0].TargetID, "", nil)
	if s.ok(t, "GET", "/tabs", "", &tabs); !tabs.Running || len(tabs.Tabs) != 0 {
		t.Errorf("after the close of the last tab: %+v", tabs)
	}
}

// testBus compares every verb's answers on both sides.
func testBus(t *testing.T, s *site) {
	requests, err := s.bus.Subjects.RPC("browser.request")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ verb, method, path, body string }{
		{"status", "GET", "/", ""},
		{"start", "POST", "/start", `{"profile":"clawd"}`},
		{"tabs", "GET", "/tabs", ""},
		{"profiles", "GET", "/profiles", ""},
		{"start", "POST", "/start", `{"profile":"nosuch"}`},
		{"stop", "POST", "/stop", `{"profile":"nosuch"}`},
		{"open", "POST", "/tabs/open", `{}`},
		{"focus", "POST", "/tabs/focus", `{"targetId":"nosuch"}`},
		{"close", "DELETE", "/tabs/nosuch", `{"targetId":"nosuch"}`},
		{"screenshot", "POST", "/screenshot", `{"type":"gif"}`},
		{"snapshot", "GET", "/snapshot", `{"targetId":"nosuch"}`},
	} {
		var overHTTP map[string]any
		status := s.do(t, c.method, c.path, c.body, &overHTTP)
		subj, err := s.bus.Subjects.Browser(c.verb)
		if err != nil {
			t.Fatal(err)
		}
		s.sameOnBus(t, subj, []byte(c.body), status, overHTTP)
		asked, err := json.Marshal(msg.BrowserRequest{Method: c.method, Path: c.path, Body: []byte(c.body)})
		if err != nil {
			t.Fatal(err)
		}
		s.sameOnBus(t, requests, asked, status, overHTTP)
	}
	var e *bus.Error
	for _, q := range []msg.BrowserRequest{{Method: "GET", Path: "/nosuch"}, {Method: "GET", Path: "tabs"}, {Method: "G T", Path: "/"}} {
		if err := bus.Call(t.Context(), s.nc, requests, q, nil); !errors.As(err, &e) || e.Code != bus.CodeInvalidRequest {
			t.Errorf("%+v: %v", q, err)
		}
	}
	var opened api.Opened
	if err := s.onBus(t, "open", api.OpenRequest{URL: "about:blank"}, &opened); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"focus", "close"} {
		var done api.Done
		if err := s.onBus(t, verb, api.TargetRequest{TargetID: opened.TargetID}, &done); err != nil || !done.OK || done.GatewayProfile != "main" {
			t.Errorf("%s: %+v, %v", verb, done, err)
		}
	}
}

// sameOnBus wants what HTTP answered.
func (s *site) sameOnBus(t *testing.T, subj string, body []byte, status int, overHTTP map[string]any) {
	t.Helper()
	reply, err := bus.CallRaw(t.Context(), s.nc, subj, body)
	if status == http.StatusOK {
		var overBus map[string]any
		if err != nil || json.Unmarshal(reply, &overBus) != nil || !reflect.DeepEqual(overBus, overHTTP) {
			t.Errorf("%s %s: bus %v, HTTP %v (%v)", subj, body, overBus, overHTTP, err)
		}
		return
	}
	var e *bus.Error
	if !errors.As(err, &e) || e.Code != bus.CodeInvalidRequest || e.Message != overHTTP["error"] || e.Details["status"] != float64(status) {
		t.Errorf("%s %s: bus %#v, HTTP %d %v", subj, body, err, status, overHTTP)
	}
}

func (s *site) onBus(t *testing.T, verb string, in, out any) error {
	subj, err := s.bus.Subjects.Browser(verb)
	if err != nil {
		t.Fatal(err)
	}
	return bus.Call(t.Context(), s.nc, subj, in, out)
}

func TestCrash(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	for range 2 {
		var up api.Status
		s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, nil) // starts it
		s.awaits(t, msg.StateOK, "clawd at")
		s.ok(t, "GET", "/", "", &up)
		chromium, err := os.FindProcess(*up.PID)
		if err == nil {
			err = chromium.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
		s.awaits(t, msg.StateDegraded, "start it again")
		var tabs api.Tabs
		if s.ok(t, "GET", "/tabs", "", &tabs); tabs.Running {
			t.Error("still running")
		}
	}
}

// TestTwoServers: two gateways, each with two browser profiles that start at
// once from one range of ports, share nothing. What one does to its Chromiums,
// the other's do not notice, and the end of a gateway is the end of its own.
func TestTwoServers(t *testing.T) {
	needChromium(t)
	from := freePort(t)
	both := func(c *Config) {
		c.Ports.CDP = ports.Range{From: from, To: from + 20}
		c.Settings.Profiles = map[string]config.BrowserProfile{"second": {}}
	}
	a, b := serve(t, both), serve(t, both)
	var starting sync.WaitGroup
	for _, s := range []*site{a, b} {
		for _, profile := range []string{"clawd", "second"} {
			starting.Go(func() {
				var f api.Failure
				if status := s.do(t, "POST", "/start?profile="+profile, "", &f); status != http.StatusOK {
					t.Errorf("start %s: %d %s", profile, status, f.Error)
				}
			})
		}
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	ofA, ofB := a.processes(t), b.processes(t)
	shared := map[any]bool{}
	for _, p := range append(ofA, ofB...) {
		for _, own := range []any{p.UserDataDir, -p.PID, p.CDPPort} {
			if shared[own] || p.State != api.ProcessRunning {
				t.Errorf("%v of %+v", own, p)
			}
			shared[own] = true
		}
	}
	a.ok(t, "POST", "/stop", "", nil)
	if now := b.processes(t); !slices.Equal(now, ofB) {
		t.Errorf("b after a's stop: %+v, was %+v", now, ofB)
	}
	b.shut()
	for _, p := range ofB {
		if _, err := proc.Find(p.PID); !errors.Is(err, proc.ErrGone) {
			t.Errorf("process %d after the end of its gateway: %v", p.PID, err)
		}
	}
	if now := a.processes(t); len(now) != 1 || now[0] != ofA[1] {
		t.Errorf("a after b's end: %+v, was %+v", now, ofA)
	}
}

// TestStopWhileStarting ends the gateway in the middle of a start.
func TestStopWhileStarting(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	answered := make(chan error, 1)
	go func() { _, err := s.browsers.all()[0].start(); answered <- err }()
	eventually(t, "a process runs", func() bool {
		return len(processesWith("TMPDIR="+tempDir)) > 0
	})
	s.shut()
	<-answered
	eventually(t, "nothing is left", func() bool { return len(leftovers()) == 0 })
}

func TestCDPPorts(t *testing.T) {
	needChromium(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	s := serve(t, func(c *Config) {
		c.Ports.CDP = ports.Range{From: port, To: port + 20}
		c.Settings.Profiles = map[string]config.BrowserProfile{"fixed": {CDPPort: port}, "next": {CDPPort: port + 1}}
	})
	s.refused(t, "POST", "/start?profile=fixed", "", 500, strconv.Itoa(port), "taken", strconv.Itoa(os.Getpid()), "cdpPort")
	s.ok(t, "POST", "/start", "", nil)
	var up api.Status
	if s.ok(t, "GET", "/", "", &up); up.CDPPort < port+2 {
		t.Errorf("port %d is taken or reserved", up.CDPPort)
	}
	full := serve(t, func(c *Config) { c.Ports.CDP = ports.Range{From: port, To: port} })
	full.refused(t, "POST", "/start", "", 500, "no CDP port", strconv.Itoa(port))
}

// TestRemote attaches to another server's Chromium through a proxy that wants
// a password, as a hosted browser does.
func TestRemote(t *testing.T) {
	needChromium(t)
	owner := serve(t, nil)
	owner.ok(t, "POST", "/start", "", nil)
	var up api.Status
	owner.ok(t, "GET", "/", "", &up)
	target, err := url.Parse(up.CDPURL)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.URL.RawQuery = "" },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	hosted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "pass-word" && r.URL.Query().Get("token") != "query-word" {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	defer hosted.Close()
	address := strings.TrimPrefix(hosted.URL, "http://")
	_, port, _ := net.SplitHostPort(address)
	bare := owner.browsers.all()[0].now.Load().link.ws
	var log bytes.Buffer
	s := serve(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Settings.Profiles = map[string]config.BrowserProfile{
			"token":  {CDPURL: "http://" + address + "?token=query-word"},
			"socket": {CDPURL: "ws://" + address + bare.Path + "?token=query-word"},
			"hosted": {CDPURL: "http://u:pass-word@" + address},
			"wrong":  {CDPURL: "http://u:wrong-word@" + address},
			"direct": {CDPURL: bare.String()},
		}
	})
	for _, profile := range []string{"hosted", "direct", "token", "socket"} {
		var st api.Status
		s.ok(t, "GET", "/?profile="+profile, "", &st)
		if !st.Running || !st.CDPHTTP || st.PID != nil || st.UserDataDir != nil || strings.Contains(st.CDPURL, "word") {
			t.Errorf("%s: %+v", profile, st)
		}
		if profile != "direct" && strconv.Itoa(st.CDPPort) != port {
			t.Errorf("hosted: port %d, want %s", st.CDPPort, port)
		}
		var tabs api.Tabs
		if s.ok(t, "GET", "/tabs?profile="+profile, "", &tabs); len(tabs.Tabs) != 1 {
			t.Errorf("%s: %+v", profile, tabs)
		}
		var stopped api.Stopped
		if s.ok(t, "POST", "/stop", fmt.Sprintf(`{"profile":%q}`, profile), &stopped); stopped.Stopped {
			t.Errorf("%s: stopped a browser of others", profile)
		}
	}
	if owner.ok(t, "GET", "/", "", &up); !up.Running {
		t.Error("the remote browser was ended")
	}
	var f api.Failure
	if status := s.do(t, "POST", "/start?profile=wrong", "", &f); status != 500 || !strings.Contains(f.Error, "401") || strings.Contains(f.Error, "word") {
		t.Errorf("wrong password: %d %+v", status, f)
	}
	owner.ok(t, "POST", "/stop", "", nil)
	s.refused(t, "POST", "/start?profile=direct", "", 500, "direct", "CDP at 127.0.0.1:")
	s.refused(t, "POST", "/tabs/focus?profile=direct", `{"targetId":"A"}`, 409, "browser not running")
	if s.shut(); strings.Contains(log.String(), "word") {
		t.Errorf("a credential is in the log: %s", &log)
	}
}
