package daemon

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/gateway/client"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

var itoa = strconv.Itoa

// generations is the answer of generations.list.
type generations struct {
	Generations []config.Generation
	Running     uint64
	Source      config.Source
	Reason      string
	Refused     string
	Boot        string
}

// configs polls generations.list until it is as wanted.
func (g *gatewayUnderTest) configs(what string, want func(generations) bool) generations {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var now generations
		err := g.nowCall("generations.list", &now)
		if err == nil && want(now) {
			return now
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("not %s: %+v, %v", what, now, err)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// nowCall asks the life of the gateway that runs now, as its clients do.
func (g *gatewayUnderTest) nowCall(method string, out any) error {
	g.t.Helper()
	token, err := g.p.ClientToken()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{URL: "ws://127.0.0.1:" + itoa(g.port), Token: token})
	if err != nil {
		return err // between two lives
	}
	defer c.Close()
	return c.Call(ctx, method, nil, out)
}

func verdictOf(n uint64, list generations) config.Verdict {
	for _, g := range list.Generations {
		if g.N == n {
			return g.Verdict
		}
	}
	return ""
}

func isGood(n uint64) func(generations) bool {
	return func(l generations) bool { return l.Running == n && verdictOf(n, l) == config.Good }
}

func TestChangedFileIsTakenUpByItsComponentAlone(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	h.write(p, "{canvasHost: {liveReload: false}, logging: {level: 'debug'}}")
	after := g.configs("the second, good", isGood(2))
	if after.Source != config.FromFile || g.now.Load() != g.d {
		t.Errorf("got %+v, restarted: %v", after, g.now.Load() != g.d)
	}
	for name, c := range g.components() {
		if want := map[string]int{"canvas": 1}[name]; c.Restarts != want {
			t.Errorf("%s had %d restarts, want %d", name, c.Restarts, want)
		}
	}
	if g.d.logs.level.Level() != logLevel("debug") {
		t.Error("the log level was not taken up")
	}
	h.write(p, "// a comment is no change\n{canvasHost: {liveReload: false}, logging: {level: 'debug'}}")
	g.configs("the third, good at once", isGood(3))
	if c := g.components()["canvas"]; c.Restarts != 1 {
		t.Errorf("canvas had %d restarts", c.Restarts)
	}
}

func TestMovedPortOfAComponent(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	port := h.base + ports.Step + 1
	h.write(p, "{bridge: {port: "+itoa(port)+"}}")
	g.configs("the second", func(l generations) bool { return l.Running == 2 })
	c, err := net.Dial("tcp", "127.0.0.1:"+itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	<-waitFor(func() bool { i, err := p.Registry.Get("main"); return err == nil && i.Ports.Bridge == port })
	if i, err := p.Registry.Get("main"); err != nil || i.Ports.Bridge != port {
		t.Errorf("registered: %+v, %v", i.Ports, err)
	}
	if c, err := net.Dial("tcp", "127.0.0.1:"+itoa(h.base+ports.OffsetBridge)); err == nil {
		_ = c.Close()
		t.Error("the old port still listens")
	}
}

func TestChangeThatTakesANewStart(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	boot := g.configs("good", isGood(1)).Boot
	h.write(p, "{bus: {monitorPort: "+itoa(h.base+7)+"}}")
	after := g.configs("the second, good", isGood(2))
	if after.Boot == boot {
		t.Error("it did not restart")
	}
	c, err := net.Dial("tcp", "127.0.0.1:"+itoa(h.base+7))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// TestRefusedFileChangesNothing: a file with a mistake, written while it runs.
func TestRefusedFileChangesNothing(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	h.write(p, "{\n  bridge: {enabled: 'yes'},\n}")
	l := g.configs("refused", func(l generations) bool { return l.Refused != "" })
	if l.Running != 1 || len(l.Generations) != 1 || !strings.Contains(l.Refused, ":2:") || !strings.Contains(l.Refused, "still runs") {
		t.Errorf("got %+v", l)
	}
	h.write(p, "{}")
	g.configs("clear again", func(l generations) bool { return l.Refused == "" })
}

// TestConfigThatCannotBeTakenUpIsRolledBack: the port that it wants is held by
// another program. It is not tried again until it changes.
func TestConfigThatCannotBeTakenUpIsRolledBack(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	thief, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	bad := "{bridge: {port: " + itoa(thief.Addr().(*net.TCPAddr).Port) + "}}"
	h.write(p, bad)
	l := g.configs("rolled back", func(l generations) bool { return verdictOf(2, l) == config.Bad })
	if l.Running != 1 || l.Source != config.FromFallback || !strings.Contains(l.Reason, "generation 2 was rolled back") || !strings.Contains(l.Reason, "cannot listen on port") {
		t.Errorf("got %+v", l)
	}
	if c := g.components()["bridge"]; c.State != msg.StateOK || c.Restarts != 0 {
		t.Errorf("the bridge was touched: %+v", c)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	g = h.start(p, h.base) // the thief has left, but nobody knows
	if l := g.configs("on the first", func(l generations) bool { return l.Running == 1 }); l.Source != config.FromFallback || !strings.Contains(l.Reason, "generation 2") {
		t.Errorf("got %+v", l)
	}
}

// TestUnhealthyConfigIsRolledBackInMemory: what was swapped in does not do its work.
func TestUnhealthyConfigIsRolledBackInMemory(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	var pl plugs
	g := h.startWith(p, h.base, func(d *daemon) {
		pl = plugs{d: d, open: map[string][]*plug{}}
		d.dialAs = pl.dial
	})
	g.configs("good", isGood(1))
	pl.doom("canvas") // from now on its connections stall at birth
	h.write(p, "{canvasHost: {liveReload: false}}")
	l := g.configs("rolled back", func(l generations) bool { return verdictOf(2, l) == config.Bad })
	if g.now.Load() != g.d {
		t.Error("it restarted as a whole")
	}
	if l.Running != 1 || l.Source != config.FromFallback || !strings.Contains(l.Reason, "canvas: stuck") {
		t.Errorf("got %+v", l)
	}
}

// TestStartThatFailsFallsBack: the file is fine, but the gateway cannot start with it.
func TestStartThatFailsFallsBack(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	h.write(p, "{canvasHost: {root: '~/.clawdbot-main/clawdbot.json/canvas'}}")
	g = h.start(p, h.base)
	l := g.configs("condemned", func(l generations) bool { return verdictOf(2, l) == config.Bad })
	if l.Running != 1 || l.Source != config.FromFallback || !strings.Contains(l.Reason, "canvas") {
		t.Errorf("got %+v", l)
	}
}

func TestReloadModes(t *testing.T) {
	for _, mode := range []string{"off", "hot", "restart"} {
		t.Run(mode, func(t *testing.T) {
			h := newHost(t)
			p := h.profile("main")
			h.write(p, "{gateway: {reload: {mode: '"+mode+"', debounceMs: 0}}}")
			g := h.start(p, h.base)
			boot := g.configs("good", isGood(1)).Boot
			with := func(more string) { h.write(p, "{gateway: {reload: {mode: '"+mode+"', debounceMs: 0}}, "+more+"}") }
			switch mode {
			case "off":
				with("canvasHost: {liveReload: false}")
				if l := g.configs("told", func(l generations) bool { return l.Refused != "" }); l.Running != 1 || l.Boot != boot {
					t.Errorf("got %+v", l)
				}
			case "hot":
				with("bus: {monitorPort: " + itoa(h.base+7) + "}")
				if l := g.configs("told", func(l generations) bool { return l.Refused != "" }); l.Running != 1 || l.Boot != boot {
					t.Errorf("got %+v", l)
				}
				with("canvasHost: {liveReload: false}")
				g.configs("taken up", func(l generations) bool { return l.Running == 2 && l.Boot == boot })
			case "restart":
				with("canvasHost: {liveReload: false}")
				g.configs("restarted", func(l generations) bool { return l.Running == 2 && l.Boot != boot })
			}
		})
	}
}

func TestApply(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	try := func(raw, hash string, ms int64) msg.ConfigApply {
		return msg.ConfigApply{ConfigWrite: msg.ConfigWrite{Raw: raw, BaseHash: hash}, ProbationMs: ms, Try: true}
	}
	g.refuses("config.apply", try("{bridge: 3}", "", 0), "bridge")
	g.refuses("config.apply", try("{}", "0", 0), "changed meanwhile")
	g.refuses("config.apply", try("{}", "", -1), "probationMs")
	var plan struct {
		Valid   bool
		Effect  config.Effect
		Changes config.Changes
	}
	raw := try("{canvasHost: {liveReload: false}}", "", 100)
	g.mustCall("config.plan", msg.ConfigPlan{Raw: raw.Raw}, &plan)
	if !plan.Valid || plan.Effect != config.EffectComponent || len(plan.Changes) != 1 || plan.Changes[0].Path != "canvasHost.liveReload" {
		t.Errorf("plan: %+v", plan)
	}
	var done struct {
		Generation uint64
		Effect     config.Effect
	}
	g.mustCall("config.apply", raw, &done)
	if done.Generation != 2 || done.Effect != config.EffectComponent {
		t.Errorf("got %+v", done)
	}
	g.configs("good", isGood(2))
	raw.Raw = "{bus: {monitorPort: " + itoa(h.base+7) + "}}" // takes a new start, which reads no file
	g.mustCall("config.apply", raw, &done)
	g.configs("good", isGood(3))
	if text, err := config.ReadFile(p.ConfigPath); err != nil || string(text) != "{}" {
		t.Errorf("the file is %q, %v", text, err)
	}
}
