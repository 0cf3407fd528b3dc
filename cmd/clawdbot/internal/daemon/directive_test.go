package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

// twoGenerations leaves a stopped main behind with two good generations, and a
// rescue that the host knows.
func twoGenerations(t *testing.T) (*host, profile.Profile, config.Generation) {
	t.Helper()
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	h.start(h.profile("rescue"), h.base+ports.Step)
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	h.write(p, "{canvasHost: {liveReload: false}}")
	l := g.configs("the second, good", isGood(2))
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	return h, p, l.Generations[1]
}

// direct leaves a directive of rescue for main, as change has it.
func (h *host) direct(p profile.Profile, change func(*profile.Directive)) {
	h.t.Helper()
	i, err := p.Registry.Get(p.Name)
	if err != nil {
		h.t.Fatal(err)
	}
	now := time.Now()
	d := profile.Directive{
		By: "rescue", Action: profile.DirectGeneration, Generation: 1, Reason: "it crashed twice", Issued: now, Expires: now.Add(time.Minute),
	}
	change(&d)
	if err := p.Registry.WriteDirective(i, d); err != nil {
		h.t.Fatal(err)
	}
}

func TestDirectiveStartsAnEarlierGeneration(t *testing.T) {
	h, p, second := twoGenerations(t)
	h.direct(p, func(d *profile.Directive) { d.BadHash = second.Hash })
	g := h.start(p, h.base)
	l := g.configs("directed", func(l generations) bool { return l.Running == 1 })
	if l.Source != config.FromFallback || !strings.Contains(l.Reason, "it crashed twice") || !strings.Contains(l.Reason, "rescue") {
		t.Errorf("got %+v", l)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}

	g = h.start(p, h.base) // it holds once; but the file is known as bad now
	if l := g.configs("on the first", func(l generations) bool { return l.Running == 1 }); verdictOf(2, l) != config.Bad {
		t.Errorf("got %+v", l)
	}
	h.write(p, "{canvasHost: {liveReload: false}, logging: {level: 'debug'}}")
	g.configs("on the changed file", func(l generations) bool { return l.Running == 3 && l.Source == config.FromFile })
}

func TestDirectiveStartsSafeMode(t *testing.T) {
	h, p, _ := twoGenerations(t)
	h.direct(p, func(d *profile.Directive) { d.Action, d.Generation = profile.DirectSafeMode, 0 })
	g := h.start(p, h.base)
	if l := g.configs("safe", func(l generations) bool { return l.Source == config.FromSafeMode }); !strings.Contains(l.Reason, "it crashed twice") {
		t.Errorf("got %+v", l)
	}
	for name, c := range g.components() {
		if on := name == "gateway" || name == "rescue" || name == "store"; on == (c.State == "off") {
			t.Errorf("%s is %s", name, c.State)
		}
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	h.start(p, h.base).configs("on the file again", isGood(2))
}

// TestBadDirectiveChangesNothing: the gateway says what is wrong with it, and
// starts as if there were none.
func TestBadDirectiveChangesNothing(t *testing.T) {
	h, p, _ := twoGenerations(t)
	path := filepath.Join(p.StateDir, "directive.json")
	spoil := func(old, new string) func() {
		return func() {
			body, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(body, []byte(old)) {
				t.Fatalf("%q is not in %s (%v)", old, body, err)
			}
			if err := os.WriteFile(path, bytes.Replace(body, []byte(old), []byte(new), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, bad := range map[string]struct {
		spoil func()
		want  string
	}{
		"forged":              {spoil("it crashed twice", "it crashed never"), "forged"},
		"for another profile": {spoil(`"main"`, `"other"`), "forged"},
		"of a stranger":       {spoil(`"rescue"`, `"nobody"`), "nobody"},
		"no JSON":             {spoil("{", "["), "directive"},
	} {
		t.Run(name, func(t *testing.T) {
			h.direct(p, func(*profile.Directive) {})
			bad.spoil()
			g := h.start(p, h.base)
			g.configs("on the file", func(l generations) bool { return l.Running == 2 && l.Source == config.FromFile })
			if log := g.console.String(); !strings.Contains(log, "directive") || !strings.Contains(log, bad.want) {
				t.Errorf("the log does not say so:\n%s", log)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("it is still there")
			}
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
