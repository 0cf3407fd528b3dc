package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTrash(t *testing.T) {
	dir := t.TempDir()
	bin, now := trash(filepath.Join(dir, ".trash")), time.Now()
	throw := func(at time.Time) string {
		t.Helper()
		folder := filepath.Join(dir, "work")
		if err := os.MkdirAll(filepath.Join(folder, "user-data"), 0o700); err != nil {
			t.Fatal(err)
		}
		to, err := bin.move(folder, "work", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(to, "user-data")); err != nil {
			t.Error(err)
		}
		return to
	}
	old := throw(now.Add(-keptTrash - 2*time.Hour))
	first, second := throw(now.Add(-time.Hour)), throw(now.Add(-time.Hour))
	if first == second || !strings.HasPrefix(filepath.Base(first), "work-") {
		t.Errorf("%s and %s", first, second)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("too old, and still there: %v", err)
	}
	for _, kept := range []string{first, second} {
		if _, err := os.Stat(kept); err != nil {
			t.Error(err)
		}
	}
	if to, err := bin.move(filepath.Join(dir, "work"), "work", now); to != "" || err != nil {
		t.Errorf("of nothing: %q, %v", to, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := trash(filepath.Join(dir, "file")).move(dir, "work", now); err == nil {
		t.Error("a trash that is a file took something")
	}
}
