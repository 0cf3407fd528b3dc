package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"clawdbot/profile/store"
)

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2026, 5, 6, 12, 0, 0, 0, time.Local)

func TestGenerations(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openStore(t, dir)
	g := NewGenerations(s)
	if _, err := g.Latest(); !errors.Is(err, ErrNoGeneration) {
		t.Errorf("got %v", err)
	}
	o := write(t, map[string]string{"clawdbot.json": `{$include: "a.json"}`, "a.json": `{gateway: {port: 19001, auth: {token: "${T}"}}}`})
	o.LookupEnv = env("T", "secret")
	l := mustLoad(t, o)
	first, err := g.Record(l, FromFile, noon)
	if err != nil || first.N != 1 || first.Verdict != Probation {
		t.Fatalf("got %+v, %v", first, err)
	}
	if again, err := g.Record(mustLoad(t, o), FromFile, noon.Add(time.Hour)); err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("got %+v, %v", again, err)
	}
	if marked, err := g.Mark(1, Good, "healthy for 30 s"); err != nil || marked.Verdict != Good || marked.N != 1 {
		t.Errorf("got %+v, %v", marked, err)
	}
	if _, err := g.Mark(7, Good, ""); !errors.Is(err, ErrNoGeneration) || err.Error() != "generation 7: no such config generation" {
		t.Errorf("got %v", err)
	}
	if _, err := Set(o, "", "bus.port", "19006"); err != nil {
		t.Fatal(err)
	}
	if second, err := g.Record(mustLoad(t, o), FromFile, noon); err != nil || second.N != 2 {
		t.Errorf("got %+v, %v", second, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openStore(t, dir)
	defer s.Close()
	g = NewGenerations(s)
	good, err := g.LastGood()
	if err != nil || good.N != 1 || good.Reason != "healthy for 30 s" || string(good.Text()) != `{$include: "a.json"}` {
		t.Fatalf("got %+v, %v", good, err)
	}
	if latest, err := g.Latest(); err != nil || latest.N != 2 {
		t.Errorf("got %+v, %v", latest, err)
	}
	if strings.Contains(string(good.Files[1].Text), "secret") {
		t.Error("the environment's secret is in the store")
	}
	// It runs again exactly, whatever became of its files.
	if err := os.RemoveAll(filepath.Dir(o.Path)); err != nil {
		t.Fatal(err)
	}
	back, err := FromGeneration(good, o)
	if err != nil || !reflect.DeepEqual(back.Config, l.Config) || back.Hash != l.Hash {
		t.Errorf("got %+v, %v", back, err)
	}
}

func TestGenerationsAreTrimmed(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store"))
	defer s.Close()
	g := NewGenerations(s)
	record := func(text string) {
		o := Options{Path: "/c.json"}
		l, err := load(o, withRoot(o.Path, []byte(text)))
		if err == nil {
			_, err = g.Record(l, FromFile, noon)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		record("{}" + strings.Repeat(" ", i))
	}
	if _, err := g.Mark(3, Good, ""); err != nil {
		t.Fatal(err)
	}
	for i := range keepGenerations + 10 {
		record("{}" + strings.Repeat("\n", i+1))
	}
	list, err := g.List()
	if err != nil || list[0].N != 3 || list[0].Verdict != Good {
		t.Errorf("%d generations from %+v, %v", len(list), list[0], err)
	}
}

// kit is a store's generations, with configs given by their text.
type kit struct {
	Generations
	t *testing.T
	o Options
}

func newKit(t *testing.T) kit {
	s := openStore(t, filepath.Join(t.TempDir(), "store"))
	t.Cleanup(func() { _ = s.Close() })
	return kit{NewGenerations(s), t, Options{Path: "/c.json", LookupEnv: env("T", "secret")}}
}

// record remembers a config and what became of it.
func (k kit) record(text string, verdict Verdict) Generation {
	k.t.Helper()
	l, err := LoadText(k.o, []byte(text))
	if err != nil {
		k.t.Fatal(err)
	}
	g, err := k.Record(l, FromFile, noon)
	if err == nil && verdict != Probation {
		g, err = k.Mark(g.N, verdict, "it was "+string(verdict))
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return g
}

func (k kit) verdict(n uint64) Verdict {
	k.t.Helper()
	g, err := k.Get(n)
	if err != nil {
		k.t.Fatal(err)
	}
	return g.Verdict
}

// A crash while a generation has not proven itself makes it bad, if there is a good one.
func TestCrashed(t *testing.T) {
	k := newKit(t)
	crashed := func(after time.Duration) (Generation, bool) {
		t.Helper()
		g, found, err := k.Crashed(noon.Add(after), "")
		if err != nil {
			t.Fatal(err)
		}
		return g, found
	}
	begin := func(n uint64) {
		t.Helper()
		if err := k.Begin(n, "boot", noon); err != nil {
			t.Fatal(err)
		}
	}
	if g, found := crashed(0); found {
		t.Errorf("before any life: %+v", g)
	}
	first := k.record("{}", Probation)
	begin(first.N)
	if g, found := crashed(time.Second); !found || g.N != first.N || g.Verdict != Probation || k.verdict(first.N) != Probation {
		t.Errorf("without a good one: %+v, %v", g, found)
	}
	if _, err := k.Mark(first.N, Good, ""); err != nil {
		t.Fatal(err)
	}
	begin(first.N)
	if g, found := crashed(time.Second); found {
		t.Errorf("a good one: %+v", g)
	}

	second := k.record("{bus: {}}", Probation)
	begin(second.N)
	if err := k.End(); err != nil {
		t.Fatal(err)
	}
	if g, found := crashed(time.Second); found {
		t.Errorf("after an ordered stop: %+v", g)
	}
	begin(second.N)
	begin(0) // safe mode
	if g, found := crashed(time.Second); found {
		t.Errorf("after it was set aside: %+v", g)
	}
	begin(second.N)
	g, found := crashed(1200 * time.Millisecond)
	want := "the gateway ended without stopping within 1.2s of beginning to run it"
	if !found || g.N != second.N || g.Verdict != Bad || g.Reason != want || k.verdict(second.N) != Bad {
		t.Errorf("got %+v, %v", g, found)
	}
	if g, found := crashed(time.Second); found {
		t.Errorf("told twice: %+v", g)
	}
	if err := k.Begin(9, "boot", noon); !errors.Is(err, ErrNoGeneration) {
		t.Errorf("got %v", err)
	}
	if got := crashReason(-time.Hour); got != "the gateway ended without stopping while it was on probation" {
		t.Error(got)
	}
}

func TestBadAndRetry(t *testing.T) {
	k := newKit(t)
	one, two := k.record("{}", Good), k.record("{bus: {}}", Bad)
	if g, bad, err := k.Bad(&Loaded{Hash: two.Hash}); !bad || g.N != two.N || err != nil {
		t.Errorf("got %+v, %v, %v", g, bad, err)
	}
	if _, bad, err := k.Bad(&Loaded{Hash: one.Hash}); bad || err != nil {
		t.Errorf("a good one is bad: %v", err)
	}
	if again := k.record("{bus: {}}", Probation); again.N != two.N || again.Verdict != Bad {
		t.Errorf("got %+v", again)
	}
	if g, err := k.Retry(two.N); err != nil || g.Verdict != Probation || g.Reason != "" {
		t.Errorf("got %+v, %v", g, err)
	}
	if _, bad, err := k.Bad(&Loaded{Hash: two.Hash}); bad || err != nil {
		t.Errorf("bad after a retry: %v", err)
	}
	// What turned out bad later is not good any more, what was good before it is.
	three := k.record("{}", Bad)
	if g, err := k.LastGood(); !errors.Is(err, ErrNoGeneration) {
		t.Errorf("got %+v, %v, though %d has the same text and is bad", g, err, three.N)
	}
}

func TestKeep(t *testing.T) {
	k := newKit(t)
	ran := k.record("{}", Good)
	broken, err := LoadText(k.o, []byte("{bus: 5}"))
	if err == nil {
		t.Fatal("no error")
	}
	kept, err := k.Keep(broken, "replaced before it ran", noon)
	if err != nil || kept.N != 2 || kept.Verdict != Refused || string(kept.Text()) != "{bus: 5}" {
		t.Errorf("got %+v, %v", kept, err)
	}
	if again, err := k.Keep(broken, "again", noon); err != nil || again.N != kept.N {
		t.Errorf("got %+v, %v", again, err)
	}
	if none, err := k.Keep(&Loaded{}, "", noon); err != nil || none.N != 0 {
		t.Errorf("kept a file that is not there: %+v, %v", none, err)
	}
	if last, err := k.Latest(); err != nil || last.N != ran.N {
		t.Errorf("the last that ran is %+v, %v", last, err)
	}
	l, err := LoadText(k.o, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.Keep(l, "", noon); err != nil || again.N != ran.N || again.Verdict != Good {
		t.Errorf("got %+v, %v", again, err)
	}
	// What was kept and then runs after all is on probation as any other.
	fixed, err := LoadText(k.o, []byte("{bus: {}}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Keep(fixed, "replaced before it ran", noon); err != nil {
		t.Fatal(err)
	}
	if g := k.record("{bus: {}}", Probation); g.Verdict != Probation || g.N != 4 {
		t.Errorf("got %+v", g)
	}
}

// TestGoodTextIsGoodAgain: who goes back to a config that was good must not find
// it condemned for what is wrong today.
func TestGoodTextIsGoodAgain(t *testing.T) {
	k := newKit(t)
	k.record("{}", Good)
	k.record("{bus: {}}", Bad)
	if g := k.record("{}", Good); g.N != 3 || g.Verdict != Good {
		t.Errorf("got %+v", g)
	}
}

// TestOtherEnvFileIsAnotherGeneration: the text is the same, what it means is not.
func TestOtherEnvFileIsAnotherGeneration(t *testing.T) {
	dir := t.TempDir()
	o := Options{Path: filepath.Join(dir, "clawdbot.json"), DotEnv: filepath.Join(dir, ".env")}
	kept := openStore(t, filepath.Join(dir, "store"))
	t.Cleanup(func() { _ = kept.Close() })
	g := NewGenerations(kept)
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(o.Path, "{logging: {level: '${LEVEL}'}}")
	write(o.DotEnv, "LEVEL=info")
	one, err := g.Record(mustLoad(t, o), FromFile, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Mark(one.N, Good, ""); err != nil {
		t.Fatal(err)
	}
	write(o.DotEnv, "LEVEL=debug")
	two, err := g.Record(mustLoad(t, o), FromFile, noon)
	if err != nil || two.N == one.N || two.Verdict != Probation {
		t.Fatalf("got %+v, %v", two, err)
	}
	if _, err := g.Mark(two.N, Bad, "sick"); err != nil {
		t.Fatal(err)
	}
	if good, err := g.LastGood(); err != nil || good.N != one.N {
		t.Errorf("the last good one is %+v, %v", good, err)
	}
	if _, bad, err := g.Bad(mustLoad(t, o)); !bad || err != nil {
		t.Errorf("not bad: %v", err)
	}
	write(o.DotEnv, "LEVEL=info")
	if _, bad, err := g.Bad(mustLoad(t, o)); bad || err != nil {
		t.Errorf("bad with the .env file of before: %v", err)
	}
}
