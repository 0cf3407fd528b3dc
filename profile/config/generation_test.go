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

func TestChoose(t *testing.T) {
	good := Generation{
		N: 3, Path: "/c.json", Time: noon, Verdict: Good,
		Files: []File{{"/c.json", []byte(`{gateway: {nodes: {denyCommands: ["x"]}, auth: {token: "${T}"}}}`)}},
	}
	o := Options{Path: "/c.json", LookupEnv: env("T", "secret")}
	fromText := func(text string) (*Loaded, error) { return load(o, withRoot(o.Path, []byte(text))) }
	missing := func() (*Loaded, error) {
		return load(o, func(string) ([]byte, error) { return nil, os.ErrNotExist })
	}
	t.Run("file", func(t *testing.T) {
		l, err := fromText("{bus: {port: 5}}")
		if c := Choose(l, err, &good, o); c.Source != FromFile || c.Loaded != l || c.Reason != "" {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("no file and nothing before", func(t *testing.T) {
		l, err := missing()
		if c := Choose(l, err, nil, o); c.Source != FromFile || c.Loaded.Exists {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("fallback", func(t *testing.T) {
		l, err := fromText("{\n bus: 5}")
		c := Choose(l, err, &good, o)
		want := "c.json:2:7: bus: must be an object (got 5); running generation 3 of 2026-05-06 12:00:00"
		if c.Source != FromFallback || c.Generation != 3 || c.Reason != want ||
			c.Loaded.Config.Gateway.Auth.Token != "secret" || len(c.Loaded.Config.Gateway.Nodes.DenyCommands) != 1 {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("lost file", func(t *testing.T) {
		l, err := missing()
		c := Choose(l, err, &good, o)
		want := "c.json is missing; write {} to it to begin with the defaults; running generation 3 of 2026-05-06 12:00:00"
		if c.Source != FromFallback || c.Reason != want {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("safe mode", func(t *testing.T) {
		l, err := fromText("{bus: 5}")
		c := Choose(l, err, nil, o)
		want := "c.json:1:7: bus: must be an object (got 5); there is no good generation yet; running in safe mode: bus, link, health and status only"
		if c.Source != FromSafeMode || c.Reason != want || !reflect.DeepEqual(c.Loaded.Config, Default()) {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("fallback that no longer loads", func(t *testing.T) {
		l, err := fromText("{bus: 5}")
		c := Choose(l, err, &good, Options{Path: o.Path})
		if c.Source != FromSafeMode || !strings.Contains(c.Reason, "generation 3 of 2026-05-06 12:00:00 no longer loads: c.json:1:56: gateway.auth.token: the variable T is not set") {
			t.Errorf("got %+v", c)
		}
	})
}
