package chromium

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFindChosen prefers the browser that the person has chosen, when the host
// has it and it is one that we know.
func TestFindChosen(t *testing.T) {
	home, bin := t.TempDir(), t.TempDir()
	list := filepath.Join(home, ".config", "mimeapps.list")
	if err := os.MkdirAll(filepath.Dir(list), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"google-chrome", "brave-browser", "chromium"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"[Default Applications]\nx-scheme-handler/http=brave-browser.desktop\n":                                "brave",
		"[Default Applications]\ntext/html=a\nx-scheme-handler/http = chromium.desktop;brave-browser.desktop;": "chromium",
		"[Default Applications]\nx-scheme-handler/http=microsoft-edge.desktop\n":                               "chrome", // not there
		"[Default Applications]\nx-scheme-handler/http=firefox.desktop\n":                                      "chrome",
	} {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := New(Config{Host: Host{Path: bin, Home: home}}).Find(); err != nil || got.Kind != want {
			t.Errorf("%q: %+v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x-scheme-handler/http=a", "[Added Associations]\nx-scheme-handler/http=a\n\x00[", "[Default Applications]\nx-scheme-handler/https=a"} {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if app := defaultApp(list, "x-scheme-handler/http"); app != "" {
			t.Errorf("%q: %s", text, app)
		}
	}
}
