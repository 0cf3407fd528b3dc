package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// leaf is one value of the config with the tags that hold for it.
type leaf struct {
	path, reload, security string
	secret                 bool
}

// leaves lists every value that a config can hold, * for any key or index.
func leaves(t reflect.Type, at leaf) (all []leaf) {
	switch t.Kind() {
	case reflect.Struct:
		list, _ := fields(t)
		for _, f := range list {
			below := leaf{strings.TrimPrefix(at.path+"."+f.key, "."), at.reload, cmp.Or(at.security, f.Tag.Get("security")), f.Tag.Get("secret") != ""}
			if tag, ok := f.Tag.Lookup("reload"); ok {
				below.reload = tag
			}
			all = append(all, leaves(f.Type, below)...)
		}
		return all
	case reflect.Map, reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			at.path += ".*"
			return leaves(t.Elem(), at)
		}
	}
	return []leaf{at}
}

func TestEveryValueKnowsWhatItsChangeTakes(t *testing.T) {
	all := leaves(reflect.TypeFor[Config](), leaf{})
	for _, l := range all {
		word, reason, _ := strings.Cut(l.reload, ": ")
		switch word {
		case "hot":
		case "restart":
			if reason == "" {
				t.Errorf("%s: restart without a reason", l.path)
			}
		default:
			names := strings.Split(word, ",")
			for _, name := range names {
				if !slices.Contains([]string{"agent", "bridge", "browser", "canvas", "cron", "gateway", "relay"}, name) {
					t.Errorf("%s: %q is no component", l.path, name)
				}
			}
			if !slices.IsSorted(names) {
				t.Errorf("%s: %v are not sorted", l.path, names)
			}
		}
	}
	if len(all) < 70 {
		t.Errorf("only %d values", len(all))
	}
}

func fromText(t *testing.T, text string) *Loaded {
	t.Helper()
	o := Options{Path: "/c.json", LookupEnv: env("PORT", "19001", "T", "secret", "U", "other")}
	l, err := LoadText(o, []byte(text))
	if invalid := new(Error); err != nil && !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	return l
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		old, new   string
		want       string // a line "path effect: why" per change
		effect     Effect
		components []string
	}{
		{"{}", "{}", "", EffectNone, nil},
		{"{bridge: {enabled: false}, bus: {port: 5}}", "// comment\n{bus: {port: 0x5}, 'bridge': {enabled: false}, gateway: {}, channels: {}}", "", EffectNone, nil},
		{`{gateway: {bind: "loopback"}}`, "{}", "", EffectNone, nil}, // the default
		{"{}", `{logging: {level: "debug"}}`, `logging.level hot: "info" → "debug"; taken over at once`, EffectHot, nil},
		{"{}", "{bridge: {enabled: false}}", "bridge.enabled component: true → false; restarts bridge", EffectComponent, []string{"bridge"}},
		{"{}", "{gateway: {port: 19001}}", "gateway.port restart: unset → 19001; restarts the gateway: every port follows from it", EffectRestart, nil},
		{
			`{agents: {list: [{id: "a"}]}, browser: {headless: true, profiles: {work: {cdpPort: 19000}, old: {}}}}`,
			`{agents: {list: [{id: "a", workspace: "~/w"}]}, browser: {profiles: {work: {cdpPort: 19001}, new: {color: "#112233"}}}, logging: {level: "debug"}}`,
			`browser.headless component: true → unset; restarts browser
browser.profiles.new component: unset → {"color":"#112233"}; restarts browser
browser.profiles.old component: {} → unset; restarts browser
browser.profiles.work.cdpPort component: 19000 → 19001; restarts browser
agents.list[0].workspace component: unset → "~/w"; restarts agent
logging.level hot: "info" → "debug"; taken over at once`,
			EffectComponent,
			[]string{"agent", "browser"},
		},
		{
			`{gateway: {auth: {token: "${T}"}, denyCommands: []}, bus: {remotes: [{name: "hq", urls: ["nats://u:pw@hq"]}]}}`,
			`{gateway: {auth: {token: "${U}"}}, bus: {remotes: [{name: "hq", urls: ["nats://u:wp@hq", "nats://hq2"]}]}}`,
			`gateway.auth.token component: a secret changed; restarts browser, canvas, gateway, relay
bus.remotes[0].urls restart: ["nats://__REDACTED__@hq"] → ["nats://__REDACTED__@hq","nats://hq2"]; restarts the gateway: the bus carries every part`,
			EffectRestart,
			[]string{"browser", "canvas", "gateway", "relay"},
		},
		{"{env: {A: 'x'}}", "{env: {A: 'y', B: 'z'}}", "env.A hot: a secret changed; taken over at once\nenv.B hot: unset → \"__REDACTED__\"; taken over at once", EffectHot, nil},
		{
			"{}",
			"{\n bridge: 5,\n gateway: {bind: 'lam'}, logging: {level: 'debug'}}",
			`bridge refused: c.json:2:10: bridge: must be an object (got a number)
gateway.bind refused: c.json:3:18: gateway.bind: must be one of loopback, lan, tailnet, auto (got "lam"); did you mean lan?`,
			EffectRefused, nil,
		},
		{"{}", "{", ` refused: c.json:1:2: `, EffectRefused, nil},
	} {
		changes := Plan(fromText(t, tt.old), fromText(t, tt.new))
		var lines []string
		for _, c := range changes {
			lines = append(lines, fmt.Sprintf("%s %s: %s", c.Path, c.Effect, c.Why))
		}
		got := strings.Join(lines, "\n")
		if got != tt.want && (tt.effect != EffectRefused || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s → %s\ngot  %s\nwant %s", tt.old, tt.new, got, tt.want)
		}
		if e, c := changes.Effect(), changes.Components(); e != tt.effect || !slices.Equal(c, tt.components) {
			t.Errorf("%s → %s: %s %v", tt.old, tt.new, e, c)
		}
	}
	if raw, err := json.Marshal(Plan(fromText(t, "{}"), fromText(t, "{}"))); string(raw) != "[]" || err != nil {
		t.Errorf("an empty plan is %s, %v", raw, err)
	}
}

// A long value is cut, between characters.
func TestPlanShowsOneLine(t *testing.T) {
	long := `{gateway: {nodes: {denyCommands: ["` + strings.Repeat("ä", 200) + `"]}}}`
	why := Plan(fromText(t, "{}"), fromText(t, long))[0].Why
	if want := `unset → ["` + strings.Repeat("ä", maxShown-3) + "…; restarts gateway"; why != want {
		t.Errorf("got %s", why)
	}
}

func TestReloadModes(t *testing.T) {
	for _, tt := range []struct {
		mode    string
		effect  Effect
		now     Effect
		waiting bool
	}{
		{"hybrid", EffectHot, EffectHot, false},
		{"hybrid", EffectComponent, EffectComponent, false},
		{"hybrid", EffectRestart, EffectRestart, false},
		{"hybrid", EffectRefused, EffectRefused, false},
		{"hot", EffectComponent, EffectComponent, false},
		{"hot", EffectRestart, EffectNone, true},
		{"restart", EffectHot, EffectRestart, false},
		{"restart", EffectNone, EffectNone, false},
		{"off", EffectHot, EffectNone, true},
		{"off", EffectRestart, EffectNone, true},
		{"off", EffectNone, EffectNone, false},
	} {
		now, waits := Reload{Mode: tt.mode}.Does(tt.effect)
		if now != tt.now || (waits != "") != tt.waiting {
			t.Errorf("%s, %s: %s, %q", tt.mode, tt.effect, now, waits)
		}
	}
}

func TestPolicyFor(t *testing.T) {
	for _, tt := range []struct {
		rescue             Rescue
		managed, unmanaged string
	}{
		{Rescue{}, "repair", "observe"},
		{Rescue{Policy: "restart"}, "restart", "restart"},
		{Rescue{Policy: "repair", Policies: map[string]string{"main": "observe"}}, "observe", "observe"},
		{Rescue{Policies: map[string]string{"other": "observe"}}, "repair", "observe"},
	} {
		if m, u := tt.rescue.PolicyFor("main", true), tt.rescue.PolicyFor("main", false); m != tt.managed || u != tt.unmanaged {
			t.Errorf("%+v: %s, %s", tt.rescue, m, u)
		}
	}
}
