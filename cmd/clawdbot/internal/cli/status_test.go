package cli

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

// TestStatusShape holds the keys of status --json: programs depend on them.
func TestStatusShape(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	var live, dead map[string]any
	h.run("--profile", "main", "status", "--json").wants(0, "", "").into(&live)
	newHome(t).run("status", "--json").wants(3, "", "not reachable").into(&dead)
	for _, report := range []map[string]any{live, dead} {
		for path, want := range map[string]string{
			"":         "components config configPath gateway incidents maintenance peers ports profile safeMode service stateDir version workspace",
			"gateway":  "pid reachable uptimeMs url verdict",
			"ports":    "bridge browser bus canvas cdp gateway link relay",
			"service":  "active installed manager unit",
			"config":   "generation source verdict warnings",
			"incident": "last open",
		} {
			object := report
			if path == "incident" {
				path = "incidents"
			}
			if path != "" {
				object, _ = report[path].(map[string]any)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(object)), " "); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		if report["components"] == nil || report["peers"] == nil {
			t.Error("an empty list is null")
		}
	}
	first := live["components"].([]any)[0].(map[string]any)
	if got := strings.Join(slices.Sorted(maps.Keys(first)), " "); got != "detail name state" {
		t.Errorf("a component: %s", got)
	}
}

// TestStatusOfOneself runs two gateways, one on a port that no file knows, and
// asks each of itself.
func TestStatusOfOneself(t *testing.T) {
	h := newHome(t)
	main, rescue := h.setup("main", h.base), h.setup("rescue", 0)
	elsewhere := h.base + 212
	h.gateway(main, 0)
	h.gateway(rescue, elsewhere)
	for name, port := range map[string]int{"main": h.base, "rescue": elsewhere} {
		var r statusReport
		h.run("--profile", name, "status", "--json").wants(0, "", "").into(&r)
		if r.Profile != name || r.Ports.Gateway != port || r.Gateway.Verdict != msg.VerdictOK || r.Gateway.PID != os.Getpid() || r.Config.Generation != 1 {
			t.Errorf("%s on %d: %+v", name, port, r)
		}
		h.run("--profile", name, "status").wants(0, name+" is ok", "")
		h.run("--profile", name, "browser", "status").wants(0, fmt.Sprintf("%s, browser profile clawd: stopped\n  control  http://127.0.0.1:%d", name, port+2), "")
		h.run("--profile", name, "health", "--json").wants(0, fmt.Sprintf("%q: %q", "profile", name), "")
	}
	await(t, "the peer", func() bool { return strings.Contains(h.run("--profile", "main", "status").out, "peer rescue ok") })

	// A registry that was tampered with leads to the other gateway, whose
	// answer is refused.
	_, err := rescue.Registry.Update(func([]profile.Instance) (profile.Instance, error) {
		other, err := rescue.Registry.Get("main")
		i, err2 := rescue.Registry.Get("rescue")
		i.Ports = other.Ports
		return i, errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.run("--profile", "rescue", "status").wants(3, "rescue is unknown", "this gateway is profile main")
	h.run("--profile", "rescue", "browser", "status").wants(1, "", "refuses the token")
	h.run("--profile", "rescue", "bus", "sub", "--count", "1").wants(1, "", "refuses user debug")
	token, err := main.ClientToken()
	if err == nil {
		err = profile.WriteFile(rescue.TokenFile(), []byte(token))
	}
	if err != nil {
		t.Fatal(err)
	}
	h.run("--profile", "rescue", "status", "--json").wants(3, `"reachable": false`, "another profile's gateway answered")
	h.run("--profile", "rescue", "health", "--json").wants(3, "", "another profile's gateway answered")
	h.run("--profile", "rescue", "browser", "status").wants(3, "", `is the browser control of profile "main", not of rescue`)
	h.run("--profile", "main", "status").wants(0, "main is ok", "")
}

// TestStatusOfTheDead tells why a gateway is not reachable.
func TestStatusOfTheDead(t *testing.T) {
	h := newHome(t)
	h.run("status").wants(3, "default is stopped", "the profile is not set up\ntry: clawdbot setup")
	p := h.setup("main", h.base)
	h.run("--profile", "main", "status").wants(3, "main is unknown", "not observed: it has not run yet\ntry: clawdbot --profile main gateway\n")
	h.run("profiles").wants(0, "not observed: it has not run yet", "")
	stop := h.gateway(p, 0)
	stop()
	var r statusReport
	h.run("--profile", "main", "status", "--json").wants(3, "", "stopped in order").into(&r)
	if r.Config.Generation != 1 || r.Config.Verdict != string(config.Probation) || r.Ports.Gateway != h.base {
		t.Errorf("from disk: %+v", r)
	}

	crash(t, p)
	h.run("--profile", "main", "status").wants(3, "main is down", "ended without a word")
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", h.base))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h.run("--profile", "main", "status").wants(3, fmt.Sprintf("port %d belongs to gateway", h.base), "cli.test")

	if err := os.WriteFile(p.ConfigPath, []byte("{gateway: {port: 'x'}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := h.run("--profile", "main", "status", "--json").wants(3, `"verdict": "refused"`, "")
	if strings.Contains(broken.out+broken.err, "goroutine") || strings.Count(broken.err, "\n") > 2 {
		t.Errorf("not one line: %s", broken.err)
	}
	broken.into(&r)
	if len(r.Config.Warnings) != 1 || !strings.Contains(r.Config.Warnings[0], "clawdbot.json:1:18: gateway.port") {
		t.Errorf("warnings: %q", r.Config.Warnings)
	}
}

// crash leaves the registry as a gateway does that was killed.
func crash(t *testing.T, p profile.Profile) {
	t.Helper()
	gone := proc.Identity{PID: os.Getpid(), Start: "before this boot"}
	_, err := p.Registry.Update(func([]profile.Instance) (profile.Instance, error) {
		i, err := p.Registry.Get(p.Name)
		i.Process, i.StoppedAt = gone, time.Time{}
		return i, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func register(t *testing.T, p profile.Profile, info proc.Info) {
	t.Helper()
	_, err := p.Registry.Update(func([]profile.Instance) (profile.Instance, error) {
		i, err := p.Registry.Get(p.Name)
		i.Process, i.StartedAt = info.Identity, time.Now()
		return i, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStatusOfTheHung meets a gateway that takes connections and says nothing.
func TestStatusOfTheHung(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", h.base))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	register(t, p, self)
	h.run("--profile", "main", "status", "--timeout", "100").wants(3, "main is hung", fmt.Sprintf("port %d does not answer\ntry: clawdbot --profile main gateway stop\n", h.base))
	h.run("--profile", "main", "health", "--timeout", "100").wants(3, "", "gateway is not reachable")
	if got := h.findings(1)["gateway"]; len(got) != 1 || !strings.Contains(got[0].Text, "does not answer") {
		t.Errorf("doctor: %+v", got)
	}
}

// TestConfigBrokenMeanwhile tells of a file that broke under a gateway.
func TestConfigBrokenMeanwhile(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	if err := os.WriteFile(p.ConfigPath, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.run("--profile", "main", "status").wants(0, "the file cannot be used any more: clawdbot.json:1:", "")
}

// TestConfigChangedMeanwhile tells of a file that is not what runs, and how it
// takes effect.
func TestConfigChangedMeanwhile(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.run("--profile", "main", "config", "set", "gateway.reload.mode", "off").wants(0, "", "")
	h.run("--profile", "main", "config", "set", "logging.level", "debug").wants(0, "", "")
	h.gateway(p, 0)
	if r := h.run("--profile", "main", "status"); strings.Contains(r.out, "changed since") {
		t.Errorf("nothing changed: %s", r.out)
	}
	try := "clawdbot --profile main gateway --force\n"
	h.run("--profile", "main", "config", "set", "logging.level", "warn").wants(0, "", "a restart\ntry: "+try)
	h.run("--profile", "main", "config", "unset", "logging.level").wants(0, "", "a restart\ntry: "+try)
	h.run("--profile", "main", "status").wants(0, "file changed since generation 1; ", "").wants(0, "try: "+try, "")
	await(t, "the gateway's word on the file", func() bool {
		var r statusReport
		h.run("--profile", "main", "status", "--json").into(&r)
		return slices.ContainsFunc(r.Config.Warnings, func(w string) bool {
			return strings.HasPrefix(w, "file changed since generation 1; gateway.reload.mode is off: ")
		})
	})
	if got := h.findings(0)["gateway"]; len(got) != 1 || got[0].Severity != note || got[0].Try+"\n" != try {
		t.Errorf("doctor: %+v", got)
	}
	h.run("--profile", "main", "setup", "--bind", "auto").wants(0, "Next: "+try, "")
}

// TestRefusedFile tells of a changed file that is not taken up, in the gateway's words.
func TestRefusedFile(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	good, err := os.ReadFile(p.ConfigPath)
	if err != nil {
		t.Fatal(err)
	}
	status := func() (r statusReport) {
		h.run("--profile", "main", "status", "--json").wants(0, "", "").into(&r)
		return r
	}
	if err := os.WriteFile(p.ConfigPath, []byte("{gateway: {port: 'x'}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the refusal", func() bool { return strings.Contains(status().Config.Reason, "clawdbot.json:1:18: gateway.port: ") })
	h.run("--profile", "main", "status").wants(0, "!          the changed file is refused: ", "").wants(0, "try: clawdbot --profile main config validate\n", "")
	if r := status(); r.Gateway.Verdict != msg.VerdictOK || len(r.Config.Warnings) != 0 {
		t.Errorf("it is told twice: %+v", r.Config)
	}
	h.run("--profile", "main", "doctor").wants(1, "✗ config     clawdbot.json:1:18: ", "has 1 problem")
	if err := os.WriteFile(p.ConfigPath, good, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of it", func() bool { return status().Config.Reason == "" })
	if err := os.Remove(p.ConfigPath); err != nil {
		t.Fatal(err)
	}
	await(t, "the refusal", func() bool { return strings.Contains(status().Config.Reason, "the config file is gone") })
	if r := h.run("--profile", "main", "status"); strings.Contains(r.out, "file changed since") {
		t.Errorf("a restart does not help: %s", r.out)
	}
}

// TestSafeMode is told by everything that looks, and is one problem.
func TestSafeMode(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	good, err := os.ReadFile(p.ConfigPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.ConfigPath, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.gateway(p, 0)
	for _, verb := range []string{"status", "health"} {
		h.run("--profile", "main", verb).wants(0, "● main is degraded: safe mode", "").wants(0, "try: clawdbot --profile main config validate\n", "")
	}
	h.run("--profile", "main", "health").wants(0, "! the config file is not in use: clawdbot.json:1:", "")
	h.run("--profile", "main", "browser", "status").wants(3, "", "browser control of profile main is off: safe mode\n")
	h.run("--profile", "main", "doctor").wants(1, "! gateway    safe mode", "has 1 problem\n")
	if err := os.WriteFile(p.ConfigPath, good, 0o600); err != nil {
		t.Fatal(err)
	}
	h.run("--profile", "main", "status").wants(0, "the file can be used again, restart to apply\n", "")
	if got := h.findings(1)["gateway"]; len(got) != 1 || got[0].Try != "clawdbot --profile main gateway --force" {
		t.Errorf("doctor: %+v", got)
	}
}

// TestLastGeneration reads a store that another process has open, and does not
// keep one that starts from opening it.
func TestLastGeneration(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	if _, err := lastGeneration(p); err == nil {
		t.Error("a generation out of nothing")
	}
	if _, err := os.Stat(p.StoreDir()); err == nil {
		t.Error("looking made a store")
	}
	s, err := store.Open(store.Config{Dir: p.StoreDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	loaded, err := p.Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.NewGenerations(s).Record(loaded, config.FromFile, time.Now()); err != nil {
		t.Fatal(err)
	}
	g, err := lastGeneration(p)
	if err != nil || g.N != 1 || g.Hash != loaded.Hash {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestVerdictOf(t *testing.T) {
	well := msg.Health{
		Gateway:    msg.GatewayInfo{Phase: msg.PhaseReady, LastBeatMs: 200},
		Components: []msg.Component{{Name: "agent", State: msg.StateOK}, {Name: "canvas", State: msg.StateOff}},
	}
	for name, c := range map[string]struct {
		change func(*msg.Health)
		want   msg.Verdict
	}{
		"well":     {func(*msg.Health) {}, msg.VerdictOK},
		"starting": {func(h *msg.Health) { h.Gateway.Phase = msg.PhaseStarting }, msg.VerdictStarting},
		"stopping": {func(h *msg.Health) { h.Gateway.Phase = msg.PhaseStopping }, msg.VerdictStopped},
		"late":     {func(h *msg.Health) { h.Gateway.LastBeatMs = 5000 }, msg.VerdictHung},
		"degraded": {func(h *msg.Health) { h.Components = []msg.Component{{State: msg.StateDegraded}} }, msg.VerdictDegraded},
		"failed":   {func(h *msg.Health) { h.Components = []msg.Component{{State: msg.StateFailed}} }, msg.VerdictDegraded},
		"safe":     {func(h *msg.Health) { h.Generation.Source = "safe" }, msg.VerdictDegraded},
		"fallback": {func(h *msg.Health) { h.Generation.Source = "fallback" }, msg.VerdictDegraded},
	} {
		h := well
		c.change(&h)
		if got := verdictOf(h).Verdict; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestDuration(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0 ms", 999: "999 ms", 1000: "1 s", 59_999: "59 s", 61_000: "1 min 1 s", 3_600_000: "1 h 0 min", 90_000_000: "1 d 1 h",
	} {
		if got := duration(ms); got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
}

func TestTimeoutFlag(t *testing.T) {
	for text, want := range map[string]time.Duration{"500": 500 * time.Millisecond, "2s": 2 * time.Second, "0": 0, "-1s": 0, "soon": 0} {
		var f timeoutFlag
		err := f.Set(text)
		if (err != nil) != (want == 0) || time.Duration(f) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(f), err)
		}
	}
	if help := newHome(t).run("bus", "sub", "--help").out; strings.Contains(help, "default 0s") {
		t.Errorf("a limit of 0s is none: %s", help)
	}
}

// TestWidth keeps every line of status within 80 columns, however long the
// reasons are.
func TestWidth(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	if err := os.WriteFile(p.ConfigPath, []byte("{gateway: {port: '"+strings.Repeat("long ", 60)+"'}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(h.run("--profile", "main", "status").wants(0, "", "").out) {
		if n := len([]rune(strings.TrimSpace(line))); n > maxWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
