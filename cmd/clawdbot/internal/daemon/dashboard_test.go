package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"clawdbot/profile/ports"
)

// The dashboard of a whole gateway in a real browser, with a peer beside it: the
// link lets it in, and every owner's data is there.
func TestDashboard(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	h.start(h.profile("rescue"), h.base+ports.Step)
	token, err := g.p.ClientToken()
	if err != nil {
		t.Fatal(err)
	}
	ctx := openChromium(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(fmt.Sprintf("http://127.0.0.1:%d/#token=%s", h.base, token))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		do   string // JavaScript
		sees []string
	}{
		{"0", []string{"connected", "beats arrive", "answered /healthz", "held", fmt.Sprint(h.base + ports.Step + ports.OffsetBus), "dashboard"}},
		{"location.hash = '#/incidents'", []string{"Rescue", "No peer was in trouble"}},
		{"location.hash = '#/bus'", []string{"clawdbot.main.health.beat"}},
		{"location.hash = '#/nodes'", []string{"Nobody waits", "No node is paired or connected"}},
		{"location.hash = '#/browser'", []string{"clawd", "not running"}},
		{`[...document.querySelectorAll("button")].find((b) => b.textContent === "Start").click()`, []string{"1 tab", "about:blank", "Live picture", " × "}},
		{"location.hash = '#/config/text'", []string{"valid", "Nothing is changed"}},
		{"location.hash = '#/config/generations'", []string{"Generation 1 runs, from file"}},
		{"location.hash = '#/logs'", []string{g.p.LogFile(), "ready"}},
		{"location.hash = '#/chat'", []string{"Nothing was said"}},
		{`document.querySelector("textarea").value = "/status"; document.querySelector(".say").requestSubmit()`, []string{"peer rescue: ok"}},
	} {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](tt.do+"; 0")); err != nil {
			t.Fatalf("%s: %v", tt.do, err)
		}
		for _, text := range tt.sees {
			sees(t, ctx, tt.do, text)
		}
	}
}

// sees waits until the page shows the text.
func sees(t *testing.T, ctx context.Context, after, text string) {
	t.Helper()
	var shown string
	for end := time.Now().Add(15 * time.Second); !strings.Contains(shown, text); time.Sleep(10 * time.Millisecond) {
		shown, _ = chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText")) // an error while the page comes
		if time.Now().After(end) {
			t.Fatalf("after %s: the page never says %q, but\n%s", after, text, shown)
		}
	}
}

// openChromium starts one, which ends with the test.
func openChromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(filepath.Join(t.TempDir(), "chromium")))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to start with one as root
	}
	timed, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(stop)
	alloc, end := chromedp.NewExecAllocator(timed, options...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the process; the folder must be free
		closeTab()
	})
	return ctx
}
