package dashboard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"clawdbot/gateway/dashboard"
)

func record(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandlerServesItsFilesOnly(t *testing.T) {
	for _, tt := range []struct {
		base, method, path string
		status             int
		kind, has          string
	}{
		{"", "GET", "/", 200, "text/html; charset=utf-8", `data-profile="ma&lt;in"`},
		{"/", "GET", "/index.html", 200, "text/html; charset=utf-8", `data-profile="ma&lt;in"`},
		{"", "GET", "/page/main.js", 200, "text/javascript; charset=utf-8", "render"},
		{"", "GET", "/page/style.css", 200, "text/css; charset=utf-8", "--ground"},
		{"", "GET", "/page/icon.svg", 200, "image/svg+xml", "<svg"},
		{"", "GET", "/vendor/preact.js", 200, "text/javascript; charset=utf-8", "export"},
		{"", "HEAD", "/", 200, "text/html; charset=utf-8", ""},
		{"/ui", "GET", "/ui/", 200, "text/html; charset=utf-8", "page/main.js"},
		{"ui/", "GET", "/ui/page/main.js", 200, "text/javascript; charset=utf-8", "render"},
		{"/ui", "GET", "/page/main.js", 404, "application/json", `{"error":"nothing is served at GET /page/main.js"}`},
		{"", "GET", "/page/", 404, "application/json", "nothing is served"},
		{"", "GET", "/vendor/README.md", 404, "application/json", "nothing is served"},
		{"", "GET", "/page/../dashboard.go", 404, "application/json", "nothing is served"},
		{"", "POST", "/", 405, "application/json", "POST does nothing here"},
	} {
		r := get(t, dashboard.Handler(dashboard.Config{BasePath: tt.base, Profile: "ma<in"}), tt.method, tt.path)
		if got := body(t, r); r.StatusCode != tt.status || r.Header.Get("Content-Type") != tt.kind || !strings.Contains(got, tt.has) {
			t.Errorf("%s %s at %q: %d %s %.120q", tt.method, tt.path, tt.base, r.StatusCode, r.Header.Get("Content-Type"), got)
		}
	}
}

func TestHandlerIsStrict(t *testing.T) {
	h := dashboard.Handler(dashboard.Config{Profile: "main"})
	for _, tt := range []struct{ host, connect string }{
		{"127.0.0.1:18789", "connect-src 'self' ws://127.0.0.1:18789 wss://127.0.0.1:18789;"},
		{"[::1]:18789", "connect-src 'self' ws://[::1]:18789 wss://[::1]:18789;"},
		{"a;script-src *", "connect-src 'self';"}, // a Host is no place for a policy of its own
	} {
		r := get(t, h, "GET", "/", "Host", tt.host)
		policy := r.Header.Get("Content-Security-Policy") + ";"
		for _, want := range []string{"default-src 'none';", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none';", tt.connect} {
			if !strings.Contains(policy, want) {
				t.Errorf("policy for %s lacks %s: %s", tt.host, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("policy for %s is weak: %s", tt.host, policy)
		}
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

func TestHandlerKnowsWhatTheBrowserHas(t *testing.T) {
	h := dashboard.Handler(dashboard.Config{Profile: "main"})
	first := get(t, h, "GET", "/")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("ETag %q, Cache-Control %q", tag, first.Header.Get("Cache-Control"))
	}
	if again := get(t, h, "GET", "/", "If-None-Match", tag); again.StatusCode != http.StatusNotModified || body(t, again) != "" {
		t.Errorf("with its ETag: %d", again.StatusCode)
	}
	other := dashboard.Handler(dashboard.Config{Profile: "rescue"})
	if again := get(t, other, "GET", "/", "If-None-Match", tag); again.StatusCode != http.StatusOK {
		t.Errorf("with another profile's ETag: %d", again.StatusCode)
	}
}

// Every module, style and picture that the page names is one of its own files.
func TestPageNamesOnlyItsOwnFiles(t *testing.T) {
	h := dashboard.Handler(dashboard.Config{Profile: "main"})
	named := regexp.MustCompile(`(?:from\s*|import\s*|src=|href=)["']([^"'#$\s]+)["']`)
	seen := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		r := get(t, h, "GET", file)
		text := body(t, r)
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", file, r.StatusCode)
			return
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			from := file
			if strings.HasPrefix(m[1], "page/") { // as the document sees it, also from templates
				from = "/"
			}
			if strings.Contains(m[1], ":") || !strings.Contains(m[1], "/") {
				t.Errorf("%s names %q", file, m[1])
				continue
			}
			visit(path.Join(path.Dir(from), m[1]))
		}
	}
	visit("/index.html")
	if len(seen) < 20 || !seen["/vendor/hooks.js"] || !seen["/page/logs.js"] {
		t.Errorf("only %d files are reached: %v", len(seen), seen)
	}
}
