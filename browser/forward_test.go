package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// TestForward uses the browser control of another server, which has no bus, in
// place of the own one.
func TestForward(t *testing.T) {
	needChromium(t)
	there := serve(t, func(c *Config) { c.Dial = nil })
	at, err := url.Parse(there.url)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(c *Config) { c.Remote = &Remote{URL: at, Token: token} })
	s.awaits(t, msg.StateOK, "browser control at "+at.Host+" is used")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>far</title><p>text")
	}))
	defer web.Close()
	var opened api.Opened
	s.ok(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, web.URL+"/"), &opened)
	var shot api.Screenshot
	if err := s.onBus(t, "screenshot", api.ScreenshotRequest{TabRequest: api.TabRequest{TargetID: opened.TargetID}, Inline: true}, &shot); err != nil || len(shot.Data) == 0 {
		t.Errorf("%d bytes, %v", len(shot.Data), err)
	}
	var snapshot map[string]any
	if s.ok(t, "GET", "/snapshot?format=aria&limit=5&targetId="+opened.TargetID, "", &snapshot); snapshot["format"] != "aria" || snapshot["gatewayProfile"] != "main" {
		t.Errorf("snapshot %v", snapshot)
	}
	requests, err := s.bus.Subjects.RPC("browser.request")
	if err != nil {
		t.Fatal(err)
	}
	var tabs api.Tabs
	if err := bus.Call(t.Context(), s.nc, requests, msg.BrowserRequest{Method: "GET", Path: "/tabs"}, &tabs); err != nil || len(tabs.Tabs) != 1 {
		t.Errorf("%+v, %v", tabs, err)
	}
	s.refused(t, "POST", "/tabs/focus", `{"targetId":"nosuch"}`, 404, "tab not found")
	s.refused(t, "DELETE", "/tabs/..", "", 404, "no such route") // the mux cleans the path
	s.refused(t, "DELETE", "/tabs/%2e%2e", "", 400, "names nothing")
	s.ok(t, "DELETE", "/tabs/"+opened.TargetID, "", nil)
	s.ok(t, "POST", "/profiles/create", `{"name":"work"}`, nil)
	if _, ok := there.profilesByName(t)["work"]; !ok {
		t.Error("the browser profile was not created there")
	}
	s.ok(t, "DELETE", "/profiles/work", "", nil)
	var here api.Stopped
	if s.ok(t, "POST", "/stop", "", &here); !here.Stopped {
		t.Errorf("%+v", here)
	}
	if l := s.browsers.all()[0].now.Load().link; l != nil {
		t.Error("a browser was started here")
	}
}

func FuzzRemoteAnswer(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"ok":true,"gatewayProfile":"far"}`, `{"error":"x"}`, `[`, `{"gatewayProfile":{}}`} {
		f.Add(200, []byte(seed))
		f.Add(404, []byte(seed))
	}
	r := &Remote{URL: &url.URL{Scheme: "http", Host: "far.example"}}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		out, err := r.read(status, body)
		if err != nil {
			if s := api.StatusOf(err); s < 400 || s == http.StatusUnauthorized {
				t.Errorf("%d %q: %v with status %d", status, body, err, s)
			}
			return
		}
		out.AnsweredBy("main")
		text, err := json.Marshal(out)
		var said api.Answered
		if err != nil || json.Unmarshal(text, &said) != nil || said.GatewayProfile != "main" {
			t.Errorf("%d %q became %s, %v", status, body, text, err)
		}
	})
}

// TestForwardRefuses says what is wrong with what answers at the address.
func TestForwardRefuses(t *testing.T) {
	status, body, presented := 200, "", ""
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		presented = r.Header.Get("Authorization")
		if status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer odd.Close()
	at, err := url.Parse(odd.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(c *Config) { c.Remote = &Remote{URL: at, Token: "token-of-there"} })
	for _, c := range []struct {
		status int
		body   string
		want   int
		says   string
	}{
		{200, "<html>", 500, "no browser control"},
		{200, "[]", 500, "no browser control"},
		{302, "", 500, "no browser control (status 302)"},
		{401, `{"error":"unauthorized"}`, 500, "it refuses us (401 unauthorized): set browser.controlToken to its token"},
		{403, "", 500, "it refuses us (403)"},
		{404, `{"error":"tab not found"}`, 404, "tab not found"},
		{502, "bad gateway", 500, "answers with status 502"},
	} {
		status, body = c.status, c.body
		s.refused(t, "POST", "/start", "", c.want, c.says)
	}
	if presented != "Bearer token-of-there" {
		t.Errorf("presented %q", presented)
	}
	status, body = 200, "null"
	var out map[string]json.RawMessage
	s.ok(t, "GET", "/tabs", "", &out)
	odd.Close()
	var f api.Failure
	if code := s.do(t, "GET", "/tabs", "", &f); code != 500 || !strings.Contains(f.Error, "browser control at "+at.Host) {
		t.Errorf("%d %+v", code, f)
	}
}
