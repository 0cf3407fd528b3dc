package browser

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/browser/relay"
	"clawdbot/browser/relay/extension"
	"clawdbot/browser/relay/relaytest"
	"clawdbot/bus/subject"
)

// startRelay runs a relay with the extension installed for it.
func startRelay(t *testing.T) (address *url.URL, folder string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(t.TempDir(), "extension")
	s, err := relay.New(relay.Config{
		Listener: listener, Subjects: subjects, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Token: token, Folder: folder,
	})
	if err == nil {
		err = extension.Install(folder, "main", listener.Addr().(*net.TCPAddr).Port)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &url.URL{Scheme: "http", User: url.User(token), Host: listener.Addr().String()}, folder
}

// TestExtensionProfile drives a tab that a user lends, and no other.
func TestExtensionProfile(t *testing.T) {
	needChromium(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<title>" + r.URL.Path + `</title><button onclick="document.title='pressed'">Press me</button>`))
	}))
	t.Cleanup(web.Close)
	address, folder := startRelay(t)
	s := serve(t, func(c *Config) { c.Relay = address })
	s.refused(t, "POST", "/start?profile=chrome", "", 500, "no tab is connected", "toolbar", "clawdbot browser extension install")
	s.refused(t, "POST", "/navigate?profile=chrome", `{"url":"`+web.URL+`"}`, 409, "no tab is connected")

	chrome := relaytest.StartChrome(t, folder, web.URL+"/mine")
	chrome.Click(web.URL + "/mine")
	chrome.Shows(web.URL+"/mine", "ON")
	s.ok(t, "POST", "/start?profile=chrome", "", nil)
	var tabs api.Tabs
	s.ok(t, "GET", "/tabs?profile=chrome", "", &tabs)
	if !tabs.Running || len(tabs.Tabs) != 1 || tabs.Tabs[0].URL != web.URL+"/mine" || tabs.Tabs[0].Title != "/mine" {
		t.Fatalf("tabs %+v", tabs)
	}
	var profiles api.Profiles
	s.ok(t, "GET", "/profiles", "", &profiles)
	for _, p := range profiles.Profiles {
		if p.Name == "chrome" && (!p.Running || p.IsRemote || p.TabCount != 1 || strings.Contains(p.CDPURL, token)) {
			t.Errorf("profile %+v", p)
		}
	}

	s.ok(t, "POST", "/navigate?profile=chrome", `{"url":"`+web.URL+`/next"}`, nil)
	var page api.Snapshot
	s.ok(t, "GET", "/snapshot?profile=chrome&interactive=true", "", &page)
	ref := ""
	for r, e := range page.Refs {
		if e.Name == "Press me" {
			ref = r
		}
	}
	s.ok(t, "POST", "/act?profile=chrome", `{"kind":"click","ref":"`+ref+`"}`, nil)
	s.ok(t, "GET", "/tabs?profile=chrome", "", &tabs)
	if tabs.Tabs[0].Title != "pressed" {
		t.Errorf("after the click %+v", tabs)
	}
	var shot api.Screenshot
	s.ok(t, "POST", "/screenshot?profile=chrome", `{"inline":true}`, &shot)
	if len(shot.Data) < 100 {
		t.Errorf("screenshot %+v", shot)
	}
	var opened api.Opened
	s.ok(t, "POST", "/tabs/open?profile=chrome", `{"url":"`+web.URL+`/agents"}`, &opened)
	chrome.Shows(web.URL+"/agents", "ON")
	s.ok(t, "DELETE", "/tabs/"+opened.TargetID+"?profile=chrome", "", nil)

	// The user takes the tab back; his browser goes on.
	chrome.Click(web.URL + "/next")
	chrome.Shows(web.URL+"/next", "")
	eventually(t, "the browser profile stops", func() bool {
		var st api.Status
		s.ok(t, "GET", "/?profile=chrome", "", &st)
		return !st.Running
	})
	s.refused(t, "POST", "/start?profile=chrome", "", 500, "no tab is connected")
	chrome.Click(web.URL + "/next")
	chrome.Shows(web.URL+"/next", "ON")
	s.ok(t, "POST", "/navigate?profile=chrome", `{"url":"`+web.URL+`/again"}`, nil)
}
