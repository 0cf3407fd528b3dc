package profile

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
)

// testEnv is an environment with a home of its own and just these variables.
func testEnv(t *testing.T, vars map[string]string) Env {
	t.Helper()
	return Env{
		Home: t.TempDir(), Exe: "/opt/clawdbot",
		Lookup: func(key string) (string, bool) { v, ok := vars[key]; return v, ok },
	}
}

func resolve(t *testing.T, f Flags, env Env) Profile {
	t.Helper()
	p, err := Resolve(f, env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestResolveName(t *testing.T) {
	for _, c := range []struct {
		flags Flags
		vars  map[string]string
		want  string // "" is ErrName
		bus   string
	}{
		{Flags{}, nil, "default", "main"},
		{Flags{Profile: "main"}, nil, "main", "main"},
		{Flags{Profile: "rescue"}, map[string]string{"CLAWDBOT_PROFILE": "other"}, "rescue", "rescue"},
		{Flags{}, map[string]string{"CLAWDBOT_PROFILE": "other"}, "other", "other"},
		{Flags{Dev: true}, nil, "dev", "dev"},
		{Flags{Dev: true, Profile: "dev"}, nil, "dev", "dev"},
		{Flags{Dev: true, Profile: "rescue"}, nil, "", ""},
		{Flags{Profile: "a.b"}, nil, "", ""},
		{Flags{Profile: "-a"}, nil, "", ""},
		{Flags{Profile: "A"}, nil, "", ""},
		{Flags{Profile: "a\n"}, nil, "", ""},
		{Flags{Profile: strings.Repeat("a", 64)}, nil, "", ""},
		{Flags{}, map[string]string{"CLAWDBOT_PROFILE": "../x"}, "", ""},
	} {
		p, err := Resolve(c.flags, testEnv(t, c.vars))
		if c.want == "" {
			if !errors.Is(err, ErrName) {
				t.Errorf("%+v: got %q, %v, want ErrName", c.flags, p.Name, err)
			}
			continue
		}
		if err != nil || p.Name != c.want || p.Bus() != c.bus {
			t.Errorf("%+v: got %q on the bus %q, %v, want %q and %q", c.flags, p.Name, p.Bus(), err, c.want, c.bus)
		}
	}
}

func TestResolvePaths(t *testing.T) {
	byHand := map[string]string{"CLAWDBOT_STATE_DIR": "~/state", "CLAWDBOT_CONFIG_PATH": "/etc/clawdbot.json"}
	env := testEnv(t, byHand)

	p := resolve(t, Flags{}, env)
	if p.StateDir != filepath.Join(env.Home, "state") || p.ConfigPath != "/etc/clawdbot.json" || !p.ByHand() || len(p.Warnings) != 0 {
		t.Errorf("by hand: %+v", p)
	}
	p = resolve(t, Flags{Profile: "rescue"}, env)
	if p.StateDir != filepath.Join(env.Home, ".clawdbot-rescue") || p.ConfigPath != filepath.Join(p.StateDir, "clawdbot.json") || p.ByHand() {
		t.Errorf("with --profile: %+v", p)
	}
	byHand["CLAWDBOT_GATEWAY_TOKEN"] = "secret"
	if p := resolve(t, Flags{}, env); len(p.Warnings) != 0 {
		t.Errorf("by hand: %q", p.Warnings)
	}
	tokenToo := resolve(t, Flags{Profile: "rescue"}, env).Warnings
	if len(tokenToo) != 3 || !strings.Contains(tokenToo[2], "CLAWDBOT_GATEWAY_TOKEN is ignored") || strings.Contains(tokenToo[2], "secret") {
		t.Errorf("with --profile and a token: got %q", tokenToo)
	}
	if len(p.Warnings) != 2 {
		t.Errorf("with --profile: each ignored variable is named, got %q", p.Warnings)
	}
	p = resolve(t, Flags{}, testEnv(t, map[string]string{"CLAWDBOT_STATE_DIR": "/srv/state"}))
	if p.ConfigPath != "/srv/state/clawdbot.json" {
		t.Errorf("the config follows the state folder, got %s", p.ConfigPath)
	}
}

func TestPlanPortsPrecedence(t *testing.T) {
	vars := map[string]string{}
	p := resolve(t, Flags{}, testEnv(t, vars))
	var cfg config.Config
	base := func(flag int) (int, string) {
		t.Helper()
		set, settings, err := p.PlanPorts(cfg, flag)
		if err != nil {
			t.Fatal(err)
		}
		return set.Gateway, settings[0].From
	}
	if _, err := p.Registry.Update(func([]Instance) (Instance, error) {
		set, err := ports.Derive(21000)
		return Instance{Profile: p.Name, StateDir: p.StateDir, Ports: set}, err
	}); err != nil {
		t.Fatal(err)
	}
	if port, from := base(0); port != 21000 || from != "registry" {
		t.Errorf("registered block: got %d from %s", port, from)
	}
	cfg.Gateway.Port = 22000
	if port, from := base(0); port != 22000 || from != "config" {
		t.Errorf("config: got %d from %s", port, from)
	}
	vars["CLAWDBOT_GATEWAY_PORT"] = "23000"
	if port, from := base(0); port != 23000 || from != "environment" {
		t.Errorf("environment: got %d from %s", port, from)
	}
	if port, from := base(24000); port != 24000 || from != "flag" {
		t.Errorf("flag: got %d from %s", port, from)
	}
}

func TestPlanPortsOverrides(t *testing.T) {
	var cfg config.Config
	cfg.Gateway.Port, cfg.Bus.Port, cfg.Bus.MonitorPort = 20000, 20500, 20501
	cfg.Browser.ControlURL = "http://127.0.0.1:20600"
	p := resolve(t, Flags{}, testEnv(t, map[string]string{"CLAWDBOT_BRIDGE_PORT": "20700"}))
	set, _, err := p.PlanPorts(cfg, 0)
	want := ports.Ports{
		Gateway: 20000, Bridge: 20700, Browser: 20600, Relay: 20601, Canvas: 20004, Bus: 20500, Link: 20006, Monitor: 20501,
		CDP: ports.Range{From: 20609, To: 20708},
	}
	if err != nil || set != want {
		t.Fatalf("got %+v, %v, want %+v", set, err, want)
	}
}

// TestPlanPortsWhoWins sets each port in every way there is, and tells who won.
func TestPlanPortsWhoWins(t *testing.T) {
	const base = 20000
	var all config.Config
	all.Gateway.Port, all.Bridge.Port, all.CanvasHost.Port = base, 21001, 21004
	all.Bus.Port, all.Bus.Link.Port, all.Bus.MonitorPort, all.Bus.WebsocketPort = 21005, 21006, 21007, 21008
	all.Browser.ControlURL = "http://127.0.0.1:21002"
	var plain config.Config
	plain.Gateway.Port = base
	vars := map[string]string{
		"CLAWDBOT_GATEWAY_PORT": "22000", "CLAWDBOT_BRIDGE_PORT": "22001", "CLAWDBOT_CANVAS_HOST_PORT": "22004",
		"CLAWDBOT_BROWSER_CONTROL_URL": "http://127.0.0.1:22002",
	}
	for name, c := range map[string]struct {
		vars map[string]string
		cfg  config.Config
		want string
	}{
		"derived":     {nil, plain, "port=20000 config; bridge=20001 derived; browser=20002 derived; bus=20005 derived; canvas=20004 derived; link=20006 derived; monitor=off default; websocket=off default"},
		"config":      {nil, all, "port=20000 config; bridge=21001 config; browser=21002 config; bus=21005 config; canvas=21004 config; link=21006 config; monitor=21007 config; websocket=21008 config"},
		"environment": {vars, all, "port=22000 environment; bridge=22001 environment; browser=22002 environment; bus=21005 config; canvas=22004 environment; link=21006 config; monitor=21007 config; websocket=21008 config"},
	} {
		_, settings, err := resolve(t, Flags{}, testEnv(t, c.vars)).PlanPorts(c.cfg, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, s := range settings {
			got = append(got, s.Name+"="+s.Value+" "+s.From)
		}
		slices.Sort(got[1:])
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, text, c.want)
		}
	}
}

// TestRemoteControl takes no port of another host for one of this.
func TestRemoteControl(t *testing.T) {
	for address, want := range map[string]string{
		"": "", "http://127.0.0.1:21002": "", "http://localhost:21002": "", "http://[::1]:21002": "",
		"http://browsers.example:21002": "browsers.example:21002", "https://browsers.example": "browsers.example", "http://192.0.2.7:21002/x": "192.0.2.7:21002",
	} {
		var cfg config.Config
		cfg.Gateway.Port = 20000
		for _, vars := range []map[string]string{{}, {"CLAWDBOT_BROWSER_CONTROL_URL": address}} {
			if len(vars) == 0 {
				cfg.Browser.ControlURL = address
			} else {
				cfg.Browser.ControlURL = "http://127.0.0.1:21002"
			}
			p := resolve(t, Flags{}, testEnv(t, vars))
			got := ""
			if u := p.RemoteControl(cfg); u != nil {
				got = u.Host
			}
			if got != want {
				t.Errorf("%q: %q, want %q", address, got, want)
			}
			set, _, err := p.PlanPorts(cfg, 0)
			if err != nil || want != "" && set.Browser != 20002 {
				t.Errorf("%q: port %d, %v", address, set.Browser, err)
			}
		}
	}
}

func TestPlanPortsRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		edit func(*config.Config)
		says string
	}{
		"no number":      {map[string]string{"CLAWDBOT_GATEWAY_PORT": "http"}, nil, `CLAWDBOT_GATEWAY_PORT: "http" is no port`},
		"out of range":   {map[string]string{"CLAWDBOT_BRIDGE_PORT": "0"}, nil, `CLAWDBOT_BRIDGE_PORT: "0" is no port`},
		"too high":       {nil, func(c *config.Config) { c.Gateway.Port = 65500 }, "gateway.port: not a base port"},
		"one port twice": {nil, func(c *config.Config) { c.Bus.Port = 20001 }, "bridge and bus both have port 20001"},
		"not whole":      {map[string]string{"CLAWDBOT_CANVAS_HOST_PORT": "1.5"}, nil, `CLAWDBOT_CANVAS_HOST_PORT: "1.5" is no port`},
		"URL, no port":   {nil, func(c *config.Config) { c.Browser.ControlURL = "http://127.0.0.1" }, "browser.controlUrl"},
		"URL, port 0":    {nil, func(c *config.Config) { c.Browser.ControlURL = "http://127.0.0.1:0" }, `"0" is no port`},
		"no URL":         {map[string]string{"CLAWDBOT_BROWSER_CONTROL_URL": "20002"}, nil, "CLAWDBOT_BROWSER_CONTROL_URL"},
		"no web URL":     {nil, func(c *config.Config) { c.Browser.ControlURL = "ftp://host:21" }, "browser.controlUrl must be like http://127.0.0.1:20002"},
		"CDP too high":   {nil, func(c *config.Config) { c.Browser.ControlURL = "http://127.0.0.1:65500" }, "CDP ports would pass 65535"},
	} {
		t.Run(name, func(t *testing.T) {
			var cfg config.Config
			cfg.Gateway.Port = 20000
			if c.edit != nil {
				c.edit(&cfg)
			}
			_, _, err := resolve(t, Flags{}, testEnv(t, c.vars)).PlanPorts(cfg, 0)
			if !errors.Is(err, ErrPort) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want ErrPort with %q", err, c.says)
			}
		})
	}
}

// TestKnown finds profiles that the registry forgot, and nothing else.
func TestKnown(t *testing.T) {
	env := testEnv(t, map[string]string{"CLAWDBOT_GATEWAY_PORT": "29999", "TOKEN": "t"})
	env.Home = filepath.Join(env.Home, "[home]") // a name that is no pattern
	for dir, text := range map[string]string{
		".clawdbot":        `{gateway: {port: 20000}}`,
		".clawdbot-rescue": `{gateway: {port: 20212, auth: {token: "${TOKEN}"}}}`,
		".clawdbot-broken": `{gateway: `,
		".clawdbotfoo":     `{}`,
		".clawdbot-Bad":    `{}`,
	} {
		if err := WriteFile(filepath.Join(env.Home, dir, "clawdbot.json"), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	known, err := resolve(t, Flags{}, env).Known()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	var names []string
	for _, i := range known {
		names = append(names, i.Profile)
		got[i.Profile] = i.Ports.Gateway
	}
	if want := []string{"default", "broken", "rescue"}; !slices.Equal(names, want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	if got["default"] != 20000 || got["rescue"] != 20212 || got["broken"] != 0 {
		t.Fatalf("ports: %v", got)
	}
}

func TestSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "secret.key")
	first, err := Secret(path)
	if err != nil || len(first) != 64 {
		t.Fatalf("got %d characters, %v", len(first), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if again, err := Secret(path); err != nil || again != first {
		t.Fatalf("a second call made another secret, %v", err)
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Secret(path); err == nil {
		t.Fatal("a short secret passed")
	}
}

func TestExplainPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	p := resolve(t, Flags{Profile: "rescue"}, testEnv(t, nil))
	explain := func() PortInfo {
		t.Helper()
		info, err := p.ExplainPort(port)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	if got := explain(); got.State != PortTaken || got.PID != os.Getpid() || got.Profile != "" {
		t.Errorf("a foreign listener: %+v", got)
	}

	register := func(id proc.Identity) {
		t.Helper()
		if _, err := p.Registry.Update(func([]Instance) (Instance, error) {
			return Instance{Profile: p.Name, StateDir: p.StateDir, Process: id, Ports: ports.Ports{Gateway: port}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	register(self.Identity)
	if got := explain(); got.State != PortHeld || got.Component != "gateway" || got.Try != "clawdbot --profile rescue status" {
		t.Errorf("the gateway itself: %+v", got)
	}
	register(proc.Identity{})
	if got := explain(); got.State != PortTaken || got.Profile != "rescue" {
		t.Errorf("a stranger on the profile's port: %+v", got)
	}
	l.Close()
	if got := explain(); got.State != PortReserved || got.PID != 0 {
		t.Errorf("nobody listens: %+v", got)
	}
}

func TestAudit(t *testing.T) {
	at := func(name string, base int) Instance {
		set, err := ports.Derive(base)
		if err != nil {
			t.Fatal(err)
		}
		return Instance{Profile: name, Bus: name, ConfigPath: "/" + name + ".json", StateDir: "/" + name, Workspace: "/w/" + name, Ports: set}
	}
	if got := Audit([]Instance{at("a", 20000), at("b", 20212), at("c", 20424)}); len(got) != 0 {
		t.Fatalf("isolated profiles: %v", got)
	}
	for what, edit := range map[string]func(*Instance){
		"state folder": func(i *Instance) { i.StateDir = "/a" },
		"config file":  func(i *Instance) { i.ConfigPath = "/a.json" },
		"workspace":    func(i *Instance) { i.Workspace = "/w/a" },
		"bus name":     func(i *Instance) { i.Bus = "a" },
		"port":         func(i *Instance) { i.Ports.Canvas = 20000 },
		"log file":     func(i *Instance) { i.LogFile = "/var/log/clawdbot.log" },
		"canvas root":  func(i *Instance) { i.CanvasRoot = "/a/inside" },
	} {
		b := at("b", 20212)
		edit(&b)
		a := at("a", 20000)
		a.LogFile = "/var/log/clawdbot.log"
		if b.CanvasRoot == "" {
			b.CanvasRoot = b.Workspace + "/canvas"
		}
		got := Audit([]Instance{a, b})
		if len(got) != 1 || got[0].What != what || got[0].A != "a" || got[0].B != "b" || got[0].Try == "" {
			t.Errorf("%s: got %+v", what, got)
		}
	}
}
