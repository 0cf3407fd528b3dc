package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clawdbot/browser/api"
)

// observed is a site with a page of these routes open.
func observed(t *testing.T, page string) (s *site, address string) {
	t.Helper()
	needChromium(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page)
	})
	mux.HandleFunc("/data", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-Debug"), "data") })
	mux.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="report.txt"`)
		_, _ = io.WriteString(w, "report")
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	s = serve(t, nil)
	s.ok(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, web.URL+"/"), nil)
	return s, web.URL
}

func TestObserve(t *testing.T) {
	s, address := observed(t, `<script>console.log("hello"); console.warn("careful"); setTimeout(() => { throw new Error("oops") })</script>
		<button onclick="fetch('/data')">Fetch</button><button onclick="this.textContent = confirm('sure?')">Ask</button>`)
	var console api.Console
	s.ok(t, "GET", "/console?level=warn", "", &console)
	if len(console.Messages) == 0 || console.Messages[0].Text != "careful" || !console.OK || console.TargetID == "" || console.GatewayProfile != "main" {
		t.Errorf("%+v", console)
	}
	var errs api.Errors
	eventually(t, "the page's error", func() bool {
		s.ok(t, "GET", "/errors?clear=1", "", &errs)
		return len(errs.Errors) == 1
	})
	if errs.Errors[0].Message != "oops" {
		t.Errorf("%+v", errs)
	}
	if s.ok(t, "GET", "/errors", "", &errs); len(errs.Errors) != 0 {
		t.Errorf("cleared, and %+v", errs)
	}
	s.act(t, `{"kind":"evaluate","fn":"() => { setTimeout(() => fetch('/data'), 300) }"}`)
	var body api.ResponseBody
	s.ok(t, "POST", "/response/body", `{"url":"**/data","maxChars":"2","timeoutMs":10000}`, &body)
	if r := body.Response; r.Body != "da" || !r.Truncated || r.Status != 200 || r.URL != address+"/data" {
		t.Errorf("%+v", body)
	}
	var requests api.Requests
	s.ok(t, "GET", "/requests?filter=/data", "", &requests)
	if len(requests.Requests) != 1 || requests.Requests[0].ResourceType != "fetch" || *requests.Requests[0].OK != true {
		t.Errorf("%+v", requests)
	}
	var done api.Done
	s.ok(t, "POST", "/hooks/dialog", `{"accept":"yes"}`, &done)
	s.act(t, `{"kind":"click","ref":%q}`, s.refs(t)["Ask"])
	if _, ok := s.refs(t)["true"]; !ok || !done.OK {
		t.Errorf("armed %+v, and the page has %v", done, s.refs(t))
	}

	s.refused(t, "GET", "/console?level=loud", "", 400, `level "loud"`, "error, warning, info or debug")
	s.refused(t, "GET", "/requests?filter={a", "", 400, "filter", "never closed")
	s.refused(t, "POST", "/response/body", `{}`, 400, "url is required")
	s.refused(t, "POST", "/response/body", `{"url":"{"}`, 400, "never closed")
	s.refused(t, "POST", "/response/body", `{"url":"/data","maxChars":-1}`, 400, "maxChars")
	s.refused(t, "POST", "/response/body", `{"url":"/none","timeoutMs":1}`, 404, "no response from /none")
	s.refused(t, "POST", "/hooks/dialog", `{}`, 400, "accept is required")
	s.refused(t, "POST", "/hooks/dialog", `{"accept":"maybe"}`, 400, "accept must be true or false")
}

func TestFiles(t *testing.T) {
	s, address := observed(t, `<a href="/file">Report</a><label>Files<input type=file multiple></label>
		<button onclick="document.querySelector('input').click()">Choose</button>`)
	r := s.refs(t)
	to := filepath.Join(t.TempDir(), "mine.txt")
	var got api.Downloaded
	s.ok(t, "POST", "/download", fmt.Sprintf(`{"ref":%q,"path":%q}`, r["Report"], to), &got)
	if d := got.Download; d.Path != to || d.SuggestedFilename != "report.txt" || d.URL != address+"/file" || !got.OK || got.TargetID == "" {
		t.Errorf("%+v", got)
	}
	s.act(t, `{"kind":"evaluate","fn":"() => { setTimeout(() => { location = '/file' }, 300) }"}`)
	s.ok(t, "POST", "/wait/download", "", &got)
	if body, err := os.ReadFile(got.Download.Path); string(body) != "report" || filepath.Dir(got.Download.Path) != filepath.Join(s.cfg.Dir, "downloads") {
		t.Errorf("%+v holds %q, %v", got, body, err)
	}

	paths, _ := json.Marshal([]string{to, got.Download.Path})
	const names = "[...document.querySelector('input').files].map((f) => f.name).join()"
	for _, how := range []string{`"ref":"` + r["Choose"] + `"`, `"inputRef":"` + r["Files"] + `"`, `"element":"input"`} {
		s.act(t, `{"kind":"evaluate","fn":"() => { document.querySelector('input').value = '' }"}`)
		s.ok(t, "POST", "/hooks/file-chooser", fmt.Sprintf(`{"paths":%s,%s}`, paths, how), nil)
		if files := s.evaluates(t, names); files != `"mine.txt,report.txt"` {
			t.Errorf("%s: %s", how, files)
		}
	}
	s.ok(t, "POST", "/hooks/file-chooser", fmt.Sprintf(`{"paths":[%q]}`, to), nil)
	s.act(t, `{"kind":"click","ref":%q}`, r["Choose"])
	eventually(t, "the armed chooser", func() bool { return s.evaluates(t, names) == `"mine.txt"` })

	s.refused(t, "POST", "/download", `{}`, 400, "ref is required")
	s.refused(t, "POST", "/download", `{"ref":"e999"}`, 404, "unknown ref e999")
	s.refused(t, "POST", "/download", fmt.Sprintf(`{"ref":%q,"path":"mine.txt"}`, r["Report"]), 400, "must be absolute")
	s.refused(t, "POST", "/wait/download", `{"timeoutMs":500}`, 500, "no download began")
	s.refused(t, "POST", "/hooks/file-chooser", `{"paths":[]}`, 400, "paths are required")
	s.refused(t, "POST", "/hooks/file-chooser", `{"paths":"x"}`, 400, "paths must be")
	s.refused(t, "POST", "/hooks/file-chooser", fmt.Sprintf(`{"paths":%s,"ref":"e1","element":"input"}`, paths), 400, "give one of them")
	s.refused(t, "POST", "/hooks/file-chooser", fmt.Sprintf(`{"paths":%s,"element":"a["}`, paths), 400, "no CSS selector")
	s.refused(t, "POST", "/hooks/file-chooser", fmt.Sprintf(`{"paths":%s,"element":"a"}`, paths), 409, "no <input type=file>")
	s.refused(t, "POST", "/hooks/file-chooser", fmt.Sprintf(`{"paths":%s,"ref":%q,"timeoutMs":500}`, paths, r["Files"]+"0"), 404, "unknown ref")
}

// TestBusyPage: a page whose script does not end holds nothing up for longer than
// the call may take.
func TestBusyPage(t *testing.T) {
	s, _ := observed(t, `<input type=file>`)
	s.act(t, `{"kind":"evaluate","fn":"() => { setTimeout(() => { for (;;); }) }"}`)
	began := time.Now()
	chooser := fmt.Sprintf(`{"element":"input","paths":[%q],"timeoutMs":500}`, os.Args[0])
	s.refused(t, "POST", "/hooks/file-chooser", chooser, 500, "its script may be busy")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("with timeoutMs 500 it took %v", took)
	}
}

func TestSettings(t *testing.T) {
	s, address := observed(t, "<p>page</p>")
	var on api.OnTab
	s.ok(t, "POST", "/cookies/set", fmt.Sprintf(`{"cookie":{"name":"a","value":"","url":%q}}`, address), &on)
	var cookies api.Cookies
	if s.ok(t, "GET", "/cookies", "", &cookies); len(cookies.Cookies) != 1 || cookies.Cookies[0].Name != "a" || !on.OK || on.TargetID == "" {
		t.Errorf("%+v, %+v", on, cookies)
	}
	s.ok(t, "POST", "/cookies/clear", "", nil)
	if s.ok(t, "GET", "/cookies", "", &cookies); len(cookies.Cookies) != 0 {
		t.Errorf("%+v", cookies)
	}
	var storage api.Storage
	s.ok(t, "POST", "/storage/local/set", `{"key":"k","value":""}`, nil)
	if s.ok(t, "GET", "/storage/local?key=k", "", &storage); len(storage.Values) != 1 || storage.Values["k"] != "" {
		t.Errorf("%+v", storage)
	}
	s.ok(t, "POST", "/storage/local/clear", "", nil)
	storage = api.Storage{}
	if s.ok(t, "GET", "/storage/local", "", &storage); storage.Values == nil || len(storage.Values) != 0 {
		t.Errorf("%+v", storage)
	}
	for _, set := range []string{
		`offline {"offline":"true"}`, `offline {"offline":0}`,
		`credentials {"username":"me","password":"x"}`, `credentials {"clear":true}`,
		`geolocation {"latitude":"1.5","longitude":0}`, `geolocation {"clear":true}`,
		`media {"colorScheme":"dark"}`, `timezone {"timezoneId":"Asia/Tokyo"}`, `locale {"locale":"de-DE"}`,
		`device {"name":"iPhone 14"}`, `headers {"headers":{"X-Debug":"more "}}`,
	} {
		var name, body string
		_, _ = fmt.Sscanf(set, "%s %s", &name, &body)
		s.ok(t, "POST", "/set/"+name, set[len(name)+1:], &on)
	}
	if got := s.evaluates(t, `async () => [await (await fetch('/data')).text(), navigator.language, screen.width, matchMedia('(prefers-color-scheme: dark)').matches, Intl.DateTimeFormat().resolvedOptions().timeZone]`); got != `["moredata","de-DE",390,true,"Asia/Tokyo"]` {
		t.Error(got)
	}
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/cookies/set", `{}`, 400, "cookie is required"},
		{"/cookies/set", `{"cookie":{"name":"a"}}`, 400, "name and value"},
		{"/storage/other/set", `{"key":"k","value":"v"}`, 400, "kind must be local or session"},
		{"/storage/local/set", `{"value":"v"}`, 400, "key is required"},
		{"/storage/local/set", `{"key":"k"}`, 400, "value is required"},
		{"/storage/other/clear", ``, 400, "kind must be local or session"},
		{"/set/offline", `{}`, 400, "offline is required"},
		{"/set/headers", `{}`, 400, "headers is required"},
		{"/set/headers", `{"headers":{"a b":"c"}}`, 400, `header "a b"`},
		{"/set/credentials", `{}`, 400, "username, or clear, is required"},
		{"/set/geolocation", `{"latitude":1}`, 400, "latitude and longitude"},
		{"/set/geolocation", `{"latitude":"north","longitude":0}`, 400, "latitude must be a number"},
		{"/set/media", `{}`, 400, "dark, light, no-preference or none"},
		{"/set/timezone", `{}`, 400, "timezoneId is required"},
		{"/set/timezone", `{"timezoneId":"x"}`, 500, "unknown timezone"},
		{"/set/locale", `{}`, 400, "locale is required"},
		{"/set/locale", `{"locale":"not one"}`, 500, "unknown locale"},
		{"/set/device", `{}`, 400, "name is required"},
		{"/set/device", `{"name":"x"}`, 500, "unknown device"},
	} {
		s.refused(t, "POST", c.path, c.body, c.status, c.want)
	}
	s.refused(t, "GET", "/storage/other", "", 400, "kind must be local or session")
}
