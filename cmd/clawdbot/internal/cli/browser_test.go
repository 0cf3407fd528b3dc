package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"clawdbot/browser/api"
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
	on("status").wants(3, "", "profile main is not set up\ntry: clawdbot --profile main setup\n")
	p := h.setup("main", h.base)
	for _, verb := range []string{"status", "start", "stop", "tabs", "profiles", "close"} {
		on(verb).wants(3, "", "the gateway of profile main does not run")
	}
	h.gateway(p, 0)
	on("status").wants(0, "main, browser profile clawd: stopped", "")
	on("stop").wants(0, "main: browser profile clawd did not run.", "")
	on("tabs").wants(0, "main: the browser does not run; this starts it: clawdbot --profile main browser start", "")
	on("close").wants(1, "", "there is no tab to close")
	on("start").wants(0, "main: browser profile clawd runs.", "")
	var s api.Status
	on("status", "--json").wants(0, `"gatewayProfile": "main"`, "").into(&s)
	if !s.Running || s.PID == nil {
		t.Errorf("%+v", s)
	}
	var tab api.Opened
	on("open", page.URL+"/one", "--json").wants(0, "", "").into(&tab)
	if tab.TargetID == "" {
		t.Fatalf("%+v", tab)
	}
	if !strings.HasSuffix(tab.Title, "/one") {
		t.Errorf("title %q", tab.Title)
	}
	if strings.Contains(on("tabs").wants(0, tab.TargetID[:8]+"  page", "").out, "\x1b") {
		t.Error("a page's title reaches the terminal as it is")
	}
	on("open", strings.TrimPrefix(page.URL, "http://")+"/two").wants(0, page.URL+"/two", "")
	on("open", "127.0.0.1:1").wants(1, "", "net::ERR_")
	on("close").wants(2, "", "tabs are open: say which one to close\ntry: clawdbot --profile main browser tabs\n")
	on("focus", tab.TargetID[:8]).wants(0, "is in front", "")
	on("close", tab.TargetID).wants(0, "closed", "")
	on("close", tab.TargetID).wants(1, "", "tab not found")
	on("profiles").wants(0, "clawd   running", "")
	on("open", "no address").wants(2, "", "is no absolute address")
	on("open", "file:///etc/passwd").wants(2, "", "cannot be opened: only http, https, data and about:blank can, unless \"file:\" is in browser.allow")
	on("tabs", "--browser-profile", "nope").wants(1, "", `no browser profile "nope"; there is chrome, clawd`)
	on("stop").wants(0, "main: browser profile clawd stopped.", "")
}

func TestWithScheme(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:47123/": "http://127.0.0.1:47123/", "localhost:80/x:1": "http://localhost:80/x:1", "example.com": "http://example.com",
		"example.com/a:b": "http://example.com/a:b", "[::1]:80": "http://[::1]:80", "https://x": "https://x", "file:///x": "file:///x",
		"javascript:alert(1)": "javascript:alert(1)", "data:1": "data:1", "about:blank": "about:blank", "/etc/passwd": "/etc/passwd", "": "",
	} {
		if got := withScheme(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
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
		{`{"running":true}`, 3, "browser control of profile main is not what answers at " + other.URL + ": that names no profile"},
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
