package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"clawdbot/browser/api"
)

// BenchmarkBrowser measures browser control of the stripped binary over HTTP
// with a real Chromium, and playwright-core on the same Chromium and pages where
// node and npm are at hand. Run it with make bench.
func BenchmarkBrowser(b *testing.B) {
	bin, err := filepath.Abs("../../bin/clawdbot")
	if err != nil {
		b.Fatal(err)
	}
	first, _ := freeBlocks(b)
	f := &figures{b: b, bin: bin, home: b.TempDir(), ports: map[string]int{"main": first}}
	for b.Loop() {
		f.rows = nil
		cmd, _ := f.start("main")
		r := newBrowserRig(f, cmd)
		r.fresh(5)
		r.form(31)
		r.large(9)
		ours := r.hundred(5)
		theirs := r.playwright()
		if theirs != nil {
			f.add("100 actions: ours / playwright-core's", ours/theirs["hundred"], "", "≤ 0.5")
		}
		r.twenty()
		r.post("/stop", nil, nil)
		f.stop(cmd)
		for _, name := range []string{"snapshot", "click", "type", "hundred", "table", "nested", "picture"} {
			if theirs != nil {
				f.add("playwright-core: "+name, theirs[name], "ms", "-")
			}
		}
	}
	printFigures(f.rows)
}

// browserRig is a gateway whose browser is measured.
type browserRig struct {
	f       *figures
	gateway *exec.Cmd
	base    string // of browser control
	token   string
	pages   string // address of the pages
	client  http.Client
	idle    float64 // RSS of the gateway before it ever drove a browser, MB
}

func newBrowserRig(f *figures, gateway *exec.Cmd) *browserRig {
	token, err := f.command("--profile", "main", "config", "get", "gateway.auth.token", "--show-secrets").Output()
	if err != nil {
		f.b.Fatal(err)
	}
	return &browserRig{
		f: f, gateway: gateway, base: "http://127.0.0.1:" + strconv.Itoa(f.ports["main"]+2),
		token: strings.Trim(strings.TrimSpace(string(token)), `"`), pages: servePages(f.b),
		idle: rollup(f.b, gateway.Process.Pid, "Rss:"),
	}
}

// servePages serves a small form, a table of 2,000 rows, and a heavy page whose
// frames nest and belong to two sites.
func servePages(b *testing.B) string {
	var table, heavy strings.Builder
	table.WriteString("<title>table</title><table><tr><th>Name<th>Mail<th>Do</tr>")
	for i := range 2000 {
		fmt.Fprintf(&table, "<tr><td>Person %d<td>p%d@example.com<td><button>Edit %d</button></tr>", i, i, i)
	}
	for i := range 300 {
		fmt.Fprintf(&heavy, `<section><h3>Part %d</h3><p>Some text of part %d with a <a href="#%d">link</a>.</p><label>Field %d <input></label><button>Do %d</button></section>`, i, i, i, i, i)
	}
	var self, other string
	pages := map[string]func() string{
		"/form": func() string {
			return `<title>form</title><h1>Sign up</h1><form onsubmit="return false"><label>Name <input id=name></label><label>Mail <input id=mail></label>` +
				`<label><input type=checkbox> I agree</label><select aria-label=Plan><option>Free<option>Pro</select><button id=send type=button onclick="this.dataset.n=+(this.dataset.n||0)+1">Send</button></form>`
		},
		"/table": table.String,
		"/heavy": func() string {
			return "<title>heavy</title>" + heavy.String() + `<iframe src="` + other + `/middle" width=600 height=400></iframe><iframe src="` + self + `/middle" width=600 height=400></iframe>`
		},
		"/middle": func() string { return heavy.String() + `<iframe src="` + self + `/inner"></iframe>` },
		"/inner":  heavy.String,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page())
	}))
	b.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	self, other = s.URL, "http://localhost:"+port
	return s.URL
}

// call makes one call and returns how long it took.
func (r *browserRig) call(method, path string, in, out any) time.Duration {
	r.f.b.Helper()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			r.f.b.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, r.base+path, bytes.NewReader(body))
	if err != nil {
		r.f.b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	began := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		r.f.b.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.f.b.Fatalf("%s %s: %s %s %v", method, path, resp.Status, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			r.f.b.Fatal(err)
		}
	}
	return took
}

func (r *browserRig) post(path string, in, out any) time.Duration {
	r.f.b.Helper()
	return r.call("POST", path, in, out)
}

// rounds measures a call several times.
func rounds(n int, once func() time.Duration) []time.Duration {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = once()
	}
	return list
}

// fresh starts the browser on user data that are new each time.
func (r *browserRig) fresh(n int) {
	r.f.median("start of a fresh browser profile", "≤ 1000 ms", rounds(n, func() time.Duration {
		r.post("/reset-profile", nil, nil)
		return r.post("/start", nil, nil)
	}))
}

// ref finds what a snapshot calls an element.
func (r *browserRig) ref(role, name string) string {
	var s api.Snapshot
	r.call("GET", "/snapshot", nil, &s)
	for ref, is := range s.Refs {
		if is.Role == role && is.Name == name {
			return ref
		}
	}
	r.f.b.Fatalf("no %s %q in\n%s", role, name, s.Snapshot)
	return ""
}

func (r *browserRig) form(n int) {
	r.post("/tabs/open", api.OpenRequest{URL: r.pages + "/form"}, nil)
	send, name := r.ref("button", "Send"), r.ref("textbox", "Name")
	r.f.median("small form: snapshot", "≤ 8 ms", rounds(n, func() time.Duration { return r.call("GET", "/snapshot", nil, nil) }))
	r.f.median("small form: click", "≤ 30 ms", rounds(n, func() time.Duration { return r.click(send) }))
	r.f.median("small form: type", "≤ 9 ms", rounds(n, func() time.Duration { return r.write(name, "Ada Lovelace") }))
}

func (r *browserRig) click(ref string) time.Duration {
	return r.post("/act", api.ActRequest{Kind: "click", Ref: ref}, nil)
}

func (r *browserRig) write(ref, text string) time.Duration {
	return r.post("/act", api.ActRequest{Kind: "type", Ref: ref, Text: text}, nil)
}

func (r *browserRig) large(n int) {
	r.post("/navigate", api.NavigateRequest{URL: r.pages + "/table"}, nil)
	r.f.median("table of 2,000 rows: snapshot (80,000 characters)", "≤ 80 ms", rounds(n, func() time.Duration { return r.call("GET", "/snapshot", nil, nil) }))
	r.f.median("table of 2,000 rows: snapshot of all of it", "-", rounds(n, func() time.Duration { return r.call("GET", "/snapshot?maxChars=1000000", nil, nil) }))
	r.post("/navigate", api.NavigateRequest{URL: r.pages + "/heavy"}, nil)
	r.f.median("heavy page, nested frames: interactive snapshot", "≤ 120 ms", rounds(n, func() time.Duration {
		return r.call("GET", "/snapshot?interactive=true&maxChars=1000000", nil, nil)
	}))
	r.f.median("heavy page: screenshot", "≤ 150 ms", rounds(n, func() time.Duration { return r.post("/screenshot", nil, nil) }))
	r.f.median("heavy page: screenshot of the full page", "-", rounds(n, func() time.Duration {
		return r.post("/screenshot", api.ScreenshotRequest{FullPage: true}, nil)
	}))
}

// hundred clicks and types fifty times each, and returns the median in ms.
func (r *browserRig) hundred(n int) float64 {
	r.post("/navigate", api.NavigateRequest{URL: r.pages + "/form"}, nil)
	send, name := r.ref("button", "Send"), r.ref("textbox", "Name")
	r.f.median("100 actions in a row", "-", rounds(n, func() time.Duration {
		began := time.Now()
		for i := range 50 {
			r.click(send)
			r.write(name, "text "+strconv.Itoa(i))
		}
		return time.Since(began)
	}))
	return r.f.rows[len(r.f.rows)-1].value
}

// twenty opens tabs, after all that was done before, and tells what the gateway
// grew by.
func (r *browserRig) twenty() {
	r.post("/stop", nil, nil)
	for i := range 20 {
		r.post("/tabs/open", api.OpenRequest{URL: fmt.Sprintf("%s/form?%d", r.pages, i)}, nil)
		r.call("GET", "/snapshot", nil, nil)
	}
	r.f.add("RSS of the gateway: more with 20 tabs", rollup(r.f.b, r.gateway.Process.Pid, "Rss:")-r.idle, "MB", "≤ 25")
}

// playwright measures playwright-core on the same Chromium, nil without node.
func (r *browserRig) playwright() map[string]float64 {
	if _, err := exec.LookPath("npm"); err != nil {
		fmt.Println("no npm: playwright-core is not measured")
		return nil
	}
	script, err := os.ReadFile("testdata/bench/playwright.mjs")
	if err != nil {
		r.f.b.Fatal(err)
	}
	dir := r.f.b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bench.mjs"), script, 0o600); err != nil {
		r.f.b.Fatal(err)
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-save", "playwright-core")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		fmt.Printf("playwright-core cannot be installed, so it is not measured: %s\n", out)
		return nil
	}
	var s api.Status
	r.call("GET", "/", nil, &s)
	run := exec.Command("node", "bench.mjs", s.CDPURL, r.pages)
	run.Dir, run.Stderr = dir, os.Stderr
	out, err := run.Output()
	if err != nil {
		r.f.b.Fatalf("playwright-core: %v", err)
	}
	var figures map[string]float64
	if err := json.Unmarshal(out, &figures); err != nil {
		r.f.b.Fatalf("playwright-core: %v in %s", err, out)
	}
	return figures
}
