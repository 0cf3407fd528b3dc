package canvas

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// page opens a page's socket, as the script does.
func (h *host) page(version string) *websocket.Conn {
	h.Helper()
	c, res, err := websocket.Dial(h.Context(), "ws://"+h.Addr().String()+socketPath+"?version="+version, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}, "Origin": {"http://" + h.Addr().String()}},
	})
	if err != nil {
		h.Fatalf("%v, %+v", err, res)
	}
	h.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// version returns the version that a page has now.
func (h *host) version() string {
	h.Helper()
	found := regexp.MustCompile(`\(true, (\d+)\);</script>`).FindStringSubmatch(h.get(filesPath, bearer).body)
	if found == nil {
		h.Fatal("no version in the page")
	}
	return found[1]
}

// watched waits until the folder of a file in the root is watched, and returns
// the version of then.
func (h *host) watched() string {
	h.Helper()
	before := h.version()
	h.eventually("the root is watched", func() bool {
		h.write("probe.txt", time.Now().String())
		return h.version() != before
	})
	return h.quiet()
}

// quiet waits until no more changes are on their way, and returns the version.
func (h *host) quiet() string {
	h.Helper()
	last, since := h.version(), time.Now()
	h.eventually("quiet", func() bool {
		if v := h.version(); v != last {
			last, since = v, time.Now()
		}
		return time.Since(since) > 3*settle
	})
	return last
}

func (h *host) eventually(what string, ok func() bool) {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("not in 20 s: %s", what)
		}
	}
}

func (h *host) mustReload(c *websocket.Conn, why string) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
	defer cancel()
	typ, data, err := c.Read(ctx)
	if err != nil || typ != websocket.MessageText || string(data) != "reload" {
		h.Fatalf("%s: got %v %q, %v", why, typ, data, err)
	}
}

func TestLiveReload(t *testing.T) {
	h := start(t, true, map[string]string{"index.html": "<p>1"})
	one, two := h.page(h.watched()), h.page("")
	h.write("index.html", "<p>2")
	h.mustReload(one, "a changed file")
	h.mustReload(two, "a changed file")

	c := h.page(h.watched())
	h.write("new/deep/style.css", "a{}")
	h.mustReload(c, "a new folder")
	c = h.page(h.watched())
	h.write("new/deep/style.css", "b{}")
	h.mustReload(c, "a file in a folder that is new")
	c = h.page(h.watched())
	if err := os.Remove(filepath.Join(h.root, "new", "deep", "style.css")); err != nil {
		t.Fatal(err)
	}
	h.mustReload(c, "a removed file")

	// A page that loaded before a change, and whose socket opens after it.
	old := h.version()
	h.write("index.html", "<p>3")
	h.eventually("the change is seen", func() bool { return h.version() != old })
	h.mustReload(h.page(old), "a page from before the change")
}

func TestHiddenFilesDoNotReload(t *testing.T) {
	h := start(t, true, map[string]string{"index.html": "<p>1"})
	before := h.watched()
	h.write(".index.html.swp", "x")
	h.write(".git/index", "x")
	if after := h.quiet(); after != before {
		t.Errorf("version %s became %s", before, after)
	}
	c := h.page(before)
	h.write("index.html", "<p>2")
	h.mustReload(c, "a changed file")
}

func TestRootReplaced(t *testing.T) {
	h := start(t, true, map[string]string{"index.html": "<p>1"})
	c := h.page(h.watched())
	if err := os.Rename(h.root, h.root+".old"); err != nil {
		t.Fatal(err)
	}
	if got := h.get(filesPath, bearer); got.StatusCode != 404 {
		t.Errorf("without a root: got %d", got.StatusCode)
	}
	h.write("index.html", "<p>2")
	h.mustReload(c, "a new root")
	if got := h.get(filesPath, bearer); !strings.HasSuffix(got.body, "<p>2") {
		t.Errorf("got %q", got.body)
	}
	c = h.page(h.watched())
	h.write("index.html", "<p>3")
	h.mustReload(c, "a file in the new root")
}

func TestNoLiveReload(t *testing.T) {
	h := start(t, false, map[string]string{"index.html": "<p>1"})
	if got := h.get(filesPath, bearer); !strings.Contains(got.body, "(false, ") {
		t.Error("the page does not know that live reload is off")
	}
	c := h.page("1") // stale, were there reloads
	h.write("index.html", "<p>2")
	ctx, cancel := context.WithTimeout(t.Context(), 4*settle)
	defer cancel()
	if _, data, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestUserAction(t *testing.T) {
	h := start(t, false, nil)
	events := h.actions()
	c := h.page("")
	ctx := t.Context()
	for _, text := range []string{
		`junk`, `[]`, `{"userAction":5}`, `{"userAction":{}}`, `{"userAction":{"id":5}}`, `{"other":{"id":"a"}}`,
		`{"userAction":{"id":"a1","name":"hello","context":{"n":1}}}`,
	} {
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := events.NextMsg(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var got action
	if err := json.Unmarshal(m.Data, &got); err != nil {
		t.Fatal(err)
	}
	if got.UserAction["id"] != "a1" || got.UserAction["name"] != "hello" || got.TS == 0 {
		t.Errorf("got %s", m.Data)
	}
	flood := make(chan error, 1)
	go func() {
		for {
			if err := c.Write(ctx, websocket.MessageText, []byte("flood")); err != nil {
				flood <- err
				return
			}
		}
	}()
	if _, _, err := c.Read(ctx); err == nil {
		t.Error("a page that floods was told to reload")
	}
	<-flood
}

// actions subscribes to the event.
func (h *host) actions() *nats.Subscription {
	h.Helper()
	subj, err := h.bus.Subjects.Event("canvas.action")
	if err != nil {
		h.Fatal(err)
	}
	nc := h.bus.Conn(h)
	sub, err := nc.SubscribeSync(subj)
	if err != nil {
		h.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		h.Fatal(err)
	}
	return sub
}

func TestSocketRefused(t *testing.T) {
	h := start(t, false, nil)
	upgrade := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	if got := h.get(socketPath, append(upgrade, bearer, "Origin: http://evil.example")...); got.StatusCode != 403 {
		t.Errorf("foreign origin: got %d", got.StatusCode)
	}
	if got := h.get(socketPath, bearer); got.StatusCode != 426 {
		t.Errorf("no upgrade: got %d", got.StatusCode)
	}
	for range maxPages {
		h.page("")
	}
	if got := h.get(socketPath, append(upgrade, bearer)...); got.StatusCode != 503 || !strings.Contains(got.body, "too many canvas pages") {
		t.Errorf("past the cap: got %d %q", got.StatusCode, got.body)
	}
	var st msg.CanvasStatus
	if err := h.call("status", "", &st); err != nil || st.Pages != maxPages {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestRunEndsWithOpenPages(t *testing.T) {
	h := start(t, true, nil)
	c := h.page(h.watched())
	began := time.Now()
	h.stop()
	if took := time.Since(began); took > time.Second {
		t.Errorf("Run took %v to end", took)
	}
	if _, _, err := c.Read(t.Context()); err == nil {
		t.Error("the page's socket is open")
	}
	var none msg.CanvasStatus
	if e, ok := errors.AsType[*bus.Error](h.call("status", "", &none)); !ok || e.Code != bus.CodeUnavailable {
		t.Errorf("the service is still on the bus: %v", e)
	}
}
