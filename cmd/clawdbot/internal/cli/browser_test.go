package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"clawdbot/browser"
)

// TestBrowser drives a real Chromium through the gateway.
func TestBrowser(t *testing.T) {
	h := newHome(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<title>page \x1b[31m" + r.URL.Path + "</title>"))
	}))
	defer page.Close()
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "browser"}, args...)...)
	}
	for _, verb := range []string{"status", "start", "stop", "tabs", "profiles", "close"} {
		on(verb).wants(3, "", "the gateway of profile main does not run")
	}
	h.gateway(h.setup("main", h.base), 0)
	on("status").wants(0, "main, browser profile clawd: stopped", "")
	on("stop").wants(0, "main: browser profile clawd did not run.", "")
	on("tabs").wants(0, "main: the browser does not run.", "")
	on("close").wants(1, "", "there is no tab to close")
	on("start").wants(0, "main: browser profile clawd runs.", "")
	var s browser.Status
	on("status", "--json").wants(0, `"gatewayProfile": "main"`, "").into(&s)
	if !s.Running || s.PID == nil {
		t.Errorf("%+v", s)
	}
	var tab browser.Opened
	on("open", page.URL+"/one", "--json").wants(0, "", "").into(&tab)
	if tab.TargetID == "" {
		t.Fatalf("%+v", tab)
	}
	await(t, "the title", func() bool { return strings.Contains(on("tabs").out, tab.TargetID[:8]+"  page") })
	if strings.Contains(on("tabs").wants(0, tab.TargetID[:8]+"  page", "").out, "\x1b") {
		t.Error("a page's title reaches the terminal as it is")
	}
	on("open", page.URL+"/two").wants(0, "", "")
	on("close").wants(2, "", "tabs are open: say which one to close\ntry: clawdbot --profile main browser tabs\n")
	on("focus", tab.TargetID[:8]).wants(0, "is in front", "")
	on("close", tab.TargetID).wants(0, "closed", "")
	on("close", tab.TargetID).wants(1, "", "tab not found")
	on("profiles").wants(0, "clawd  running", "")
	on("open", "no address").wants(1, "", "is no absolute address")
	on("tabs", "--browser-profile", "nope").wants(1, "", `no browser profile "nope"; there is clawd`)
	on("stop").wants(0, "main: browser profile clawd stopped.", "")
}

// TestBrowserOfAnother believes no answer but the profile's own.
func TestBrowserOfAnother(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	body := ""
	var token string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("Authorization")
		_, _ = w.Write([]byte(body))
	}))
	defer other.Close()
	for _, c := range []struct {
		body string
		code int
		err  string
	}{
		{`{"gatewayProfile":"rescue","running":true}`, 3, `is the browser control of profile "rescue", not of main`},
		{`{"running":true}`, 3, `is the browser control of profile "", not of main`},
		{`<html>`, 3, "is not what answers at " + other.URL},
		{`{"gatewayProfile":"main","profile":"clawd"}`, 0, ""},
	} {
		body = c.body
		h.run("--profile", "main", "browser", "status", "--url", other.URL).wants(c.code, "", c.err)
	}
	h.vars["CLAWDBOT_BROWSER_CONTROL_TOKEN"] = "of-the-environment"
	h.vars["CLAWDBOT_PROFILE"] = "main"
	h.run("browser", "status", "--url", other.URL).wants(0, "", "")
	if token != "Bearer of-the-environment" {
		t.Errorf("token %q", token)
	}
	h.run("--profile", "main", "browser", "status", "--url", other.URL).wants(0, "", "")
	if token == "Bearer of-the-environment" {
		t.Error("--profile does not win over the environment")
	}
	h.run("--profile", "main", "browser", "status", "--url", "http://127.0.0.1:1").wants(3, "", "does not answer at http://127.0.0.1:1")
	h.run("--profile", "main", "browser", "status", "--url", "nowhere").wants(2, "", `"nowhere" is no address`)
}
