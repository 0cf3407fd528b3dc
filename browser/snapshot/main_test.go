package snapshot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/snapshot"
	"clawdbot/browser/tab"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// take is a snapshot that must succeed.
func take(t testing.TB, page *tab.Tab, o snapshot.Options) snapshot.Text {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	text, err := snapshot.Take(ctx, page, o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// do runs JavaScript in the page.
func do(t testing.TB, page *tab.Tab, script string) {
	t.Helper()
	var params = evaluate(script)
	if got, err := page.Main().Evaluate(t.Context(), params); err != nil || got.ExceptionDetails != nil {
		t.Fatalf("%s: %v %+v", script, err, got.ExceptionDetails)
	}
}

// is compares a snapshot with the lines wanted.
func is(t testing.TB, text snapshot.Text, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); text.Snapshot != want {
		t.Errorf("snapshot:\n%s\nwant:\n%s", text.Snapshot, want)
	}
}

// refTo is the ref in the line that begins with start.
func refTo(t testing.TB, text snapshot.Text, start string) string {
	t.Helper()
	for line := range strings.Lines(text.Snapshot) {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "- "+start); ok {
			_, ref, _ := strings.Cut(rest, "[ref=")
			ref, _, _ = strings.Cut(ref, "]")
			return ref
		}
	}
	t.Fatalf("no %q in:\n%s", start, text.Snapshot)
	return ""
}
