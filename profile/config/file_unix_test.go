//go:build unix

package config

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipesDoNotHang: a pipe without a writer, wherever a file is read, is an error that names it.
func TestPipesDoNotHang(t *testing.T) {
	for _, pipe := range []string{"clawdbot.json", "included.json", ".env"} {
		o := write(t, map[string]string{
			"clawdbot.json": `{$include: "included.json"}`, "included.json": "{}", ".env": "",
		})
		path := strings.TrimSuffix(o.Path, "clawdbot.json") + pipe
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { _, err := Load(o); done <- err }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), path+" is not a regular file") {
				t.Errorf("%s: got %v", pipe, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: hangs", pipe)
		}
	}
}
