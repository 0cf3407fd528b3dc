package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/gateway"
	"clawdbot/gateway/dashboard"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

const token = "the-token-of-this-test"

// fixture is a real gateway that serves the page, on a bus where one service
// stands for the owners of the methods.
type fixture struct {
	t    *testing.T
	bus  *bustest.Bus
	nc   *nats.Conn
	addr string
	stop func()
}

// start runs a gateway at the base path with the methods besides its own.
func start(t *testing.T, base string, methods map[string]bus.Handler) *fixture {
	t.Helper()
	b := bustest.Start(t, "main")
	f := &fixture{t: t, bus: b, nc: b.Conn(t)}
	f.serve(methods)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	f.run(l, base)
	return f
}

func (f *fixture) serve(methods map[string]bus.Handler) {
	f.t.Helper()
	var endpoints []bus.Endpoint
	for method, handle := range methods {
		endpoints = append(endpoints, bus.Endpoint{
			Name: strings.ReplaceAll(method, ".", "-"), Subject: f.subject(f.bus.Subjects.RPC(method)), Handle: handle,
		})
	}
	svc, err := bus.Serve(bus.ServiceConfig{Name: "owners", Version: "1.0.0", Conn: f.bus.Conn(f.t), Profile: "main", Endpoints: endpoints})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = svc.Stop() })
}

// run runs a gateway on the listener until the end of the test, or stop.
func (f *fixture) run(l net.Listener, base string) {
	f.t.Helper()
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		f.t.Fatal(err)
	}
	kept, err := store.Open(store.Config{Dir: f.t.TempDir()})
	if err != nil {
		f.t.Fatal(err)
	}
	ps, err := ports.Derive(18789)
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := gateway.New(gateway.Config{
		Listener: l, Subjects: f.bus.Subjects, Dial: f.bus.Dial, Gate: g, Version: "1.2.3", Store: kept, Ports: ps,
		Log:          slog.New(slog.NewTextHandler(f.t.Output(), nil)),
		NodeCommands: config.NodeCommands{AllowCommands: []string{"camera.snap", "door.open"}},
		Identity:     gateway.Identity{Profile: "main", ConfigPath: "/p/clawdbot.json", StateDir: "/p"},
		Generation:   func() msg.Generation { return msg.Generation{Generation: 4, Source: "file", Verdict: "good"} },
		HTTP:         gateway.HTTP{BasePath: base, UI: dashboard.Handler(dashboard.Config{BasePath: base, Profile: "main"})},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Errorf("stop: %v", err)
		}
		if err := kept.Close(); err != nil {
			f.t.Error(err)
		}
	})
	f.t.Cleanup(f.stop)
}

func (f *fixture) subject(subj string, err error) string {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	return subj
}

// publish sends a payload as a component would.
func (f *fixture) publish(subj string, payload any) {
	f.t.Helper()
	body, err := json.Marshal(payload)
	if err == nil {
		err = f.nc.Publish(subj, body)
	}
	if err == nil {
		err = f.nc.Flush()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// event sends an event to the clients.
func (f *fixture) event(name string, payload any) {
	f.t.Helper()
	f.publish(f.subject(f.bus.Subjects.Event(name)), payload)
}

// tab is a page of the browser that notes what it must not see.
type tab struct {
	t   *testing.T
	ctx context.Context
	own string // the gateway's host and port

	mu  sync.Mutex
	bad []string // requests elsewhere, violations, exceptions
}

func (f *fixture) tab() *tab {
	f.t.Helper()
	ctx, closeTab := chromedp.NewContext(chromium)
	f.t.Cleanup(closeTab)
	timed, cancel := context.WithTimeout(ctx, 90*time.Second)
	f.t.Cleanup(cancel)
	b := &tab{t: f.t, ctx: ctx, own: f.addr}
	b.do(chromedp.Navigate("about:blank")) // with the context that lives as long as the tab
	b.ctx = timed
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(b.clean)
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `addEventListener("securitypolicyviolation", (e) => { throw new Error("policy violated: " + e.violatedDirective + " " + e.blockedURI); });`,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	b.look(1280, 900, "light")
	return b
}

// watch notes requests that leave the gateway and whatever goes wrong in the page.
func (b *tab) watch(ev any) {
	var bad string
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		if url := ev.Request.URL; !strings.HasPrefix(url, "http://"+b.own+"/") && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			bad = "request to " + url
		} else if strings.Contains(url, token) {
			bad = "the token is in the address of a request: " + url
		}
	case *network.EventWebSocketCreated:
		if !strings.HasPrefix(ev.URL, "ws://"+b.own+"/") || strings.Contains(ev.URL, token) {
			bad = "socket to " + ev.URL
		}
	case *runtime.EventExceptionThrown:
		bad = "exception: " + ev.ExceptionDetails.Text
		if ev.ExceptionDetails.Exception != nil {
			bad += " " + ev.ExceptionDetails.Exception.Description
		}
	}
	if bad != "" {
		b.mu.Lock()
		b.bad = append(b.bad, bad)
		b.mu.Unlock()
	}
}

// clean fails the test when the page did what it must not.
func (b *tab) clean() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bad := range b.bad {
		b.t.Error(bad)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval runs an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until the expression is true in the page.
func (b *tab) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")) // an error while the page goes
		if err == nil && is {
			return
		}
		if time.Now().After(end) {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.t.Fatalf("never: %s (%v); the page says:\n%s", expression, err, text)
		}
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// sees waits until the page shows every text.
func (b *tab) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("document.body.innerText.replaceAll('\u00a0', ' ').includes(%q)", text))
	}
}

// click waits for the control with that text or label and clicks it.
func (b *tab) click(text string) {
	b.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("dialog[open] button, button, a, summary, [data-row]")].find((e) => !e.disabled && (e.getAttribute("aria-label") ?? e.innerText).trim().startsWith(%q))`, text)
	b.until(find)
	eval[bool](b, "("+find+".click(), true)")
}

// confirm says yes to the dialog that asks.
func (b *tab) confirm() {
	b.t.Helper()
	b.until(`document.querySelector("dialog .button:not(.quiet)")`)
	eval[bool](b, `(document.querySelector("dialog .button:not(.quiet)").click(), true)`)
}

// put gives a field a value as typing would.
func (b *tab) put(selector, value string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)", selector))
	eval[bool](b, fmt.Sprintf(`((e) => {
		e.value = %q;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})(document.querySelector(%q))`, value, selector))
}

// press types keys where the focus is.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// open opens the page by a link and waits for the connection.
func (b *tab) open(base string) {
	b.t.Helper()
	b.do(chromedp.Navigate("http://" + b.own + base + "#token=" + token))
	b.sees("connected")
}

// goTo opens one of the pages.
func (b *tab) goTo(hash string) {
	b.t.Helper()
	eval[string](b, fmt.Sprintf("location.hash = %q", hash))
}

// look sets the size and the colours.
func (b *tab) look(width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// screenshot keeps a picture of the page as an artefact of the test.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("CLAWDBOT_SCREENSHOTS")
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		if pair[0] == "Host" {
			r.Host = pair[1]
		}
		r.Header.Set(pair[0], pair[1])
	}
	return record(h, r)
}
