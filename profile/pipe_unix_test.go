//go:build unix

package profile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawdbot/profile/config"
)

// TestPipesDoNotHang: a pipe without a writer in the place of a token, a secret or a registry file is an error that names it.
func TestPipesDoNotHang(t *testing.T) {
	p := resolve(t, Flags{}, testEnv(t, nil))
	for path, read := range map[string]func() error{
		p.TokenFile():          func() error { _, err := p.Credential(config.Config{}); return err },
		p.Registry.file("odd"): func() error { _, err := p.Registry.List(); return err },
		p.BusKey("debug"):      func() error { _, err := Secret(p.BusKey("debug")); return err },
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- read() }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), path+" is not a regular file") {
				t.Errorf("%s: got %v", path, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: hangs", path)
		}
	}
}
