package cli

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

// TestCanvas opens a page with nothing but the address that canvas url prints.
func TestCanvas(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "canvas"}, args...)...)
	}
	on("url").wants(3, "", "the gateway of profile main does not run")
	on("status", "--json").wants(3, `"error": "the gateway of profile main does not run"`, "")
	h.gateway(p, 0)
	var st msg.CanvasStatus
	on("status", "--json").wants(0, "", "").into(&st)
	on("status").wants(0, "Canvas of profile main: "+st.URL, "")
	if err := os.WriteFile(filepath.Join(st.Root, "a.html"), []byte("<p>hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Jar: jar, Timeout: 10 * time.Second}
	resp, err := client.Get(strings.TrimSpace(on("url", "a.html").wants(0, "http://127.0.0.1:", "good until").out))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "<p>hello") {
		t.Errorf("%s: %s, %v", resp.Status, body, err)
	}
	var l msg.CanvasLink
	on("url", "--json").wants(0, "", "").into(&l)
	if l.ExpiresAtMs < time.Now().UnixMilli() {
		t.Errorf("%+v", l)
	}
	on("url", "../x").wants(2, "", "is not a path in the canvas")
}
