package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// typical is a config as people have them, keys of the original included.
const typical = `// my gateway
{
  gateway: {
    mode: 'local',
    port: 0x4A19, // 18969
    bind: "lan",
    auth: { token: "${TOKEN}" },
    nodes: { denyCommands: ["system.run"] },
    trustedProxies: ["127.0.0.1", "10.0.0.0/8"],
  },
  browser: { color: "#00AA00", headless: false, profiles: { work: { cdpPort: 19000 } },
    idleTimeout: "1h30m", maxTabs: 20, allow: ["file:", "http://127.0.0.1:18789"] },
  bus: { remotes: [{ name: "hq", urls: ["nats://hq:7422"], subjects: ["clawdbot.main.health.>"] }] },
  agents: { defaults: { workspace: "~/w", model: { primary: "x/y" } }, list: [{ id: "main", tools: {} }] },
  channels: { telegram: { botToken: "$${KEPT}", groups: { "*": {} } } },
  models: { providers: {} },
  env: { TOKEN: "from-the-env-block", vars: { OTHER: "o" } },
}
`

// write makes files in one folder and returns options for clawdbot.json in it.
func write(t testing.TB, files map[string]string) Options {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Options{Path: filepath.Join(dir, "clawdbot.json"), DotEnv: filepath.Join(dir, ".env")}
}

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func mustLoad(t testing.TB, o Options) *Loaded {
	t.Helper()
	l, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadTypical(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": typical})
	l := mustLoad(t, o)
	want := Default()
	want.Gateway.Port = 18969
	want.Gateway.Bind = "lan"
	want.Gateway.Auth.Token = "from-the-env-block"
	want.Gateway.Nodes.DenyCommands = []string{"system.run"}
	want.Gateway.TrustedProxies = []string{"127.0.0.1", "10.0.0.0/8"}
	want.Browser.Color = "#00AA00"
	want.Browser.Headless = new(bool)
	want.Browser.IdleTimeout, want.Browser.MaxTabs = "1h30m", 20
	want.Browser.Allow = []string{"file:", "http://127.0.0.1:18789"}
	want.Browser.Profiles = map[string]BrowserProfile{"work": {CDPPort: 19000}}
	want.Bus.Remotes = []BusRemote{{Name: "hq", URLs: []string{"nats://hq:7422"}, Subjects: []string{"clawdbot.main.health.>"}}}
	want.Agents.Defaults.Workspace = "~/w"
	want.Agents.List = []Agent{{ID: "main"}}
	want.Env = Env{"TOKEN": "from-the-env-block", "OTHER": "o"}
	if !reflect.DeepEqual(l.Config, want) {
		t.Errorf("got  %+v\nwant %+v", l.Config, want)
	}
	if !l.Exists || string(l.Text) != typical || len(l.Hash) != 64 || !reflect.DeepEqual(l.Files, []string{o.Path}) {
		t.Errorf("got %+v", l)
	}
	if got := issueLines(l.Warnings); got != "clawdbot.json:14:43: agents.defaults.model, agents.list[0].tools, channels, models are kept but not used here" {
		t.Errorf("got %s", got)
	}
	if v, ok, err := l.Lookup("channels.telegram.botToken"); v != "${KEPT}" || !ok || err != nil {
		t.Errorf("got %v %v %v", v, ok, err)
	}
}

func issueLines(issues []Issue) string {
	var lines []string
	for _, i := range issues {
		lines = append(lines, i.String())
	}
	return strings.Join(lines, "\n")
}

func TestLoadMissingFile(t *testing.T) {
	l := mustLoad(t, write(t, nil))
	if l.Exists || !reflect.DeepEqual(l.Config, Default()) || len(l.Hash) != 64 {
		t.Errorf("got %+v", l)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	o := Options{Path: t.TempDir()}
	if l, err := Load(o); l != nil || err == nil || err.Error() != o.Path+" is not a regular file" {
		t.Errorf("got %v, %v", l, err)
	}
}

func TestLookup(t *testing.T) {
	l := mustLoad(t, write(t, map[string]string{"clawdbot.json": `{gateway: {port: 19001}, talk: {a: [1, {b: 'x'}]}}`}))
	for _, tt := range []struct {
		path string
		want any
	}{
		{"gateway.port", json.Number("19001")},
		{"gateway.bind", "loopback"},
		{"bridge.enabled", true},
		{"gateway.reload.debounceMs", int64(300)},
		{"talk.a[1].b", "x"},
		{"bus.port", nil},
		{"no.such", nil},
		{"gateway[0]", nil},
	} {
		if got, ok, err := l.Lookup(tt.path); got != tt.want || ok != (tt.want != nil) || err != nil {
			t.Errorf("%s: got %#v %v %v", tt.path, got, ok, err)
		}
	}
	if _, _, err := l.Lookup("a["); err == nil {
		t.Error("a[: no error")
	}
}

func TestHash(t *testing.T) {
	files := map[string]string{"clawdbot.json": `{$include: "a.json"}`, "a.json": `{}`}
	one, two := mustLoad(t, write(t, files)), mustLoad(t, write(t, files))
	if one.Hash != two.Hash {
		t.Error("the same files in another folder have another hash")
	}
	files["a.json"] = `{bus: {}}`
	if three := mustLoad(t, write(t, files)); three.Hash == one.Hash {
		t.Error("another include has the same hash")
	}
}

func TestEnvironment(t *testing.T) {
	files := map[string]string{
		"clawdbot.json": `{gateway: {auth: {token: "a-${A}-${B}-${C}-${lower}-$${A}-${A"}}, env: {A: "block", B: "block", C: "block ${A}"}}`,
		".env":          "# comment\nexport A=file\nB='single # quoted'\nnot a line\n",
	}
	o := write(t, files)
	o.LookupEnv = env("A", "process")
	got := mustLoad(t, o).Config.Gateway.Auth.Token
	if want := "a-process-single # quoted-block process-${lower}-${A}-${A"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseDotEnv(t *testing.T) {
	text := "\uFEFFA=1\r\n B = two # note\nC=\"x\\ny#z\" # note\nD='a\\nb'\nE=\nF=\"two\nlines\"\n1G=no\nH=\"open\nI=`q`"
	want := map[string]string{"A": "1", "B": "two", "C": "x\ny#z", "D": `a\nb`, "E": "", "F": "two\nlines", "H": `"open`, "I": "q"}
	got, bad := parseDotEnv(text)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(bad) != 2 || bad[0].Line != 8 || bad[1].Line != 9 {
		t.Errorf("bad lines: %+v", bad)
	}
}

func TestInclude(t *testing.T) {
	o := write(t, map[string]string{
		"clawdbot.json": `{$include: ["a.json", "sub/b.json"], gateway: {$include: "g.json", port: 19001}, logging: {level: "debug"}, rescue: {peers: {$include: "peers.json"}}}`,
		"a.json":        `{logging: {level: "warn", file: "a.log"}, gateway: {trustedProxies: ["10.0.0.1"]}, browser: {color: "#111111"}}`,
		"sub/b.json":    `{$include: "c.json", browser: {color: "#222222"}}`,
		"sub/c.json":    `{browser: {color: "#333333", headless: true}}`,
		"g.json":        `{port: 1, trustedProxies: ["10.0.0.2"]}`,
		"peers.json":    `["rescue"]`,
	})
	l := mustLoad(t, o)
	c := l.Config
	if c.Gateway.Port != 19001 || c.Logging.Level != "debug" || c.Logging.File != "a.log" || c.Browser.Color != "#222222" ||
		!*c.Browser.Headless || !reflect.DeepEqual(c.Rescue.Peers, []string{"rescue"}) ||
		!reflect.DeepEqual(c.Gateway.TrustedProxies, []string{"10.0.0.1", "10.0.0.2"}) {
		t.Errorf("got %+v", c)
	}
	if len(l.Files) != 6 {
		t.Errorf("got %v", l.Files)
	}
}

// An issue in an included file stands there, at the key itself.
func TestIncludeKeepsPositions(t *testing.T) {
	o := write(t, map[string]string{
		"clawdbot.json": "{\n  gateway: {$include: 'g.json'},\n  talk: {$include: 't.json'},\n}",
		"g.json":        "{\n  prot: 1,\n  bind: 5,\n}",
		"t.json":        "\n\n{}",
	})
	l, err := Load(o)
	if e := new(Error); !errors.As(err, &e) || issueLines(e.Issues) != "g.json:3:9: gateway.bind: must be a string (got a number)" {
		t.Errorf("got %v", err)
	}
	want := "g.json:2:3: gateway.prot: is not a known key; did you mean port?\nclawdbot.json:3:3: talk is kept but not used here"
	if got := issueLines(l.Warnings); got != want {
		t.Errorf("got %s", got)
	}
}

// Many issues, and an include that would multiply without end, cost neither time nor memory.
func TestLoadIsBounded(t *testing.T) {
	l := mustLoad(t, write(t, map[string]string{"clawdbot.json": "{" + strings.Repeat("a", 9) + strings.Repeat(":1,\nb", 50_000) + ":1}"}))
	if len(l.Warnings) != maxIssues {
		t.Errorf("%d warnings", len(l.Warnings))
	}
	files := map[string]string{"clawdbot.json": `{$include: "0.json"}`, "9.json": "{}"}
	for i := range 9 {
		next := `"` + string(rune('1'+i)) + `.json"`
		files[string(rune('0'+i))+".json"] = "{$include: [" + strings.Repeat(next+",", 9) + "]}"
	}
	if _, err := Load(write(t, files)); err == nil || !strings.Contains(err.Error(), "$include names more than 256 files in all") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkLoad(b *testing.B) {
	o := write(b, map[string]string{"clawdbot.json": typical})
	for b.Loop() {
		if _, err := Load(o); err != nil {
			b.Fatal(err)
		}
	}
}

// credentials says whether all that differs is what a fallback takes from the newest config.
func credentials(where []string) bool {
	return !slices.ContainsFunc(where, func(path string) bool {
		return !strings.HasPrefix(path, "gateway.auth.") && path != "browser.controlToken" && path != "rescue.notify"
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(typical))
	f.Add([]byte(`{gateway: {port: 1e400, bind: 'custom'}, env: {vars: [], shellEnv: 1}, agents: {list: [{}, null]}, a: [NaN]}`))
	f.Add([]byte(`{a: {$include: ["clawdbot.json"]}, a: 1, bus: {remotes: [{}], link: {port: 0x}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := Options{Path: "/nowhere/clawdbot.json", LookupEnv: env("A", "b")}
		l, err := load(o, func(path string) ([]byte, error) {
			if path != o.Path {
				return nil, os.ErrNotExist
			}
			return text, nil
		})
		e := new(Error)
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		for _, i := range append(e.Issues, l.Warnings...) {
			if i.File == "" || i.Line < 1 || i.Column < 1 || i.Rule == "" || i.Message == "" {
				t.Fatalf("%+v", i)
			}
		}
		if err == nil {
			if _, err := json.Marshal(Redact(l.Effective())); err != nil {
				t.Fatal(err)
			}
		}
		if changes := Plan(&Loaded{Config: Default()}, l); (changes.Effect() == EffectRefused) != (err != nil) {
			t.Fatalf("%v, but the plan is %+v", err, changes)
		}
		fallback, _ := Tighten(Default(), l)
		if where := weaker(fallback, Default()); where != nil && !credentials(where) {
			t.Fatalf("weaker in %v", where)
		}
	})
}
