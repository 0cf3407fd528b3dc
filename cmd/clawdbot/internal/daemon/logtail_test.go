package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// hugeLog is a daemon whose log has 1 GiB, of which all but the end is a hole
// in the file.
func hugeLog(t testing.TB) *daemon {
	t.Helper()
	d := newDaemon(Options{}, trial{})
	d.logPath = filepath.Join(t.TempDir(), "huge.log")
	f, err := os.Create(d.logPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(msg.LogLine{Level: "info", Profile: "main", Msg: strings.Repeat(`"quoted" `, 20)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 2); err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if _, err := fmt.Fprintf(f, "\n%s", line); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

func tailOf(t testing.TB, d *daemon, q msg.LogQuery) msg.LogTail {
	t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.logsTail(t.Context(), &bus.Request{Data: body})
	if err != nil {
		t.Fatal(err)
	}
	return out.(msg.LogTail)
}

func TestTailOfAHugeLogStaysSmall(t *testing.T) {
	d := hugeLog(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tail := tailOf(t, d, msg.LogQuery{})
	runtime.ReadMemStats(&after)
	if len(tail.Lines) != tailLines || tail.Size < 1<<30 || !tail.Truncated {
		t.Errorf("%d lines of %d bytes, truncated %t", len(tail.Lines), tail.Size, tail.Truncated)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("the tail took %d bytes", used)
	}
	all := tailOf(t, d, msg.LogQuery{Limit: tailMaxLines, MaxBytes: tailMaxBytes})
	reply, err := json.Marshal(all)
	if err != nil || len(reply) > 1<<20 || len(reply) < tailReply/2 {
		t.Errorf("the longest answer has %d bytes, %v", len(reply), err)
	}
	if next := tailOf(t, d, msg.LogQuery{Cursor: all.Cursor}); len(next.Lines) != 0 || next.Cursor != all.Cursor {
		t.Errorf("after the end: %+v", next)
	}
}

// The original's command logs joins what is under numbers, its page shows what is
// under 1; both take level and subsystem from _meta.
func TestTailForTheOriginal(t *testing.T) {
	d := newDaemon(Options{}, trial{})
	d.logPath = filepath.Join(t.TempDir(), "small.log")
	const ours = `{"time":"2026-01-24T10:00:00.000Z","level":"warn","profile":"main","component":"gateway","msg":"no <b>","attrs":{"b":{"c":[1]},"a":"x y"}}`
	const plain = `{"level":"info","msg":"ready"}`
	const others = "panic: boom\n" + `{"no":"level"}` + "\n" + `[1]`
	if err := os.WriteFile(d.logPath, []byte(ours+"\n"+plain+"\n"+others+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := tailOf(t, d, msg.LogQuery{}).Lines
	if got := strings.Join(lines[2:], "\n"); got != others {
		t.Errorf("what is no line of the log became %s", got)
	}
	type original struct {
		msg.LogLine
		Text string                              `json:"1"`
		Meta struct{ Name, LogLevelName string } `json:"_meta"`
	}
	for i, want := range []struct{ text, level, name string }{
		{`no <b> a=x y b={"c":[1]}`, "WARN", `{"subsystem":"gateway"}`},
		{"ready", "INFO", ""},
	} {
		var got original
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		if got.Text != want.text || got.Meta.LogLevelName != want.level || got.Meta.Name != want.name || got.Level != strings.ToLower(want.level) {
			t.Errorf("%s: want %+v", lines[i], want)
		}
	}
}

func BenchmarkLogsTail1GiB(b *testing.B) {
	d := hugeLog(b)
	body, err := json.Marshal(msg.LogQuery{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.logsTail(b.Context(), &bus.Request{Data: body}); err != nil {
			b.Fatal(err)
		}
	}
}
