//go:build unix

package service

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUnitThatIsAPipe: what stands in a unit's place is told, and not waited for.
func TestUnitThatIsAPipe(t *testing.T) {
	host := testHost(t, Systemd)
	host.folder = t.TempDir()
	spec := specs()["default"][Systemd]
	path := filepath.Join(host.folder, "clawdbot-gateway.service")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 2)
	go func() {
		_, _, err := host.Outdated(spec)
		told <- err
		_, err = host.Uninstall(t.Context(), spec.Profile, true)
		told <- err
	}()
	for range 2 {
		select {
		case err := <-told:
			if err == nil || !strings.Contains(err.Error(), path+" is not a regular file") {
				t.Errorf("got %v", err)
			}
		case <-time.After(5 * time.Second):
			// A writer wakes whoever hangs, so that the test can end.
			_ = os.WriteFile(path, nil, 0o600)
			t.Fatal("hangs")
		}
	}
}
