package canvas

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/profile/gate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "the-gateway-token"

// host is a canvas on a real bus and a real folder.
type host struct {
	*testing.T
	*Server
	bus  *bustest.Bus
	root string
	stop func()
}

// start runs a canvas over files, by name, until the test ends.
func start(t *testing.T, live bool, files map[string]string) *host {
	t.Helper()
	h := &host{T: t, bus: bustest.Start(t, "main"), root: filepath.Join(t.TempDir(), "canvas")}
	for name, text := range files {
		h.write(name, text)
	}
	s, err := New(h.config(live))
	if err != nil {
		t.Fatal(err)
	}
	h.Server = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	h.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(h.stop)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return h
}

func (h *host) config(live bool) Config {
	h.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.Fatal(err)
	}
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		h.Fatal(err)
	}
	return Config{
		Listener: ln, Root: h.root, LiveReload: live, Gate: g, Subjects: h.bus.Subjects, Dial: h.bus.Dial, Version: "1.2.3",
		Log: slog.New(slog.NewTextHandler(h.Output(), nil)),
	}
}

func (h *host) write(name, text string) {
	h.Helper()
	file := filepath.Join(h.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

// answer is what a request got.
type answer struct {
	*http.Response
	body string
}

// get requests the path exactly as it stands, over a connection of its own.
func (h *host) get(path string, headers ...string) answer {
	h.Helper()
	return h.request("GET "+path, headers...)
}

func (h *host) request(line string, headers ...string) answer {
	h.Helper()
	c, err := net.Dial("tcp", h.Addr().String())
	if err != nil {
		h.Fatal(err)
	}
	defer c.Close()
	headers = append(headers, "Connection: close")
	if !strings.Contains(strings.Join(headers, "\n"), "Host: ") {
		headers = append(headers, "Host: "+h.Addr().String())
	}
	if _, err := io.WriteString(c, line+" HTTP/1.1\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n"); err != nil {
		h.Fatal(err)
	}
	method, _, _ := strings.Cut(line, " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer{res, string(body)}
}

const bearer = "Authorization: Bearer " + token

// call requests a verb on the bus.
func (h *host) call(verb, params string, out any) error {
	h.Helper()
	subj, err := h.bus.Subjects.Canvas(verb)
	if err != nil {
		h.Fatal(err)
	}
	raw, err := bus.CallRaw(h.Context(), h.bus.Conn(h), subj, []byte(params))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// TestMethods asks for the same over the gateway's methods.
func TestMethods(t *testing.T) {
	h := start(t, true, map[string]string{"a.html": "<p>a"})
	ask := func(method, params string, out any) {
		t.Helper()
		subj, err := h.bus.Subjects.RPC(method)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := bus.CallRaw(t.Context(), h.bus.Conn(t), subj, []byte(params))
		if err == nil {
			err = json.Unmarshal(raw, out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var st, same msg.CanvasStatus
	ask("canvas.status", "", &st)
	if err := h.call("status", "", &same); err != nil || st != same || st.Root != h.root {
		t.Errorf("%+v, on the bus %+v, %v", st, same, err)
	}
	var l msg.CanvasLink
	ask("canvas.url", `{"path":"a.html"}`, &l)
	if !strings.Contains(l.URL, capPath) || !strings.HasSuffix(l.URL, "/a.html") {
		t.Errorf("%+v", l)
	}
}

func (h *host) link(params string) string {
	h.Helper()
	var l msg.CanvasLink
	if err := h.call("url", params, &l); err != nil {
		h.Fatal(err)
	}
	return l.URL
}

func TestFiles(t *testing.T) {
	h := start(t, true, map[string]string{
		"index.html": "<!DOCTYPE html><html><head><title>t</title></head></html>", "app.js": "let a = 1;", "style.CSS": "a{}",
		"data.bin": "0123456789", "sub/index.html": "<p>sub", "sub/a b.txt": "spaced", "empty/x.txt": "x", "page.htm": "<p>page",
	})
	for path, want := range map[string]struct {
		status  int
		headers map[string]string
		body    string // part of it
	}{
		"":              {200, map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}, "<!DOCTYPE html><html><head><script>"},
		"index.html":    {200, map[string]string{"Cache-Control": "no-store"}, "</script><title>t</title>"},
		"page.htm":      {200, map[string]string{"Cache-Control": "no-store"}, "globalThis.Clawdbot ="},
		"app.js":        {200, map[string]string{"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}, "let a = 1;"},
		"style.CSS":     {200, map[string]string{"Content-Type": "text/css; charset=utf-8"}, "a{}"},
		"data.bin":      {200, map[string]string{"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}, "0123456789"},
		"sub":           {307, map[string]string{"Location": filesPath + "sub/"}, ""},
		"sub?a=b":       {307, map[string]string{"Location": filesPath + "sub/?a=b"}, ""},
		"sub/":          {200, nil, "<p>sub"},
		"sub/a%20b.txt": {200, nil, "spaced"},
		"empty/":        {404, map[string]string{"Content-Type": "application/json"}, `{"error":"not found"}`},
		"app.js/":       {404, nil, `{"error":"not found"}`},
		"nothing.txt":   {404, nil, `{"error":"not found"}`},
	} {
		got := h.get(filesPath+path, bearer)
		if got.StatusCode != want.status || !strings.Contains(got.body, want.body) {
			t.Errorf("%q: got %d %.200q, want %d %q", path, got.StatusCode, got.body, want.status, want.body)
		}
		for k, v := range want.headers {
			if got.Header.Get(k) != v {
				t.Errorf("%q: %s is %q, want %q", path, k, got.Header.Get(k), v)
			}
		}
	}
	for path, status := range map[string]int{"/": 404, "/__clawdbot__/canvas": 307, "/__clawdbot__/a2ui/": 404, "/favicon.ico": 404} {
		if got := h.get(path, bearer); got.StatusCode != status {
			t.Errorf("%s: got %d, want %d", path, got.StatusCode, status)
		}
	}
	if got := h.request("POST "+filesPath, bearer, "Content-Length: 0"); got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d", got.StatusCode)
	}
	if got := h.request("HEAD "+filesPath+"data.bin", bearer); got.StatusCode != 200 || got.ContentLength != 10 || got.body != "" {
		t.Errorf("HEAD: got %d %d %q", got.StatusCode, got.ContentLength, got.body)
	}
	csp := h.get(filesPath, bearer).Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "connect-src 'self' https:") || !strings.Contains(csp, "object-src 'none'") {
		t.Errorf("policy %q", csp)
	}
}

func TestTraversal(t *testing.T) {
	h := start(t, false, map[string]string{
		"index.html": "ok", ".env": "secret", ".git/config": "secret", "sub/.hidden/x.txt": "secret", "in.txt": "inside",
	})
	outside := filepath.Join(filepath.Dir(h.root), "outside.txt")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"abs.txt": outside, "rel.txt": "../outside.txt", "folder": "..", "loop": "loop", "inner.txt": "in.txt",
	} {
		if err := os.Symlink(target, filepath.Join(h.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		"../outside.txt", "..%2foutside.txt", "%2e%2e/outside.txt", "%2E%2E%2Foutside.txt", "sub/../../outside.txt", "sub/%2e%2e/%2e%2e/outside.txt",
		"..%5coutside.txt", `..\outside.txt`, `sub\index.html`, "in.txt%00", "%00", "in.txt%00.html", "in%0a.txt",
		".env", "%2eenv", "./.env", ".git/config", "sub/.hidden/x.txt", ".", "./index.html", "//in.txt", "sub//x", "/etc/passwd", "%2fetc%2fpasswd",
		"abs.txt", "rel.txt", "folder/outside.txt", "loop", "C:%5cWindows", "..",
	} {
		got := h.get(filesPath+path, bearer)
		if got.StatusCode != 404 && got.StatusCode != 400 || strings.Contains(got.body, "secret") {
			t.Errorf("%s: got %d %.100q", path, got.StatusCode, got.body)
		}
	}
	if got := h.get(filesPath+"inner.txt", bearer); got.body != "inside" {
		t.Errorf("a link that stays inside: got %d %q", got.StatusCode, got.body)
	}
}

func TestRangesAndETags(t *testing.T) {
	h := start(t, false, map[string]string{"data.bin": "0123456789", "index.html": "<p>page"})
	for _, name := range []string{"data.bin", "index.html"} {
		whole := h.get(filesPath+name, bearer)
		etag := whole.Header.Get("ETag")
		if !strings.HasPrefix(etag, `"`) {
			t.Fatalf("%s: ETag %q", name, etag)
		}
		part := h.get(filesPath+name, bearer, "Range: bytes=2-4", "If-Range: "+etag)
		if part.StatusCode != 206 || part.body != whole.body[2:5] {
			t.Errorf("%s: range: got %d %q", name, part.StatusCode, part.body)
		}
		if got := h.get(filesPath+name, bearer, "Range: bytes=2-4", `If-Range: "old"`); got.StatusCode != 200 || got.body != whole.body {
			t.Errorf("%s: range of an old version: got %d", name, got.StatusCode)
		}
		if got := h.get(filesPath+name, bearer, "If-None-Match: "+etag); got.StatusCode != 304 {
			t.Errorf("%s: If-None-Match: got %d", name, got.StatusCode)
		}
		if got := h.get(filesPath+name, bearer, "Range: bytes=100000-"); got.StatusCode != 416 {
			t.Errorf("%s: range past the end: got %d", name, got.StatusCode)
		}
		h.write(name, "changed")
		if got := h.get(filesPath+name, bearer, "If-None-Match: "+etag); got.StatusCode != 200 || !strings.HasSuffix(got.body, "changed") {
			t.Errorf("%s: changed: got %d %q", name, got.StatusCode, got.body)
		}
	}
}

func TestAccess(t *testing.T) {
	h := start(t, false, map[string]string{"index.html": "<p>page"})
	pass, _ := h.passes.issue(capability)
	wrongKind, _ := h.passes.issue(cookie)
	otherKey, _ := newPasses().issue(capability)
	for name, tt := range map[string]struct {
		path    string
		headers []string
		status  int
		body    string
	}{
		"nothing":               {filesPath, nil, 401, "open a fresh canvas link"},
		"token":                 {filesPath, []string{bearer}, 200, "<p>page"},
		"wrong token":           {filesPath, []string{"Authorization: Bearer nope"}, 401, "wrong token"},
		"token in the query":    {filesPath + "?token=" + token, nil, 401, "unauthorized"},
		"foreign host":          {filesPath, []string{bearer, "Host: evil.example"}, 403, "host not allowed"},
		"foreign origin":        {filesPath, []string{bearer, "Origin: http://evil.example"}, 403, "origin not allowed"},
		"capability":            {capPath + pass + "/", nil, 303, ""},
		"cookie as capability":  {capPath + wrongKind + "/", nil, 401, "no longer good"},
		"another gateway's":     {capPath + otherKey + "/", nil, 401, "no longer good"},
		"capability, one off":   {capPath + pass[:len(pass)-2] + "AA/", nil, 401, "no longer good"},
		"no capability":         {capPath, nil, 401, "no longer good"},
		"capability as cookie":  {filesPath, []string{"Cookie: clawdbot-canvas-main=" + pass}, 401, "open a fresh canvas link"},
		"cookie":                {filesPath, []string{"Cookie: clawdbot-canvas-main=" + wrongKind}, 200, "<p>page"},
		"another profile's":     {filesPath, []string{"Cookie: clawdbot-canvas-rescue=" + wrongKind}, 401, "open a fresh canvas link"},
		"socket without either": {socketPath, nil, 401, "open a fresh canvas link"},
		"from another site":     {capPath + pass + "/a%22b.html", []string{"Sec-Fetch-Site: cross-site"}, 200, `content="0;url=/__clawdbot__/canvas/a%22b.html"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.get(tt.path, tt.headers...)
			if got.StatusCode != tt.status || !strings.Contains(got.body, tt.body) {
				t.Errorf("got %d %.200q, want %d %q", got.StatusCode, got.body, tt.status, tt.body)
			}
		})
	}
}

// A browser follows the link and is in, for relative links too.
func TestCapabilityURL(t *testing.T) {
	h := start(t, false, map[string]string{"index.html": "<p>home", "sub/page.html": "<p>page"})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	t.Cleanup(browser.CloseIdleConnections)
	fetch := func(url string) (string, string) {
		res, err := browser.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.Request.URL.Path, string(body)
	}
	if path, body := fetch(h.link(`{"path":"/sub/page.html"}`)); path != filesPath+"sub/page.html" || !strings.HasSuffix(body, "<p>page") {
		t.Errorf("link: got %s %q", path, body)
	}
	var st msg.CanvasStatus
	if err := h.call("status", "", &st); err != nil {
		t.Fatal(err)
	}
	if st.Root != h.root || st.LiveReload || st.Pages != 0 {
		t.Errorf("status %+v", st)
	}
	if _, body := fetch(st.URL); !strings.HasSuffix(body, "<p>home") {
		t.Errorf("with the cookie: %q", body)
	}

	pass, _ := h.passes.issue(capability)
	set := h.get(capPath + pass + "/").Header.Get("Set-Cookie")
	for _, want := range []string{"clawdbot-canvas-main=", "Path=/;", "HttpOnly", "SameSite=Strict", "Max-Age=43200"} {
		if !strings.Contains(set, want) {
			t.Errorf("cookie %q has no %s", set, want)
		}
	}
	for _, params := range []string{`{"path":"../x"}`, `{"path":".env"}`, `{"path":"a\\b"}`, `{"path":5}`, `[`} {
		err := h.call("url", params, &msg.CanvasLink{})
		if e, ok := errors.AsType[*bus.Error](err); !ok || e.Code != bus.CodeInvalidRequest {
			t.Errorf("%s: got %v", params, err)
		}
	}
}

func TestPassesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPasses()
		for k, life := range map[kind]time.Duration{capability: 10 * time.Minute, cookie: 12 * time.Hour} {
			pass, end := p.issue(k)
			if got := time.Until(end); got != life {
				t.Errorf("%c: ends in %v, want %v", k, got, life)
			}
			time.Sleep(life - time.Millisecond)
			if !p.good(k, pass) {
				t.Errorf("%c: not good before its end", k)
			}
			time.Sleep(time.Millisecond)
			if p.good(k, pass) {
				t.Errorf("%c: good at its end", k)
			}
		}

		// An old link says what it is.
		s := &Server{passes: p}
		pass, _ := p.issue(capability)
		time.Sleep(10 * time.Minute)
		w := httptest.NewRecorder()
		s.exchange(w, httptest.NewRequest(http.MethodGet, capPath+pass+"/", nil))
		if w.Code != 401 || !strings.Contains(w.Body.String(), "no longer good") || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
}

func TestStarterPage(t *testing.T) {
	h := start(t, false, nil)
	if got := h.get(filesPath, bearer); got.StatusCode != 200 || !strings.Contains(got.body, "This is your canvas") {
		t.Errorf("got %d %.200q", got.StatusCode, got.body)
	}
	info, err := os.Stat(filepath.Join(h.root, "index.html"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	h = start(t, false, map[string]string{"mine.txt": "x"})
	if _, err := os.Stat(filepath.Join(h.root, "index.html")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder in use got the starter page: %v", err)
	}
}

func TestNewFails(t *testing.T) {
	h := &host{T: t, bus: bustest.Start(t, "main"), root: filepath.Join(t.TempDir(), "file")}
	if err := os.WriteFile(h.root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := h.config(false)
	if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), "canvas: root: ") || !strings.Contains(err.Error(), h.root) {
		t.Errorf("root is a file: %v", err)
	}
	if _, err := cfg.Listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listener: %v, want closed", err)
	}
	cfg = h.config(false)
	cfg.Root, cfg.Version = t.TempDir(), "no version"
	if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), "canvas: bus service") {
		t.Errorf("bad version: %v", err)
	}
}

func TestRunEndsWhenTheListenerBreaks(t *testing.T) {
	h := &host{T: t, bus: bustest.Start(t, "main"), root: t.TempDir()}
	s, err := New(h.config(true))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

func TestInject(t *testing.T) {
	for page, want := range map[string]string{
		"<html><head><title>":            "<html><head>#<title>",
		"<HTML><HEAD lang='x'\n><title>": "<HTML><HEAD lang='x'\n>#<title>",
		"<html><body><header>a":          "<html>#<body><header>a",
		"<!doctype html><p>":             "<!doctype html>#<p>",
		"<p>":                            "#<p>",
		"":                               "#",
		"<head":                          "#<head",
		"<head ":                         "#<head ",
		"<header><head>":                 "<header><head>#",
	} {
		if got := string(inject([]byte(page), []byte("#"))); got != want {
			t.Errorf("%q: got %q, want %q", page, got, want)
		}
	}
}

func FuzzInject(f *testing.F) {
	for _, seed := range []string{"<html><head></head>", "<HEAD\n", "<<head>>", "<!doctype", "\x00<head/>"} {
		f.Add([]byte(seed))
	}
	const mark = "\xff\xfe#"
	f.Fuzz(func(t *testing.T, page []byte) {
		before, after, ok := strings.Cut(string(inject(page, []byte(mark))), mark)
		if !strings.Contains(string(page), mark) && (!ok || before+after != string(page)) {
			t.Errorf("%q became %q", page, before+after)
		}
	})
}

func FuzzServable(f *testing.F) {
	for _, seed := range []string{"a/b.html", "../x", ".env", "a//b", `a\b`, "a/./b", "\x00", "C:x"} {
		f.Add(seed)
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, name string) {
		if !servable(name) {
			return
		}
		rel, err := filepath.Rel(root, filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || strings.HasPrefix(rel, ".") {
			t.Errorf("%q is served and leads to %q, %v", name, rel, err)
		}
	})
}
