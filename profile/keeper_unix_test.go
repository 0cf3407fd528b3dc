//go:build unix

package profile

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeeperOfAnEntry: what the registry says is spoken to only where a clawdbot up listens.
func TestKeeperOfAnEntry(t *testing.T) {
	for _, depth := range []int{0, 30} { // the second is too long for a socket
		home := filepath.Join(shortDir(t), strings.Repeat("long/", depth))
		r := resolve(t, Flags{}, Env{Home: home, Lookup: func(string) (string, bool) { return "", false }}).Registry
		l, err := r.ListenKeeper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		socket := l.Addr().String()
		for _, kept := range []string{"", socket, filepath.Join(filepath.Dir(socket), "1.sock")} { // none, it, and one that has ended
			if got, err := r.Keeper(Instance{Profile: "main", Keeper: kept}); err != nil || got != kept {
				t.Errorf("%q: %q, %v", kept, got, err)
			}
		}
		open, linked, file := filepath.Join(shortDir(t), "clawdbot-x"), filepath.Join(shortDir(t), "clawdbot-y"), filepath.Join(filepath.Dir(socket), "2.sock")
		link := filepath.Join(filepath.Dir(socket), "3.sock")
		for _, err := range []error{
			os.Mkdir(open, 0o755), os.Symlink(filepath.Dir(socket), linked), os.WriteFile(file, nil, 0o600), os.Symlink(socket, link),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { _, _ = os.Remove(file), os.Remove(link) })
		lax, err := net.Listen("unix", filepath.Join(open, "7.sock"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = lax.Close() })
		for name, kept := range map[string]string{
			"elsewhere":                 lax.Addr().String(),
			"over a link":               filepath.Join(linked, filepath.Base(socket)),
			"a link":                    link,
			"a file":                    file,
			"relative":                  "7.sock",
			"a name of somebody else's": filepath.Join(filepath.Dir(socket), "up"),
			"out again":                 filepath.Dir(socket) + "/../7.sock",
		} {
			if got, err := r.Keeper(Instance{Profile: "main", Keeper: kept}); err == nil || got != "" || !strings.Contains(err.Error(), "keeper of main: "+kept+" is ") {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}
