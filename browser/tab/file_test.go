package tab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFileName(t *testing.T) {
	for suggested, want := range map[string]string{
		"report.pdf":                         "report.pdf",
		"grüße 1.txt":                        "grüße 1.txt",
		"../../etc/passwd":                   "passwd",
		`C:\Windows\evil.exe`:                "evil.exe",
		"a/..":                               "download",
		"":                                   "download",
		".bashrc":                            "bashrc",
		"...":                                "download",
		"a:b|c?.txt":                         "a_b_c_.txt",
		"new\nline\x00.txt":                  "new_line_.txt",
		"exe.\u202etxt":                      "exe._txt",
		"trailing. . ":                       "trailing",
		strings.Repeat("x", 300) + ".tar.gz": strings.Repeat("x", 197) + ".gz",
		"x." + strings.Repeat("y", 300):      "x",
	} {
		if got := fileName(suggested); got != want {
			t.Errorf("%q becomes %q, want %q", suggested, got, want)
		}
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("../../etc/passwd")
	f.Add("con.\xff")
	f.Add(strings.Repeat("ü", 200) + "." + strings.Repeat("ü", 60))
	f.Fuzz(func(t *testing.T, suggested string) {
		name := fileName(suggested)
		if !filepath.IsLocal(name) || filepath.Base(name) != name || len(name) > longestName+len("download-") || name[0] == '.' || !utf8.ValidString(name) {
			t.Errorf("%q becomes %q", suggested, name)
		}
	})
}

func TestReserveAndMove(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"a.txt", "a (1).txt", "a (2).txt"} {
		if path, err := reserve(dir, "a.txt"); err != nil || filepath.Base(path) != want {
			t.Errorf("%s, %v; want %s", path, err, want)
		}
	}
	if _, err := reserve(filepath.Join(dir, "none"), "a.txt"); err == nil {
		t.Error("reserved in a folder that is not there")
	}
	from, to := filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt")
	if err := os.WriteFile(from, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := move(from, to); err != nil {
		t.Fatal(err)
	}
	if body, err := os.ReadFile(to); string(body) != "new" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if err := move(from, to); err == nil {
		t.Error("moved a file that is not there")
	}
}
