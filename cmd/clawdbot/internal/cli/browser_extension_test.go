package cli

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"clawdbot/browser/relay/extension"
	"clawdbot/profile/ports"
)

// TestBrowserExtension installs the extension before the gateway has ever run, and
// again; its secret stays, and nobody else can read it.
func TestBrowserExtension(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "browser", "extension"}, args...)...)
	}
	on("path").wants(1, "", "the extension is not installed\ntry: clawdbot --profile main browser extension install")
	out := on("install").wants(0, p.ExtensionDir(), "").out
	if out == on("install").wants(0, "Reload button", "").out {
		t.Error("the second time reads as the first")
	}
	on("path").wants(0, p.ExtensionDir()+"\n", "")
	var place extensionPlace
	on("path", "--json").wants(0, "", "").into(&place)
	want := extensionPlace{"main", p.ExtensionDir(), extension.ID("main"), h.base + ports.OffsetRelay}
	if place != want {
		t.Errorf("%+v, want %+v", place, want)
	}
	first, err := extension.Read(place.Path)
	if err != nil || first.Port != place.Port || len(first.Secret) < 20 {
		t.Errorf("pairing %+v, %v", first, err)
	}
	h.run("--profile", "main", "config", "set", "gateway.port", strconv.Itoa(h.base+ports.Step)).wants(0, "", "")
	on("install", "--json").wants(0, "", "").into(&place)
	if again, err := extension.Read(place.Path); err != nil || again.Secret != first.Secret || again.Port != h.base+ports.Step+ports.OffsetRelay || again.Port != place.Port {
		t.Errorf("pairing %+v, %v", again, err)
	}
	for path, want := range map[string]os.FileMode{place.Path: 0o700, filepath.Join(place.Path, "pairing.json"): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st, err)
		}
	}
}
