package patient

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTailReadsTheEndOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil { // a hole: reading it all would take seconds
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("\n{\"level\":\"warn\",\"msg\":\"last\"}\n{\"level\":\"info\",\"msg\":\"cut sho"), 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	lines, err := Tail(path, 20)
	if err != nil || len(lines) != 1 || lines[0].Msg != "last" {
		t.Errorf("%+v, %v", lines, err)
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add([]byte(`"msg":"the end of a line"}`+"\n"+`{"level":"info","msg":"whole"}`+"\n"), 20)
	f.Add([]byte("goroutine 1 [running]:\n{}\n[]\n\x00\xff"), 1)
	f.Add([]byte(nil), 3)
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		if n < 0 || n > 1000 {
			return
		}
		lines := lastLines(text, n)
		if len(lines) > n {
			t.Fatalf("%d lines, %d were asked for", len(lines), n)
		}
		// A whole line at the end is always the last one.
		whole := append([]byte(strings.TrimRight(string(text), "\n")), fmt.Sprintf("\n{\"level\":\"info\",\"msg\":%q}\n", "the last")...)
		if got := lastLines(whole, n+1); len(got) == 0 || got[len(got)-1].Msg != "the last" {
			t.Fatalf("the last line is lost: %+v", got)
		}
	})
}
