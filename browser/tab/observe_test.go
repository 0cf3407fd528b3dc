package tab_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
	"clawdbot/browser/tab"
)

// serve serves the handlers on 127.0.0.1, and tells the address under localhost
// too, which is another site.
func serve(t *testing.T, routes map[string]http.HandlerFunc) (self, other string) {
	t.Helper()
	mux := http.NewServeMux()
	for route, handle := range routes {
		mux.HandleFunc(route, handle)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return s.URL, "http://localhost:" + port
}

// html is a page for serve.
func html(body string, a ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, body, a...)
	}
}

// evaluate runs an expression in a frame of the page and returns its value.
func evaluate[T any](t *testing.T, f *tab.Frame, expression string) (out T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	yes := true
	got, err := f.Evaluate(ctx, runtime.EvaluateParams{Expression: expression, ReturnByValue: &yes, AwaitPromise: &yes, UserGesture: &yes})
	if err == nil {
		err = tab.Thrown(got.ExceptionDetails)
	}
	if err == nil && len(got.Result.Value) > 0 {
		err = json.Unmarshal(got.Result.Value, &out)
	}
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// says fails the test unless the error has the status and the words.
func says(t *testing.T, err error, status int, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %d %q", status, words)
	}
	if got := api.StatusOf(err); got != status {
		t.Errorf("%v: status %d, want %d", err, got, status)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

func TestConsole(t *testing.T) {
	self, other := serve(t, map[string]http.HandlerFunc{
		"/frame": html(`<script>console.info("from the frame")</script>`),
	})
	page := browsertest.Page(t, `<script>
console.log("text", 1, true, null, undefined, -0, 10n);
console.log({a: 1, b: {c: [1, "x"]}}, [1, 2], new Map([["k", 1]]));
console.warn("careful");
console.error(new TypeError("no"));
console.debug("fine");
console.assert(false, "not so");
console.log("x".repeat(20000));
</script><iframe src="`+other+`/frame"></iframe><img src="`+self+`/nothing">`)
	has := func(kind, text string) bool {
		return slices.ContainsFunc(page.Messages(""), func(m api.ConsoleMessage) bool { return m.Type == kind && strings.HasPrefix(m.Text, text) })
	}
	eventually(t, "the frame's message and the browser's", func() bool {
		return has("info", "from the frame") && has("error", "Failed to load resource")
	})
	for _, want := range [][2]string{
		{"log", "text 1 true null undefined -0 10n"},
		{"log", `{a: 1, b: Object} [1, 2] Map(1) {k => 1}`},
		{"warning", "careful"},
		{"error", "TypeError: no\n    at "},
		{"debug", "fine"},
		{"assert", "not so"},
	} {
		if !has(want[0], want[1]) {
			t.Errorf("no %s %q in %+v", want[0], want[1], page.Messages(""))
		}
	}
	for level, want := range map[string]int{"error": 3, "warning": 4, "info": 8, "debug": 9, "": 9} {
		if got := page.Messages(level); len(got) != want {
			t.Errorf("level %q: %d messages, want %d: %+v", level, len(got), want, got)
		}
	}
	first := page.Messages("")[0]
	if first.Location.URL != page.URL() || first.Location.LineNumber != 1 {
		t.Errorf("location %+v", first.Location)
	}
	if at, err := time.Parse(time.RFC3339, first.Timestamp); err != nil || time.Since(at) > time.Minute {
		t.Errorf("timestamp %q: %v", first.Timestamp, err)
	}
	for _, m := range page.Messages("") {
		if len(m.Text) > 9000 {
			t.Errorf("a message of %d bytes is kept", len(m.Text))
		}
	}
	evaluate[any](t, page.Main(), `for (let i = 0; i < 600; i++) console.log("n" + i)`)
	eventually(t, "the last message", func() bool { return has("log", "n599") })
	if all := page.Messages(""); len(all) != 500 || all[0].Text != "n100" {
		t.Errorf("%d messages from %q on", len(all), all[0].Text)
	}
}

func TestErrors(t *testing.T) {
	page := browsertest.Page(t, `<script>setTimeout(() => { throw new RangeError("too far") });
setTimeout(() => { throw {code: 7} }); Promise.reject(new Error("later"));</script>`)
	eventually(t, "three errors", func() bool { return len(page.Errors(false)) == 3 })
	all := map[string]api.PageError{}
	for _, e := range page.Errors(true) {
		all[e.Message] = e
	}
	if e := all["too far"]; e.Name != "RangeError" || !strings.HasPrefix(e.Stack, "RangeError: too far\n    at ") {
		t.Errorf("%+v", all)
	}
	if e := all["later"]; e.Name != "Error" {
		t.Errorf("%+v", all)
	}
	if _, ok := all["{code: 7}"]; !ok {
		t.Errorf("%+v", all)
	}
	if left := page.Errors(false); len(left) != 0 {
		t.Errorf("cleared, and %+v is left", left)
	}
	evaluate[any](t, page.Main(), `for (let i = 0; i < 250; i++) setTimeout(() => { throw Error("e" + i) })`)
	eventually(t, "the last error", func() bool {
		all := page.Errors(false)
		return len(all) == 200 && all[199].Message == "e249" && all[0].Message == "e50"
	})
}

func TestRequests(t *testing.T) {
	self, other := serve(t, map[string]http.HandlerFunc{
		"/moved":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/api/a", http.StatusFound) },
		"/api/a":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a") },
		"/frame":   html(`<script>fetch("/api/b")</script>`),
		"/api/b":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"/dropped": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	})
	page := browsertest.Tab(t, "about:blank")
	if _, err := page.Navigate(t.Context(), self+"/frame"); err != nil {
		t.Fatal(err)
	}
	evaluate[any](t, page.Main(), `(async () => {
		await fetch("/moved", {method: "POST"});
		await fetch("/dropped").catch(() => {});
		const frame = document.createElement("iframe");
		frame.src = "`+other+`/frame";
		document.body.append(frame);
	})()`)
	var all []string
	eventually(t, "the frame's request", func() bool {
		all = nil
		for i, r := range page.Requests(nil, false) {
			if r.ID != fmt.Sprintf("r%d", i+1) {
				t.Fatalf("id %q of request %d", r.ID, i)
			}
			ok := "?"
			if r.OK != nil {
				ok = fmt.Sprint(*r.OK)
			}
			line := strings.Join([]string{r.Method, strings.NewReplacer(self, "S", other, "O").Replace(r.URL), r.ResourceType, fmt.Sprint(r.Status), ok, r.FailureText}, " ")
			if !strings.Contains(line, "favicon") {
				all = append(all, strings.TrimSpace(line))
			}
		}
		return len(all) == 7 && strings.HasPrefix(all[6], "GET O/api/b fetch 418")
	})
	want := []string{
		"GET S/frame document 200 true",
		"GET S/api/b fetch 418 false",
		"POST S/moved fetch 302 false",
		"GET S/api/a fetch 200 true",
		"GET S/dropped fetch 0 false net::ERR_EMPTY_RESPONSE",
		"GET O/frame document 200 true",
		"GET O/api/b fetch 418 false",
	}
	if !slices.Equal(all, want) {
		t.Errorf("requests\n%s\nwant\n%s", strings.Join(all, "\n"), strings.Join(want, "\n"))
	}
	for pattern, want := range map[string]int{"api/": 3, "**/api/*": 3, "http://localhost*/**": 2} {
		glob, err := tab.ParseGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := page.Requests(glob, false); len(got) != want {
			t.Errorf("%s: %+v", pattern, got)
		}
	}
	page.Requests(nil, true)
	if left := page.Requests(nil, false); len(left) != 0 {
		t.Errorf("cleared, and %+v is left", left)
	}
	evaluate[any](t, page.Main(), `Promise.all(Array.from({length: 520}, (_, i) => fetch("/api/a?" + i)))`)
	if all := page.Requests(nil, false); len(all) != 500 || !strings.HasSuffix(all[499].URL, "/api/a?519") {
		t.Errorf("%d requests, the last %+v", len(all), all[len(all)-1])
	}
}

func TestResponse(t *testing.T) {
	self, other := serve(t, map[string]http.HandlerFunc{
		"/": html("page"),
		"/text": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Said", "yes")
			fmt.Fprint(w, "grüße")
		},
		"/binary": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0xfe, 0}) },
		"/empty":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"/moved":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/text", http.StatusFound) },
		"/large":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 30<<20)) },
		"/broken": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"/frame": html(`<script>fetch("/text?frame")</script>`),
	})
	page := browsertest.Tab(t, self+"/")
	// next waits for a response, which the script causes once somebody waits.
	next := func(pattern string, max int, script string) (api.Response, error) {
		t.Helper()
		glob, err := tab.ParseGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		evaluate[any](t, page.Main(), `setTimeout(() => {`+script+`}, 50)`)
		return page.Response(ctx, glob, max)
	}
	got, err := next("/text", 100, `fetch("/text")`)
	if err != nil || got.Body != "grüße" || got.Status != 200 || got.Headers["x-said"] != "yes" || got.Truncated || got.URL != self+"/text" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = next("**/text", 4, `fetch("/text")`); err != nil || got.Body != "grüß" || !got.Truncated {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = next("/binary", 100, `fetch("/binary")`); err != nil || got.Body != "//4A" || !got.Base64 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = next("/empty", 100, `fetch("/empty")`); err != nil || got.Body != "" || got.Status != 204 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = next("/moved", 100, `fetch("/moved")`); err != nil || got.Status != 302 || got.Headers["location"] != "/text" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = next("text?frame", 100, `document.body.innerHTML = '<iframe src="`+other+`/frame">'`); err != nil || got.Body != "grüße" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = next("/broken", 100, `fetch("/broken").then((r) => r.text())`)
	says(t, err, 500, "/broken broke off: net::ERR_")
	_, err = next("/large", 100, `fetch("/large").then((r) => r.text())`)
	says(t, err, 500, "has not kept", "20 MB")
	if got, err = next("/?again", 100, `location = "/?again"`); err != nil || got.Body != "page" {
		t.Errorf("%+v, %v", got, err)
	}
	glob, _ := tab.ParseGlob("/never")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = page.Response(ctx, glob, 100)
	says(t, err, 404, "no response from /never")
}

func TestStorage(t *testing.T) {
	page := browsertest.Page(t, "<p>page</p>")
	ctx := t.Context()
	for _, kind := range []string{"local", "session"} {
		s, err := page.Storage(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b ü", "length"} {
			if err := s.Set(ctx, key, key+"!"); err != nil {
				t.Fatal(err)
			}
		}
		if got := evaluate[string](t, page.Main(), kind+`Storage.getItem("b ü")`); got != "b ü!" {
			t.Errorf("the page sees %q", got)
		}
		if values, err := s.Values(ctx, ""); err != nil || len(values) != 3 || values["length"] != "length!" {
			t.Errorf("%s: %v, %v", kind, values, err)
		}
		if values, err := s.Values(ctx, "a"); err != nil || len(values) != 1 || values["a"] != "a!" {
			t.Errorf("%s: %v, %v", kind, values, err)
		}
		if values, err := s.Values(ctx, "none"); err != nil || len(values) != 0 {
			t.Errorf("%s: %v, %v", kind, values, err)
		}
		says(t, s.Set(ctx, "large", strings.Repeat("x", 6<<20)), 409, "quota")
		if err := s.Clear(ctx); err != nil {
			t.Fatal(err)
		}
		if values, err := s.Values(ctx, ""); err != nil || len(values) != 0 {
			t.Errorf("%s: cleared, and %v is left, %v", kind, values, err)
		}
	}
	_, err := page.Storage("cookie")
	says(t, err, 400, "kind must be local or session")
	s, _ := browsertest.Tab(t, "data:text/html,x").Storage("local")
	_, err = s.Values(ctx, "")
	says(t, err, 409, "localStorage of data:", "disabled inside 'data:'")
}

func TestCookies(t *testing.T) {
	var got string
	self, _ := serve(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, r *http.Request) { got = r.Header.Get("Cookie") },
	})
	page := browsertest.Tab(t, "about:blank")
	ctx := t.Context()
	value, later := "abc", float64(time.Now().Add(time.Hour).Unix())
	for _, c := range []api.NewCookie{
		{Name: "one", Value: &value, URL: self},
		{Name: "two", Value: &value, Domain: "127.0.0.1", Path: "/", Expires: later, HTTPOnly: true, SameSite: "Strict"},
		{Name: "elsewhere", Value: &value, URL: "https://example.com/"},
	} {
		if err := page.SetCookie(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := page.Navigate(ctx, self+"/"); err != nil || !strings.Contains(got, "one=abc") || !strings.Contains(got, "two=abc") {
		t.Errorf("the server got %q, %v", got, err)
	}
	all, err := page.Cookies(ctx)
	want := api.Cookie{Name: "two", Value: "abc", Domain: "127.0.0.1", Path: "/", Expires: later, HTTPOnly: true, SameSite: "Strict"}
	if err != nil || !slices.Contains(all, want) || len(all) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	if i := slices.IndexFunc(all, func(c api.Cookie) bool { return c.Name == "one" }); all[i].Expires != -1 || all[i].SameSite != "Lax" {
		t.Errorf("%+v", all[i])
	}
	for want, c := range map[string]api.NewCookie{
		"name and value":              {Name: "x", URL: self},
		"url, or domain and path":     {Name: "x", Value: &value, Domain: "example.com"},
		"no http or https address":    {Name: "x", Value: &value, URL: "about:blank"},
		"must be Strict, Lax or None": {Name: "x", Value: &value, URL: self, SameSite: "lax"},
		"seconds since 1970":          {Name: "x", Value: &value, URL: self, Expires: -7},
		"refused by the browser":      {Name: "x", Value: &value, URL: "http://example.com", SameSite: "None"},
	} {
		says(t, page.SetCookie(ctx, c), 400, want)
	}
	if err := page.ClearCookies(ctx); err != nil {
		t.Fatal(err)
	}
	if all, err := page.Cookies(ctx); err != nil || len(all) != 0 {
		t.Errorf("cleared, and %+v is left, %v", all, err)
	}
}
