package config

import (
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

const guarded = `{gateway: {nodes: {denyCommands: ["x"]}, auth: {token: "${T}"}}}`

// chosen is the choice of a start.
type chosen struct {
	Choice
	t *testing.T
}

// start chooses for a file with the text; an empty one is a missing file.
func (k kit) start(text string, d *Directive) chosen {
	k.t.Helper()
	l, err := load(k.o, func(string) ([]byte, error) {
		if text == "" {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	})
	c, chooseErr := k.Choose(l, err, d, k.o)
	if chooseErr != nil {
		k.t.Fatal(chooseErr)
	}
	return chosen{c, k.t}
}

// wants checks where a choice comes from and why.
func (c chosen) wants(source Source, n uint64, reason string) {
	c.t.Helper()
	if c.Source != source || c.Generation != n || c.Reason != reason || c.Loaded == nil {
		c.t.Errorf("got %s %d %q\nwant %s %d %q", c.Source, c.Generation, c.Reason, source, n, reason)
	}
}

const (
	safely  = "; running in safe mode: bus, link, health, status and repair only"
	runs1   = "; running generation 1 of 2026-05-06 12:00:00"
	noOther = "; there is no good generation to run instead"
)

func TestChooseFile(t *testing.T) {
	k := newKit(t)
	k.start("", nil).wants(FromFile, 0, "") // no file, and nothing before
	k.record(guarded, Good)
	k.record("{bridge: {}}", Probation)
	k.start("{bus: {port: 5}}", nil).wants(FromFile, 0, "")
	k.start("{bridge: {}}", nil).wants(FromFile, 0, "")
}

func TestChooseFallback(t *testing.T) {
	k := newKit(t)
	k.record(guarded, Good)
	c := k.start("{\n bus: 5}", nil)
	c.wants(FromFallback, 1, "c.json:2:7: bus: must be an object (got a number)"+runs1)
	if gateway := c.Loaded.Config.Gateway; gateway.Auth.Token != "secret" || len(gateway.Nodes.DenyCommands) != 1 || len(c.Tightened) > 0 {
		t.Errorf("got %+v, %v", gateway, c.Tightened)
	}
	k.start("", nil).wants(FromFallback, 1, "c.json is missing; write {} to it to begin with the defaults"+runs1)
	k.record("{bridge: {}}", Bad)
	k.start("{bridge: {}}", nil).wants(FromFallback, 1, "c.json is generation 2 of 2026-05-06 12:00:00, which is bad: "+
		"it was bad; edit it, or try it again with config apply"+runs1)
	k.start("{bridge: {}} // changed", nil).wants(FromFile, 0, "")
}

func TestChooseTightens(t *testing.T) {
	k := newKit(t)
	k.record(`{gateway: {auth: {token: "the-old-token-of-it"}, bind: "lan"}}`, Good)
	c := k.start(`{gateway: {auth: {token: "the-new-token-of-it"}, port: 0}}`, nil)
	if gateway := c.Loaded.Config.Gateway; c.Source != FromFallback || gateway.Auth.Token != "the-new-token-of-it" || gateway.Bind != "loopback" {
		t.Errorf("got %s %+v", c.Source, gateway)
	}
	want := []string{
		`gateway.bind: "lan" → "loopback", so that it is no weaker than the newest config`,
		"gateway.auth.token: a secret changed, so that it is no weaker than the newest config",
	}
	if !reflect.DeepEqual(c.Tightened, want) {
		t.Errorf("got %q", c.Tightened)
	}
}

func TestChooseSafeMode(t *testing.T) {
	k := newKit(t)
	c := k.start("{bus: 5}", nil)
	c.wants(FromSafeMode, 0, "c.json:1:7: bus: must be an object (got a number)"+noOther+safely)
	if !reflect.DeepEqual(c.Loaded.Config, Default()) {
		t.Errorf("got %+v", c.Loaded.Config)
	}
	if c := k.start(`{bus: 5, gateway: {auth: {token: "the-new-token-of-it"}}}`, nil); c.Loaded.Config.Gateway.Auth.Token != "the-new-token-of-it" {
		t.Errorf("safe mode takes the old token: %+v", c.Loaded.Config.Gateway.Auth)
	}
	k.record(guarded, Good)
	k.o.LookupEnv = nil
	c = k.start("{bus: 5}", nil)
	if c.Source != FromSafeMode || !strings.Contains(c.Reason, "generation 1 of 2026-05-06 12:00:00 no longer loads: c.json:1:56: gateway.auth.token: the variable T is not set") {
		t.Errorf("got %+v", c)
	}
}

func TestChooseDirective(t *testing.T) {
	k := newKit(t)
	k.record(guarded, Good)
	two := k.record("{bridge: {}}", Good)
	three := k.record("{canvasHost: {}}", Good)
	const crashes = "boot directive of rescue: it crashed twice"
	ask := func(d Directive) *Directive {
		d.By, d.Reason = "rescue", "it crashed twice"
		return &d
	}
	k.start("{canvasHost: {}}", ask(Directive{Safe: true})).wants(FromSafeMode, 0, crashes+safely)
	k.start("{canvasHost: {}}", ask(Directive{Generation: 1})).wants(FromFallback, 1, crashes+runs1)
	k.start("{canvasHost: {}}", ask(Directive{Generation: 3})).wants(FromFile, 0, "") // that is what the file holds
	k.start("{bridge: {}}", ask(Directive{Generation: 1, BadHash: three.Hash})).wants(FromFile, 0, "")
	if v := k.verdict(three.N); v != Good {
		t.Errorf("a directive that was not followed made generation 3 %s", v)
	}
	// Without the number, or with one that is gone, it is the last good one that is not the bad one.
	k.start("{canvasHost: {}}", ask(Directive{Generation: 9, BadHash: three.Hash})).
		wants(FromFallback, 2, crashes+"; running generation 2 of 2026-05-06 12:00:00")
	if v := k.verdict(three.N); v != Bad {
		t.Errorf("generation 3 is %s", v)
	}
	k.start("{canvasHost: {}}", nil).wants(FromFallback, 2, "c.json is generation 3 of 2026-05-06 12:00:00, which is bad: "+
		crashes+"; edit it, or try it again with config apply; running generation 2 of 2026-05-06 12:00:00")
	if _, err := k.Mark(1, Bad, ""); err != nil {
		t.Fatal(err)
	}
	k.start("{bridge: {}}", ask(Directive{BadHash: two.Hash})).wants(FromSafeMode, 0, crashes+noOther+safely)
	if v := k.verdict(two.N); v != Good {
		t.Errorf("safe mode made the only good generation %s", v)
	}
}

// A tightening that crashed holds as long as nothing newer can be read, whatever becomes of the file.
func TestChooseKeepsATightening(t *testing.T) {
	const crashed = `{gateway: {bind: "loopback", auth: {token: "F-the-new-token-of-it"}, nodes: {denyCommands: ["b"]}}, canvasHost: {enabled: false}}`
	for _, verdict := range []Verdict{Probation, Bad, Refused} {
		k := newKit(t)
		k.record(`{gateway: {bind: "lan", auth: {token: "E-the-old-token-of-it"}, nodes: {denyCommands: ["a"]}}}`, Good)
		k.record(crashed, verdict)
		// One that cannot be read at all, kept when another was applied.
		broken, _ := LoadText(k.o, []byte("{gateway: ["))
		if _, err := k.Keep(broken, "kept", noon); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ file, token, deny string }{
			{"{gateway: {", "F", "[a b]"},
			{"", "F", "[a b]"},
			{"{bus: 5}", "F", "[a b]"},
			{"{gateway: 5}", "F", "[a b]"},
			{`{gateway: {$include: "gone.json"}}`, "F", "[a b]"},
			{`{gateway: {nodes: {denyCommands: ["c", 5]}}}`, "F", "[a b c]"},
			{`{gateway: {nodes: {denyCommands: ["c"]}}, bus: 5}`, "F", "[a c]"},
			{`{gateway: {bind: "lan", auth: {token: "G-the-third-token-of-it"}}, bridge: 5}`, "G", "[a b]"},
			{"[" + strings.Repeat(`{"$include": "gone.json"},`, maxIssues) + "]", "F", "[a b]"},
		} {
			c := k.start(tt.file, nil)
			gateway := c.Loaded.Config.Gateway
			bind := "loopback"
			if strings.Contains(tt.file, "lan") {
				bind = "lan" // the user's newest word
			}
			if c.Generation != 1 || gateway.Bind != bind || gateway.Auth.Token[:1] != tt.token || fmt.Sprint(gateway.Nodes.DenyCommands) != tt.deny || c.Loaded.Config.CanvasHost.Enabled {
				t.Errorf("%s, %q: %s %s %v, canvas %t", verdict, tt.file, gateway.Bind, gateway.Auth.Token, gateway.Nodes.DenyCommands, c.Loaded.Config.CanvasHost.Enabled)
			}
		}
		// The way back of a gateway that runs is as strict.
		good, err := k.Get(1)
		if err != nil {
			t.Fatal(err)
		}
		l, err := FromGeneration(good, k.o)
		if err != nil {
			t.Fatal(err)
		}
		cfg, sentences, err := k.Tighten(l.Config, nil, k.o)
		if err != nil || cfg.Gateway.Bind != "loopback" || cfg.Gateway.Auth.Token[:1] != "F" || len(sentences) != 4 {
			t.Errorf("%s: %+v, %q, %v", verdict, cfg.Gateway, sentences, err)
		}
	}
}

// A safe mode without any good config takes the token that was set last, too.
func TestSafeModeKeepsTheToken(t *testing.T) {
	k := newKit(t)
	k.record(`{gateway: {auth: {token: "F-the-new-token-of-it"}}}`, Probation)
	if c := k.start("{", nil); c.Source != FromSafeMode || c.Loaded.Config.Gateway.Auth.Token != "F-the-new-token-of-it" {
		t.Errorf("got %s %+v", c.Source, c.Loaded.Config.Gateway.Auth)
	}
}

// After the user went back to the wider config by hand, that is the last word.
func TestChooseAfterAWayBackByHand(t *testing.T) {
	k := newKit(t)
	const wide = `{gateway: {bind: "lan", auth: {token: "E-the-old-token-of-it"}}}`
	k.record(wide, Good)
	k.record(`{gateway: {auth: {token: "F-the-new-token-of-it"}}}`, Bad)
	k.record(wide, Good)
	if c := k.start("{", nil); c.Loaded.Config.Gateway.Bind != "lan" || c.Loaded.Config.Gateway.Auth.Token[:1] != "E" || c.Tightened != nil {
		t.Errorf("got %+v, %q", c.Loaded.Config.Gateway, c.Tightened)
	}
}

// Defaults that ran are a word, too: what was before them does not count.
func TestChooseAfterDefaults(t *testing.T) {
	k := newKit(t)
	k.record(`{canvasHost: {enabled: false}}`, Good)
	none, err := load(k.o, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
	if err != nil {
		t.Fatal(err)
	}
	g, err := k.Record(none, FromFile, noon)
	if err == nil {
		_, err = k.Mark(g.N, Good, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	if c := k.start("{", nil); c.Generation != g.N || !c.Loaded.Config.CanvasHost.Enabled {
		t.Errorf("got %d, %q", c.Generation, c.Tightened)
	}
}
