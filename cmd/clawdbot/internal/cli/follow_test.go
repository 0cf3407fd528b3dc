package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFollow writes to a log across everything that can happen to it: not
// there yet, a line in two parts, rotation, truncation.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.log")
	lines := make(chan string, 16)
	f := &follower{path: path, print: func(line string) { lines <- line }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.run(ctx) }()

	appendTo := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-lines:
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%q was not printed", want)
		}
	}

	appendTo("first\nsec")
	expect("first\n")
	appendTo("ond\n")
	expect("second\n")

	appendTo("last of the old\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo("first of the new\n")
	expect("last of the old\n")
	expect("first of the new\n")

	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	appendTo("short\n")
	expect("short\n")

	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("run does not end with its context")
	}
}

func TestTable(t *testing.T) {
	var tb table
	tb.row("NAME", "PORT")
	tb.row(pen(true).bold("default"), "1")
	tb.row()
	tb.row("one long cell that widens nothing")
	var b strings.Builder
	tb.print(&b)
	want := "NAME     PORT\n\x1b[1mdefault\x1b[0m  1\n\none long cell that widens nothing\n"
	if b.String() != want {
		t.Fatalf("got %q, want %q", b.String(), want)
	}
}

func TestAsJSON5(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"19001", "19001"},
		{"0x10", "0x10"},
		{"true", "true"},
		{"lan", `"lan"`},
		{"~/clawd", `"~/clawd"`},
		{"'lan'", "'lan'"},
		{"[1,]", "[1,]"},
		{"{a:", "{a:"}, // told as the slip that it is
		{`"open`, `"open`},
		{"", `""`},
	} {
		t.Run(fmt.Sprintf("%q", c.in), func(t *testing.T) {
			if got := asJSON5(c.in); got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
		})
	}
}
