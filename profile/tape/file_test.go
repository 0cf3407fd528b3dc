package tape

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/subject"

	"clawdbot/bus/msg"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.UTC)

func someEntries() []Entry {
	r := NewRedactor(nil)
	return []Entry{
		{At: at, Subject: "clawdbot.main.>", Gap: "the recording begins"},
		r.NewEntry(at.Add(1e6), "clawdbot.main.in.cli", map[string][]string{"Traceparent": {"00"}}, []byte(`{"text":"<hi>"}`)),
		r.NewEntry(at.Add(2e6), "clawdbot.main.event.x", nil, []byte("not JSON \xff")),
		r.NewEntry(at.Add(3e6), "clawdbot.main.event.y", nil, nil),
		r.NewEntry(at.Add(4e6), "clawdbot.main.log.info", nil, []byte(`{"msg":"m"}`)),
	}
}

func all(entries []Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestFileHoldsWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	h := msg.RecordHeader{Version: "1", Profile: "main", From: at, To: at.Add(time.Minute), Bodies: true}
	n, err := WriteFile(path, h, all(someEntries()))
	if err != nil || n != 4 {
		t.Fatalf("%d messages, %v", n, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, entries, err := Parse(f)
	h.Format, h.Redacted = Format, true
	if err != nil || got != h {
		t.Fatalf("header %+v, %v", got, err)
	}
	var back []Entry
	for e, err := range entries {
		if err != nil {
			t.Fatal(err)
		}
		back = append(back, e)
	}
	if !reflect.DeepEqual(back, someEntries()) {
		t.Errorf("got %+v", back)
	}
	if _, err := WriteFile(path, h, all(nil)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Contains(again, []byte("<hi>")) {
		t.Error("the file that was there is changed")
	}
}

func TestFileThatCannotBeWrittenLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	broken := func(yield func(Entry, error) bool) { yield(Entry{}, errors.New("broken store")) }
	if _, err := WriteFile(path, msg.RecordHeader{}, broken); err == nil || !strings.Contains(err.Error(), "broken store") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	if _, err := WriteFile(filepath.Join(path, "no", "folder"), msg.RecordHeader{}, all(nil)); err == nil {
		t.Error("a folder that is not there")
	}
}

func TestParseRefuses(t *testing.T) {
	head := `{"format":"clawdbot-recording/1","profile":"main"}` + "\n"
	for text, want := range map[string]string{
		"":                                    "not a recording",
		"hello\n":                             "not a recording",
		`{"a":1}`:                             "not a recording",
		`{"format":"other/9"}`:                `it is "other/9"`,
		head + "x\n":                          "line 2 is not an entry",
		head + "\n{}\n":                       "line 3 is not an entry",
		head + `{"subject":"a"}`:              "line 2 is not an entry",
		head + `{"at":"tomorrow"`:             "line 2 is not an entry",
		head + strings.Repeat("x", maxLine+1): "not a recording: line 2 is longer than 4 MiB, which no entry is: take the line out, or export it again",
		strings.Repeat("x", maxLine+1):        "not a recording: line 1 is longer than 4 MiB",
	} {
		_, entries, err := Parse(strings.NewReader(text))
		if err == nil {
			for _, err = range entries {
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	if _, err := write(&b, msg.RecordHeader{}, all(someEntries())); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"format":"clawdbot-recording/1"}` + "\n" + `{"at":"2026-01-02T03:04:05Z","subject":"*","body":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, entries, err := Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		for e, err := range entries {
			if err == nil && (e.Subject == "" || e.At.IsZero()) {
				t.Fatalf("%q gave %+v", text, e)
			}
		}
	})
}

func TestLargeBodiesAreCut(t *testing.T) {
	body := `{"text":"` + strings.Repeat("x", 2*maxBody) + `"}`
	e := NewRedactor(nil).NewEntry(at, "clawdbot.main.in.cli", nil, []byte(body))
	if !e.Cut || len(e.Message()) != maxBody || e.Size != len(body) || e.Body != nil {
		t.Errorf("cut %t, %d of %d bytes", e.Cut, len(e.Message()), e.Size)
	}
}

func TestClosedKeepsOnlyWhatIsNoMessage(t *testing.T) {
	for subj, open := range map[string]bool{
		"clawdbot.main.log.info": true, "clawdbot.main.health.beat": true, "clawdbot.main.config.applied": true,
		"clawdbot.main.in.cli": false, "clawdbot.main.event.chat": false, "clawdbot.main.rpc.config.set": false, "elsewhere.log.a.b": false, "log": false,
	} {
		e := Entry{Subject: subj, Size: 2, Body: []byte(`{}`)}.Closed()
		if (e.Body != nil) != open || e.Size != 2 {
			t.Errorf("%s: %+v", subj, e)
		}
	}
}

func TestQuery(t *testing.T) {
	var got []string
	q := Query{Since: at.Add(1e6), Until: at.Add(4e6), Subject: "clawdbot.*.event.>"}
	for e, err := range q.Of(all(someEntries())) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Subject)
	}
	if !slices.Equal(got, []string{"clawdbot.main.event.x", "clawdbot.main.event.y"}) {
		t.Errorf("got %q", got)
	}
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{"": "", "in.>": "clawdbot.main.in.>", "clawdbot.rescue.>": "clawdbot.rescue.>", ">": "clawdbot.main.>"} {
		if got, err := Pattern(sp, in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{"in. x", "in..a", ">.a", "clawdbot."} {
		if _, err := Pattern(sp, bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
