package tab_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// echo answers with a request's header.
func echo(header string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		fmt.Fprint(w, r.Header.Get(header))
	}
}

// settings is a page with a frame of another site, both of which see a setting.
type settings struct {
	*tab.Tab
	other string
}

func openSettings(t *testing.T, routes map[string]http.HandlerFunc) settings {
	t.Helper()
	if routes == nil {
		routes = map[string]http.HandlerFunc{}
	}
	var other string
	routes["/"] = func(w http.ResponseWriter, r *http.Request) { html(`<iframe src="%s/frame"></iframe>`, other)(w, r) }
	routes["/frame"] = html("frame")
	self, site := serve(t, routes)
	other = site
	s := settings{browsertest.Tab(t, self+"/"), other}
	s.frames(t)
	return s
}

// frames are the page's two.
func (s settings) frames(t *testing.T) []*tab.Frame {
	t.Helper()
	var frames []*tab.Frame
	eventually(t, "the frame of another site", func() bool {
		frames = s.Frames()
		return len(frames) == 2 && len(s.Sessions()) == 2 && frames[1].URL() == s.other+"/frame"
	})
	return frames
}

// see checks what the page and its frame see: now, in a frame that comes later,
// and in a page that comes after a crash.
func (s settings) see(t *testing.T, expression string, want any) {
	t.Helper()
	look := func(when string) {
		t.Helper()
		for _, f := range s.frames(t) {
			if got := evaluate[any](t, f, expression); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, frame %d: %s is %v, want %v", when, f.Index(), expression, got, want)
			}
		}
	}
	look("now")
	evaluate[any](t, s.Main(), `document.querySelector("iframe").remove()`)
	eventually(t, "no frame", func() bool { return len(s.Frames()) == 1 && len(s.Sessions()) == 1 })
	evaluate[any](t, s.Main(), `document.body.append(Object.assign(document.createElement("iframe"), {src: "`+s.other+`/frame"}))`)
	look("in a new frame")
	s.crash(t)
	look("after a crash")
}

// crash ends the page's renderer, and loads the page again.
func (s settings) crash(t *testing.T) {
	t.Helper()
	address := s.URL()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_ = devtools.Do(ctx, s.Session(), page.Crash, cdp.Empty{}) // never answers well
	eventually(t, "the crash", s.Session().Crashed)
	if _, err := s.Navigate(ctx, address); err != nil {
		t.Fatalf("after a crash: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOffline(t *testing.T) {
	s := openSettings(t, map[string]http.HandlerFunc{"/echo": echo("X")})
	const fetches = `fetch("/echo").then(() => "online", () => "offline")`
	must(t, s.SetOffline(t.Context(), true))
	for _, f := range s.frames(t) {
		if got := evaluate[string](t, f, fetches); got != "offline" {
			t.Errorf("frame %d is %s", f.Index(), got)
		}
		if evaluate[bool](t, f, "navigator.onLine") {
			t.Errorf("frame %d thinks that it is online", f.Index())
		}
	}
	_, err := s.Navigate(t.Context(), s.URL())
	says(t, err, 500, "net::ERR_INTERNET_DISCONNECTED")
	must(t, s.SetOffline(t.Context(), false))
	_, err = s.Navigate(t.Context(), strings.Replace(s.other, "localhost", "127.0.0.1", 1)+"/")
	must(t, err)
	for _, f := range s.frames(t) {
		if got := evaluate[string](t, f, fetches); got != "online" {
			t.Errorf("frame %d is %s", f.Index(), got)
		}
	}
}

func TestHeaders(t *testing.T) {
	s := openSettings(t, map[string]http.HandlerFunc{"/echo": echo("X-Debug")})
	const fetched = `fetch("/echo").then((r) => r.text())`
	must(t, s.SetHeaders(t.Context(), map[string]string{"X-Debug": "yes"}))
	s.see(t, fetched, "yes")
	must(t, s.SetHeaders(t.Context(), map[string]string{}))
	s.see(t, fetched, "")
	for _, name := range []string{"", "two words", "colon:", "ü"} {
		says(t, s.SetHeaders(t.Context(), map[string]string{name: "x"}), 400, "none that a request can carry")
	}
	says(t, s.SetHeaders(t.Context(), map[string]string{"X": "a\r\nY: b"}), 400, "none that a request can carry")
}

func TestCredentials(t *testing.T) {
	asked := make(chan string, 100)
	guarded := func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked <- user + ":" + password
		if user != "me" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "come in")
	}
	s := openSettings(t, map[string]http.HandlerFunc{"/guarded": guarded, "/guarded/2": guarded, "/guarded/3": guarded, "/guarded/4": guarded, "/open": echo("X")})
	fetched := func(path string) string { return `fetch("` + path + `").then((r) => r.status)` }
	self := strings.Replace(s.other, "localhost", "127.0.0.1", 1)
	must(t, s.SetCredentials(t.Context(), &tab.Credentials{Username: "me", Password: "wrong"}))
	if got := evaluate[int](t, s.Main(), fetched("/guarded")); got != 401 {
		t.Errorf("wrong credentials: %d", got)
	}
	if first, second := <-asked, <-asked; first != ":" || second != "me:wrong" || len(asked) > 0 {
		t.Errorf("asked with %q, %q and %d more", first, second, len(asked))
	}
	must(t, s.SetCredentials(t.Context(), &tab.Credentials{Username: "me", Password: "secret", Origin: s.other}))
	if got := evaluate[int](t, s.Main(), fetched("/guarded/2")); got != 401 {
		t.Errorf("another origin got the credentials: %d", got)
	}
	must(t, s.SetCredentials(t.Context(), &tab.Credentials{Username: "me", Password: "secret"}))
	if got := evaluate[int](t, s.Main(), fetched("/guarded/2")); got != 200 {
		t.Errorf("right credentials: %d", got)
	}
	s.crash(t)
	if got := evaluate[int](t, s.Main(), fetched("/guarded/3")); got != 200 {
		t.Errorf("after a crash: %d", got)
	}
	if got := evaluate[int](t, s.Main(), fetched("/open")); got != 200 {
		t.Errorf("a page that asks for nothing: %d", got)
	}
	if _, err := s.Navigate(t.Context(), self+"/guarded/4"); err != nil || evaluate[string](t, s.Main(), "document.body.innerText") != "come in" {
		t.Errorf("navigated to %s, %v", s.URL(), err)
	}
	must(t, s.SetCredentials(t.Context(), nil))
	says(t, s.SetCredentials(t.Context(), &tab.Credentials{Username: "me", Origin: "example.com"}), 400, "must look like https://")
}

func TestGeolocation(t *testing.T) {
	s := openSettings(t, nil)
	const where = `new Promise((done) => navigator.geolocation.getCurrentPosition(
		(p) => done([p.coords.latitude, p.coords.longitude, p.coords.accuracy].join()), (e) => done("error " + e.code)))`
	must(t, s.SetGeolocation(t.Context(), &tab.Place{Latitude: 52.5, Longitude: 0, Accuracy: 7}, ""))
	if got := evaluate[string](t, s.Main(), where); got != "52.5,0,7" {
		t.Errorf("the page is at %s", got)
	}
	s.crash(t)
	if got := evaluate[string](t, s.Main(), where); got != "52.5,0,7" {
		t.Errorf("after a crash the page is at %s", got)
	}
	must(t, s.SetGeolocation(t.Context(), nil, ""))
	if got := evaluate[string](t, s.Main(), `navigator.permissions.query({name: "geolocation"}).then((p) => p.state)`); got == "granted" {
		t.Error("cleared, and the page may still ask")
	}
	for _, p := range []tab.Place{{Latitude: 91}, {Longitude: -181}, {Accuracy: -1}, {Latitude: math.Inf(1)}} {
		says(t, s.SetGeolocation(t.Context(), &p, ""), 400, "latitude must be from -90 to 90")
	}
	says(t, s.SetGeolocation(t.Context(), &tab.Place{}, "about:blank"), 400, "must look like https://")
}

func TestColorScheme(t *testing.T) {
	s := openSettings(t, nil)
	const dark = `matchMedia("(prefers-color-scheme: dark)").matches`
	must(t, s.SetColorScheme(t.Context(), "dark"))
	s.see(t, dark, true)
	must(t, s.SetColorScheme(t.Context(), "light"))
	s.see(t, dark, false)
	must(t, s.SetColorScheme(t.Context(), "none"))
	says(t, s.SetColorScheme(t.Context(), "blue"), 400, "dark, light, no-preference or none")
}

func TestTimezone(t *testing.T) {
	s := openSettings(t, nil)
	must(t, s.SetTimezone(t.Context(), "Asia/Tokyo"))
	must(t, s.SetTimezone(t.Context(), "America/New_York"))
	says(t, s.SetTimezone(t.Context(), "Mars/Base"), 500, `unknown timezone "Mars/Base"`, "Europe/Berlin")
	s.see(t, "Intl.DateTimeFormat().resolvedOptions().timeZone + new Date(0).getTimezoneOffset()", "America/New_York300")
}

func TestLocale(t *testing.T) {
	s := openSettings(t, map[string]http.HandlerFunc{"/echo": echo("Accept-Language")})
	agent := evaluate[string](t, s.Main(), "navigator.userAgent")
	must(t, s.SetLocale(t.Context(), "fr-FR"))
	must(t, s.SetLocale(t.Context(), "de-DE"))
	says(t, s.SetLocale(t.Context(), "no such"), 500, `unknown locale "no such"`, "de-DE")
	s.see(t, `[navigator.language, (1.5).toLocaleString(), navigator.userAgent].join(" ")`, "de-DE 1,5 "+agent)
	s.see(t, `fetch("/echo").then((r) => r.text())`, "de-DE")
}

func TestDevice(t *testing.T) {
	s := openSettings(t, map[string]http.HandlerFunc{"/echo": echo("User-Agent")})
	must(t, s.SetLocale(t.Context(), "de-DE"))
	must(t, s.SetDevice(t.Context(), "iphone 14"))
	s.see(t, `fetch("/echo").then((r) => r.text()).then((a) => [a.includes("iPhone"), navigator.userAgent.includes("iPhone"), navigator.maxTouchPoints > 0, navigator.language].join())`, "true,true,true,de-DE")
	const size = `[innerWidth, innerHeight, screen.orientation.type].join()`
	s.crash(t)
	if got := evaluate[string](t, s.Main(), `new Promise((done) => requestAnimationFrame(() => done([screen.width, screen.height, devicePixelRatio, screen.orientation.type].join())))`); got != "390,663,3,portrait-primary" {
		t.Errorf("the page's size is %s", got)
	}
	must(t, s.SetDevice(t.Context(), "Pixel 5 landscape"))
	if got := evaluate[string](t, s.Main(), `[screen.width, screen.height, screen.orientation.type].join()`); got != "851,393,landscape-primary" {
		t.Errorf("the page's size is %s", got)
	}
	if got := evaluate[string](t, s.Main(), "navigator.userAgent"); !strings.Contains(got, "Pixel 5") || !strings.Contains(got, ".0.0.0 Mobile") || strings.Contains(got, "Chrome/99") {
		t.Errorf("the page's user agent is %s", got)
	}
	must(t, s.Resize(t.Context(), 700, 500))
	if got := evaluate[string](t, s.Main(), size); !strings.HasPrefix(got, "700,500,") {
		t.Errorf("the page's size is %s", got)
	}
	s.crash(t)
	if got := evaluate[string](t, s.Main(), size); !strings.HasPrefix(got, "700,500,") {
		t.Errorf("after a crash the page's size is %s", got)
	}
	says(t, s.SetDevice(t.Context(), "Nokia 3310"), 500, `unknown device "Nokia 3310"`, "iPhone 14", "Pixel 5")
}
