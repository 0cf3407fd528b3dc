package browser

import (
	"os"
	"path/filepath"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
)

// TestPrivateFiles keeps the gateways' own files from pages, whatever leads to
// them.
func TestPrivateFiles(t *testing.T) {
	needChromium(t)
	state, elsewhere := t.TempDir(), t.TempDir()
	secret := filepath.Join(state, "gateway.token")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(elsewhere, "link")
	if err := os.Symlink(state, link); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(elsewhere, "mine.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var dir string
	s := serve(t, func(c *Config) {
		c.Dir = filepath.Join(state, "browser")
		dir = c.Dir
		c.Private = func() []string { return []string{state} }
	})
	var opened api.Opened
	s.ok(t, "POST", "/tabs/open", `{"url":`+quote(browsertest.Serve(t, map[string]string{"/": `<input type=file id=f>`}))+`}`, &opened)
	upload := func(path string) string { return `{"element":"#f","paths":[` + quote(path) + `]}` }
	for _, path := range []string{secret, filepath.Join(link, "gateway.token"), filepath.Join(dir, "downloads", "..", "..", "gateway.token")} {
		s.refused(t, "POST", "/hooks/file-chooser", upload(path), 400, "belongs to a gateway of this host")
	}
	s.refused(t, "POST", "/wait/download", `{"path":`+quote(secret)+`,"timeoutMs":500}`, 400, "belongs to a gateway of this host")
	s.ok(t, "POST", "/trace/start", "", nil)
	s.refused(t, "POST", "/trace/stop", `{"path":`+quote(filepath.Join(link, "new.zip"))+`}`, 400, "belongs to a gateway of this host")
	s.ok(t, "POST", "/trace/stop", "", nil) // into the folder of pictures, which pages made
	s.ok(t, "POST", "/hooks/file-chooser", upload(mine), nil)
	var picture api.Screenshot
	s.ok(t, "POST", "/screenshot", "", &picture)
	s.ok(t, "POST", "/hooks/file-chooser", upload(picture.Path), nil)
}
