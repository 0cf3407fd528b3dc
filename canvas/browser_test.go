package canvas

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The starter page in a real browser: the link lets it in, its button reaches
// the bus, a change reloads it, and a native handler comes before the socket.
func TestInBrowser(t *testing.T) {
	h := start(t, true, nil)
	events := h.actions()
	h.watched()
	ctx := chromium(t)

	if err := chromedp.Do(ctx, chromedp.Navigate(h.link(`{}`))); err != nil {
		t.Fatal(err)
	}
	if at, err := chromedp.Run(ctx, chromedp.Location()); err != nil || at != h.url(filesPath) {
		t.Fatalf("at %s, %v", at, err)
	}
	if err := chromedp.Do(ctx, chromedp.Click("#try")); err != nil {
		t.Fatal(err)
	}
	m, err := events.NextMsg(20 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var got action
	if err := json.Unmarshal(m.Data, &got); err != nil {
		t.Fatal(err)
	}
	if id, _ := got.UserAction["id"].(string); id == "" || got.UserAction["name"] != "hello" {
		t.Errorf("got %s", m.Data)
	}

	h.write("index.html", "<title>changed</title>")
	h.eventually("the page is reloaded", func() bool {
		title, err := chromedp.Run(ctx, chromedp.Title())
		return err == nil && title == "changed" // an error while the page goes
	})

	h.quiet()
	for _, tt := range []struct{ expression, want string }{
		{`document.cookie`, ``},
		{`window.webkit = {messageHandlers: {clawdbotCanvasA2UIAction: {postMessage: (m) => { window.got = m; }}}};
		  clawdbotSendUserAction({id: "a1", name: "n"}) + " " + window.got`, `true {"userAction":{"id":"a1","name":"n"}}`},
		{`Clawdbot.postMessage("as it is") + " " + window.got`, `true as it is`},
	} {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](tt.expression))
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.expression, got, err, tt.want)
		}
	}
}

// chromium starts one, which ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(filepath.Join(t.TempDir(), "chromium")))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to start with one as root
	}
	timed, stop := context.WithTimeout(context.Background(), time.Minute)
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
