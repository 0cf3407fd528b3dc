package profile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeeperSocket(t *testing.T) {
	for name, home := range map[string]string{"in the registry": shortDir(t), "beside it": filepath.Join(shortDir(t), strings.Repeat("long/", 30))} {
		t.Run(name, func(t *testing.T) {
			r := resolve(t, Flags{}, Env{Home: home, Lookup: func(string) (string, bool) { return "", false }}).Registry
			dead := filepath.Join(r.Dir(), "keepers", "999999999.sock")
			if err := WriteFile(dead, nil); err != nil {
				t.Fatal(err)
			}
			l, err := r.ListenKeeper()
			if err != nil {
				t.Fatal(err)
			}
			socket := l.Addr().String()
			for path, want := range map[string]fs.FileMode{socket: 0o600, filepath.Dir(socket): 0o700} {
				if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
					t.Errorf("%s: %v, %v", path, info, err)
				}
			}
			inside := within(socket, r.Dir())
			if inside != (name == "in the registry") {
				t.Errorf("it is %s", socket)
			}
			if _, err := os.Stat(dead); inside && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a dead keeper's socket stays: %v", err)
			}
			conn, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a second time: %v", err)
			}
			left := socket
			if !inside {
				left = filepath.Dir(socket)
			}
			if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("left behind: %v", err)
			}
		})
	}
}

// shortDir is a folder whose path leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "k")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
