package subject

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

func space(t testing.TB, name string) Space {
	t.Helper()
	s, err := New(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// made are the subjects that one outside value goes into.
func made(s Space) map[string]func(string) (string, error) {
	return map[string]func(string) (string, error){
		"clawdbot.main.client.<v>": s.Client, "clawdbot.main.in.<v>": s.In, "clawdbot.main.out.<v>": s.Out,
		"clawdbot.main.node.<v>.invoke": s.NodeInvoke, "clawdbot.main.node.<v>.event": s.NodeEvent,
		"clawdbot.main.browser.<v>": s.Browser, "clawdbot.main.canvas.<v>": s.Canvas,
		"clawdbot.main.health.<v>": s.Health, "clawdbot.main.health.peer.<v>": s.Peer,
		"clawdbot.main.rescue.<v>": s.Rescue, "clawdbot.main.probe.<v>": s.Probe, "clawdbot.main.log.<v>": s.Log, "clawdbot.main.config.<v>": s.Config,
	}
}

// dotted are those that take a name of several tokens.
func dotted(s Space) map[string]func(string) (string, error) {
	return map[string]func(string) (string, error){"clawdbot.main.rpc.<v>": s.RPC, "clawdbot.main.event.<v>": s.Event}
}

func TestSubjectsAreSpelledAsDocumented(t *testing.T) {
	s := space(t, "main")
	for want, build := range made(s) {
		got, err := build("x1")
		if want = strings.Replace(want, "<v>", "x1", 1); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	for want, build := range dotted(s) {
		got, err := build("config.get")
		if want = strings.Replace(want, "<v>", "config.get", 1); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	for want, got := range map[string]string{
		"clawdbot.main.>": s.All(), "clawdbot.main.event.>": s.Events(), "clawdbot.main.client.*": s.Clients(), "clawdbot.main.in.*": s.Ins(),
		"clawdbot.main.health.beat": s.Beat(), "clawdbot.main.health.ping": s.Ping(),
		"clawdbot.main.health.*": s.Healths(), "clawdbot.main.health.>": s.HealthTree(),
		"clawdbot.main.health.peer.*": s.Peers(), "clawdbot.main.rescue.*": s.Rescues(),
		"clawdbot.main.log.>": s.Kind("log"), "main": s.Profile(),
		"node.list": s.EventName("clawdbot.main.event.node.list"), "telegram": s.InChannel("clawdbot.main.in.telegram"),
		"c0ffee": s.ClientConn("clawdbot.main.client.c0ffee"),
		"rescue": BeatOf("clawdbot.rescue.health.beat"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, other := range []string{"", "clawdbot.rescue.health.ping", "clawdbot.health.beat", "clawdbot.a.b.health.beat", "clawdbot.>.health.beat"} {
		if name := BeatOf(other); name != "" {
			t.Errorf("%q was taken for a beat of %q", other, name)
		}
	}
	if name := s.EventName("clawdbot.rescue.event.tick"); name != "" {
		t.Errorf("an event of another profile was taken for %q", name)
	}
}

// Every row of the table is a subject of this package, and the other way round.
func TestTableHasEverySubject(t *testing.T) {
	s := space(t, "main")
	var want []string
	for subj := range maps.Keys(made(s)) {
		want = append(want, subj)
	}
	want = append(slices.AppendSeq(want, maps.Keys(dotted(s))), s.Beat(), s.Ping())
	var got []string
	for _, row := range Table() {
		subj := strings.Replace(row.Subject, "<p>", "main", 1)
		if open, end := strings.Index(subj, "<"), strings.Index(subj, ">"); open >= 0 {
			subj = subj[:open] + "<v>" + subj[end+1:]
		}
		got = append(got, subj)
		if crosses := Overlap(subj, s.HealthTree()) || Overlap(subj, s.Kind("rescue")); crosses != row.Crosses {
			t.Errorf("%s crosses the link: the table says %t", subj, row.Crosses)
		}
		if row.Kind != "request" && row.Kind != "publish" || row.From == "" || row.To == "" || row.What == "" {
			t.Errorf("%s is not filled in: %+v", subj, row)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the table has\n%s\nthe package\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var badTokens = []string{
	"", "*", ">", ".", "a.b", "a b", "a\tb", "a\r\nPUB x", "\x00", "a\x7f", "a*", ">a", "\xff", "a\ufffdb",
	strings.Repeat("x", maxToken+1),
}

func TestBadTokensAreRefused(t *testing.T) {
	s := space(t, "main")
	for _, v := range badTokens {
		for subj, build := range made(s) {
			if got, err := build(v); !errors.Is(err, ErrToken) || got != "" {
				t.Errorf("%s with %q: got %q, %v", subj, v, got, err)
			}
		}
		if _, err := New(v); !errors.Is(err, ErrToken) {
			t.Errorf("New(%q): %v", v, err)
		}
		if err := Check(v); !errors.Is(err, ErrToken) || len(err.Error()) > 120 {
			t.Errorf("Check(%q): %v", v, err)
		}
	}
	for _, v := range []string{"", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", strings.Repeat("a.", 2000) + "a"} {
		for subj, build := range dotted(s) {
			if got, err := build(v); !errors.Is(err, ErrToken) || got != "" {
				t.Errorf("%s with %.20q: got %.40q, %v", subj, v, got, err)
			}
		}
	}
}

// A $ is special to the server only where a subject begins, which no outside
// value does.
func TestDollarIsAnOrdinaryToken(t *testing.T) {
	got, err := space(t, "main").In("$SYS")
	if got != "clawdbot.main.in.$SYS" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzToken(f *testing.F) {
	for _, v := range append(badTokens, "telegram", "$SYS", "größe", "_INBOX", "-") {
		f.Add(v)
	}
	s := space(f, "main")
	f.Fuzz(func(t *testing.T, v string) {
		for shape, build := range made(s) {
			got, err := build(v)
			if err != nil {
				continue
			}
			want := strings.Replace(shape, "<v>", v, 1)
			if got != want || strings.Count(got, ".") != strings.Count(shape, ".") || strings.ContainsAny(got, " \t\r\n*>\x00") {
				t.Fatalf("%q became %q", v, got)
			}
		}
		for shape, build := range dotted(s) {
			got, err := build(v)
			if err != nil {
				continue
			}
			if !strings.HasPrefix(got, strings.TrimSuffix(shape, "<v>")) || strings.ContainsAny(got, " \t\r\n*>\x00") || strings.Contains(got, "..") || len(got) > 300 {
				t.Fatalf("%q became %q", v, got)
			}
		}
	})
}
