package browser

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/browser/chromium"
	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// TestBadInput needs no Chromium, and has none.
func TestBadInput(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Host.Path, c.Settings.ExecutablePath = "", filepath.Join(t.TempDir(), "nosuch")
		c.Settings.Profiles = map[string]config.BrowserProfile{"chrome": {Driver: "extension"}, "work": {}}
	})
	for _, c := range []struct {
		method, path, body string
		status             int
		want               []string
	}{
		{"GET", "/nosuch", "", 404, []string{"no such route", "GET /nosuch"}},
		{"GET", "/start", "", 404, []string{"GET /start"}},
		{"DELETE", "/tabs/", "", 404, []string{"no such route"}},
		{"GET", "/?profile=nosuch", "", 404, []string{`"nosuch"`, "chrome, clawd, work"}},
		{"POST", "/start", `{"profile":"nosuch"}`, 404, []string{"chrome, clawd, work"}},
		{"POST", "/start?profile=nosuch", `{"profile":"clawd"}`, 404, []string{`"nosuch"`}},
		{"POST", "/start", `{"profile":{}}`, 400, []string{"profile must be text"}},
		{"POST", "/start", `{"profile":`, 400, []string{"JSON object"}},
		{"POST", "/start", `[]`, 400, []string{"JSON object"}},
		{"POST", "/start", `null`, 400, []string{"JSON object"}},
		{"POST", "/start", `{"x":"` + strings.Repeat("x", maxBody) + `"}`, 413, []string{"1048576"}},
		{"POST", "/start", "", 500, []string{"browser.executablePath", "nosuch"}},
		{"POST", "/start?profile=chrome", "", 500, []string{"extension relay does not run here", "cdpUrl"}},
		{"POST", "/tabs/open", "", 400, []string{"url is required"}},
		{"POST", "/tabs/open", `{"url":"  "}`, 400, []string{"url is required"}},
		{"POST", "/tabs/open", `{"url":["a"]}`, 400, []string{"url must be text"}},
		{"POST", "/tabs/open", `{"url":"example.com"}`, 400, []string{"example.com", "https://"}},
		{"POST", "/tabs/open", `{"url":"file:///etc/passwd"}`, 400, []string{"file:///etc/passwd", "only http, https, data and about:blank"}},
		{"POST", "/tabs/open", `{"url":"javascript:alert(1)"}`, 400, []string{"javascript:alert(1)", "cannot be opened"}},
		{"POST", "/tabs/focus", `{}`, 400, []string{"targetId is required"}},
		{"DELETE", "/tabs/abc", "", 409, []string{"browser not running"}},
	} {
		s.refused(t, c.method, c.path, c.body, c.status, c.want...)
	}
	resp, err := http.Get(s.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the token: %s", resp.Status)
	}
	if err := s.onBus(t, "open", api.OpenRequest{URL: "file:///etc/passwd"}, nil); err == nil || !strings.Contains(err.Error(), "cannot be opened") {
		t.Errorf("a file on the bus: %v", err)
	}
	if err := s.onBus(t, "start", "no object", nil); err == nil || !strings.Contains(err.Error(), "JSON object") {
		t.Errorf("a string on the bus: %v", err)
	}
}

func TestNoChromium(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Host.Path, c.Host.OS = t.TempDir(), "windows" // whose usual places this host does not have
	})
	s.awaits(t, msg.StateDegraded, chromium.ErrNone.Error())
	if _, err := s.start(t.Context(), s.browsers.all()[0], nil); !errors.Is(err, chromium.ErrNone) || api.StatusOf(err) != http.StatusInternalServerError {
		t.Errorf("start: %v", err)
	}
	got, err := s.status(t.Context(), s.browsers.all()[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if st := got.(*api.Status); st.DetectError == nil || *st.DetectError != chromium.ErrNone.Error() || st.DetectedBrowser != nil {
		t.Errorf("status: %+v", st)
	}
}

func TestBrokenChromium(t *testing.T) {
	program := filepath.Join(t.TempDir(), "chromium")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho dbus/x >&2\necho what it lacks >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(c *Config) { c.Settings.ExecutablePath = program })
	s.refused(t, "POST", "/start", "", 500, "ended at once (exit status 3): what it lacks")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexit 21\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.refused(t, "POST", "/start", "", 500, "another Chromium uses the same user data folder")
}

func TestDisabled(t *testing.T) {
	s := serve(t, func(c *Config) { c.Settings.Enabled = false })
	s.awaits(t, msg.StateOff, "")
	for _, route := range []string{"GET /", "POST /start", "GET /tabs", "GET /profiles"} {
		method, path, _ := strings.Cut(route, " ")
		s.refused(t, method, path, "", 503, "browser.enabled")
	}
	var e *bus.Error
	if err := s.onBus(t, "status", nil, nil); !errors.As(err, &e) || e.Code != bus.CodeUnavailable {
		t.Errorf("bus: %v", err)
	}
}

func TestAttachOnly(t *testing.T) {
	port := freePort(t)
	s := serve(t, func(c *Config) {
		c.Settings.AttachOnly = true
		c.Settings.Profiles = map[string]config.BrowserProfile{"local": {CDPPort: port}, "ws": {CDPURL: "ws://localhost:1/x?token=secret-word"}, "far": {CDPURL: "https://far.invalid"}}
	})
	s.refused(t, "POST", "/start", "", 500, "browser.attachOnly", "browser.profiles.clawd.cdpPort")
	s.refused(t, "POST", "/start?profile=local", "", 500, "CDP at "+loopback(port))
	s.refused(t, "POST", "/start?profile=ws", "", 500, "CDP at localhost:1")
	var f api.Failure
	if s.do(t, "POST", "/start?profile=ws", "", &f); strings.Contains(f.Error, "secret-word") {
		t.Errorf("the token is told: %s", f.Error)
	}
	var st api.Status
	if s.ok(t, "GET", "/?profile=local", "", &st); st.Running || !st.AttachOnly || st.UserDataDir != nil || st.CDPPort != port {
		t.Errorf("status: %+v", st)
	}
	for i, want := range []bool{false, true, false, false} { // clawd, far, local, ws
		if b := s.browsers.all()[i]; b.isRemote() != want {
			t.Errorf("%s: remote is %v", b.name, !want)
		}
	}
}

func TestProfiles(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Settings.DefaultProfile = "work"
		c.Settings.Profiles = map[string]config.BrowserProfile{"work": {CDPPort: freePort(t), Color: "#00AA00"}}
	})
	var got api.Profiles
	s.ok(t, "GET", "/profiles", "", &got)
	port := s.browsers.all()[0].port
	want := []api.ProfileInfo{
		{Name: "work", CDPPort: port, CDPURL: "http://" + loopback(port), Color: "#00AA00", IsDefault: true},
		{Name: "clawd", Color: "#FF4500"},
	}
	if !reflect.DeepEqual(got.Profiles, want) {
		t.Errorf("profiles %+v, want %+v", got.Profiles, want)
	}
}

func TestNewRefuses(t *testing.T) {
	b := bustest.Start(t, "main")
	for want, change := range map[string]func(*Config){
		`browser.defaultProfile "nosuch" is none`: func(c *Config) { c.Settings.DefaultProfile = "nosuch" },
		`cdpUrl of browser profile "clawd"`:       func(c *Config) { c.Settings.CDPURL = "nowhere" },
	} {
		cfg := testConfig(t)
		cfg.Subjects, cfg.Dial = b.Subjects, b.Dial
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q", err, want)
		}
		if _, err := cfg.Listener.Accept(); err == nil {
			t.Error("the listener is still open")
		}
	}
	cfg := testConfig(t)
	cfg.Settings.DefaultProfile = "chrome" // as a config of the original may say
	s := &Server{cfg: cfg, created: createdProfiles(cfg.Store)}
	if err := s.loadProfiles(); err != nil || !s.browsers.all()[0].extension {
		t.Errorf("chrome as the default: %v", err)
	}
}

// TestBrokenListener: a server that can serve no longer says so and ends.
func TestBrokenListener(t *testing.T) {
	b := bustest.Start(t, "main")
	cfg := testConfig(t)
	cfg.Subjects, cfg.Dial = b.Subjects, b.Dial
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

func TestResolve(t *testing.T) {
	pages := []api.Tab{{TargetID: "ABC1"}, {TargetID: "ABD2"}, {TargetID: "ab"}}
	for id, want := range map[string]string{"abc": "ABC1", "ABC1": "ABC1", "ab": "ab", "A": "409", "x": "404", "ABC12": "404"} {
		got, err := resolve(pages, id)
		if err != nil {
			got = map[int]string{404: "404", 409: "409"}[api.StatusOf(err)]
		}
		if got != want {
			t.Errorf("%q: %q (%v), want %q", id, got, err, want)
		}
	}
}

// wanted has one field of each kind that a call may take.
type wanted struct {
	api.ProfileRequest
	Text  string   `json:"text"`
	Flag  bool     `json:"flag"`
	Count int      `json:"count"`
	Ratio float64  `json:"ratio"`
	Keys  []string `json:"keys"`
}

func TestBind(t *testing.T) {
	for body, want := range map[string]wanted{
		``:                                  {},
		`{"text":null,"flag":null,"new":1}`: {},
		`{"text":"a b ","profile":"p"}`:     {Text: "a b ", ProfileRequest: api.ProfileRequest{Profile: "p"}},
		`{"text":12.5}`:                     {Text: "12.5"},
		`{"text":true}`:                     {Text: "true"},
		`{"flag":true}`:                     {Flag: true},
		`{"flag":"True"}`:                   {Flag: true},
		`{"flag":1}`:                        {Flag: true},
		`{"flag":"1"}`:                      {Flag: true},
		`{"flag":"yes"}`:                    {Flag: true},
		`{"flag":"no"}`:                     {},
		`{"count":7}`:                       {Count: 7},
		`{"count":" 7 "}`:                   {Count: 7},
		`{"count":7.0}`:                     {Count: 7},
		`{"count":-2e3}`:                    {Count: -2000},
		`{"ratio":"0.5"}`:                   {Ratio: 0.5},
		`{"keys":["a"]}`:                    {Keys: []string{"a"}},
	} {
		var got wanted
		a, err := readArgs([]byte(body))
		if err == nil {
			err = a.bind(&got)
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		`{"text":{}}`:      "text must be text",
		`{"flag":"maybe"}`: "flag must be true or false",
		`{"flag":2}`:       "flag must be true or false",
		`{"count":1.5}`:    "count must be a whole number",
		`{"count":""}`:     "count must be a whole number",
		`{"count":1e30}`:   "count must be a whole number",
		`{"count":"Inf"}`:  "count must be a whole number",
		`{"ratio":"x"}`:    "ratio must be a number",
		`{"ratio":"NaN"}`:  "ratio must be a number",
		`{"keys":"a"}`:     "keys must be of another shape",
	} {
		a, err := readArgs([]byte(body))
		if err == nil {
			err = a.bind(&wanted{})
		}
		if err == nil || !strings.Contains(err.Error(), want) || api.StatusOf(err) != http.StatusBadRequest {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func FuzzBind(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"text":"x","flag":"yes","count":"3","ratio":1e3,"keys":["k"]}`, `{"text":"\ud800"}`, `[1]`, `{"count":1e9}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := readArgs(body)
		if err != nil {
			return
		}
		var strict, lenient wanted
		if err := a.bind(&lenient); err != nil {
			if api.StatusOf(err) != http.StatusBadRequest {
				t.Errorf("%v is no 400", err)
			}
			return
		}
		// What the strict reader takes by the very same names, bind takes alike.
		exact := map[string]json.RawMessage{}
		for _, key := range []string{"profile", "text", "flag", "count", "ratio", "keys"} {
			if raw, ok := a[key]; ok {
				exact[key] = raw
			}
		}
		again, err := json.Marshal(exact)
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(again, &strict) == nil && !reflect.DeepEqual(strict, lenient) {
			t.Errorf("%s: strict %+v, lenient %+v", body, strict, lenient)
		}
	})
}
