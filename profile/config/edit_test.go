package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"clawdbot/profile/config/json5"
)

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSetAndUnset(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": "{\n  // ports\n  gateway: { port: 19001 },\n}\n"})
	l, err := Set(o, mustLoad(t, o).Hash, "gateway.auth.token", `"secret"`)
	if err != nil || l.Config.Gateway.Auth.Token != "secret" {
		t.Fatalf("got %+v, %v", l, err)
	}
	if got := mustLoad(t, o).Hash; got != l.Hash {
		t.Errorf("the returned hash %s is not that of the file, %s", l.Hash, got)
	}
	if l, err = Unset(o, l.Hash, "gateway.port"); err != nil || l.Config.Gateway.Port != 0 {
		t.Fatalf("got %+v, %v", l, err)
	}
	if got := read(t, o.Path); !strings.Contains(got, "// ports") || strings.Contains(got, "19001") {
		t.Errorf("got %s", got)
	}
	if _, err := Unset(o, "", "gateway.port"); !errors.Is(err, json5.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestEditRefusesAnInvalidResult(t *testing.T) {
	const text = "{gateway: {port: 19001}}"
	o := write(t, map[string]string{"clawdbot.json": text})
	for _, tt := range []struct{ path, value, want string }{
		{"gateway.port", "70000", "clawdbot.json:1:18: gateway.port: must be a whole number from 1 to 65535 (got 70000)"},
		{"gateway.bind", "'lan'", "clawdbot.json:1:31: gateway.bind: lan opens a port to the network, which needs gateway.auth.token"},
		{"gateway.port.x", "1", "gateway.port is a number and has nothing below it"},
		{"gateway.bind", "lan", `value:1:1: a word without quotes is not a value; strings need quotes`},
		{"gateway[", "1", `path "gateway[": the bracket "[" has no ]`},
	} {
		if _, err := Set(o, "", tt.path, tt.value); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.path, err, tt.want)
		}
		if got := read(t, o.Path); got != text {
			t.Errorf("%s: the file became %s", tt.path, got)
		}
	}
}

func TestEditRepairsAnInvalidFile(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": `{gateway: {port: 0}, bus: 5}`})
	l, err := Set(o, "", "gateway.port", "19001")
	if want := "clawdbot.json:1:31: bus: must be an object (got a number)"; err == nil || err.Error() != want || l == nil {
		t.Errorf("got %v", err)
	}
	if _, err := Set(o, "", "logging", "7"); err == nil || err.Error() != "clawdbot.json:1:43: logging: must be an object (got a number)" {
		t.Errorf("got %v", err)
	}
	if _, err := Unset(o, "", "bus"); err != nil {
		t.Error(err)
	}
	if got := read(t, o.Path); got != `{gateway: {port: 19001}}` {
		t.Errorf("got %s", got)
	}
}

func TestEditOfASyntaxError(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": "{\n  gateway {}\n}"})
	_, err := Set(o, "", "gateway.port", "19001")
	want := `clawdbot.json:2:11: expected ":" after the key, found "{"; this line must be mended by hand before single values can be edited`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	_, err = Edit(o, "", func([]byte) ([]byte, error) { return []byte("{ gateway: {"), nil })
	if err == nil {
		t.Error("another syntax error was written")
	}
	if _, err = Edit(o, "", func([]byte) ([]byte, error) { return []byte("{}"), nil }); err != nil || read(t, o.Path) != "{}" {
		t.Errorf("got %v", err)
	}
}

func TestEditNewFile(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "deep", "clawdbot.json")}
	if _, err := Set(o, "", "gateway.port", "19001"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, o.Path); got != "{\n  gateway: {\n    port: 19001\n  }\n}\n" {
		t.Errorf("got %q", got)
	}
	info, err := os.Stat(o.Path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

func TestEditKeepsModeAndLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // neither modes nor, without a privilege, links
	}
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real", "c.json"), filepath.Join(dir, "clawdbot.json")
	if err := errors.Join(os.Mkdir(filepath.Dir(target), 0o700), os.WriteFile(target, []byte("{}"), 0o600),
		os.Chmod(target, 0o640), os.Symlink("real/c.json", link)); err != nil {
		t.Fatal(err)
	}
	if _, err := Set(Options{Path: link}, "", "bus.port", "19006"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if info, err = os.Stat(target); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v, %v", info.Mode(), err)
	}
	if !strings.Contains(read(t, target), "19006") {
		t.Error("the target has not changed")
	}
	rest, err := os.ReadDir(filepath.Dir(target))
	if err != nil || len(rest) != 2 { // the file and its lock
		t.Errorf("files were left: %v, %v", rest, err)
	}
}

func TestEditComparesTheHash(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": `{$include: "a.json"}`, "a.json": "{}"})
	seen := mustLoad(t, o).Hash
	if err := os.WriteFile(filepath.Join(filepath.Dir(o.Path), "a.json"), []byte("{bus: {}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Set(o, seen, "bus.port", "19006"); !errors.Is(err, ErrChanged) || read(t, o.Path) != `{$include: "a.json"}` {
		t.Errorf("got %v, %s", err, read(t, o.Path))
	}
	if _, err := Set(o, mustLoad(t, o).Hash, "bus.port", "19006"); err != nil {
		t.Error(err)
	}
}

func TestEditNoticesOtherPrograms(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": "{}"})
	_, err := Edit(o, "", func(text []byte) ([]byte, error) {
		return []byte("{bus: {}}"), os.WriteFile(o.Path, []byte("{ /* theirs */ }"), 0o600)
	})
	if !errors.Is(err, ErrChanged) || read(t, o.Path) != "{ /* theirs */ }" {
		t.Errorf("got %v, %s", err, read(t, o.Path))
	}
}

// Many writers that retry on ErrChanged lose no edit.
func TestEditRace(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": "{}"})
	const writers, edits = 4, 5
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range edits {
				for {
					l, err := Load(o)
					if err == nil {
						_, err = Set(o, l.Hash, fmt.Sprintf("env.W%d_%d", w, i), `"x"`)
					}
					if err == nil {
						break
					}
					if !errors.Is(err, ErrChanged) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if got := len(mustLoad(t, o).Config.Env); got != writers*edits {
		t.Errorf("%d edits of %d are in the file", got, writers*edits)
	}
}
