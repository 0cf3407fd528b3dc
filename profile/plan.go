package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

// ErrPort says that a port setting cannot be used.
var ErrPort = errors.New("bad port setting")

// PlanPorts returns the ports that the profile starts with, and who set each.
// A flag of 0 was not given. The base comes from the flag, the environment,
// the config, the registered block or, when none says, the planner's next free
// block. It returns ErrPort naming the setting that is wrong, and
// ports.ErrNoBlock when the host is full.
func (p Profile) PlanPorts(cfg config.Config, flag int) (ports.Ports, []Setting, error) {
	base, won, err := p.base(cfg, flag)
	if err != nil {
		return ports.Ports{}, nil, err
	}
	set, err := ports.Derive(base)
	if err != nil {
		return ports.Ports{}, nil, fmt.Errorf("%w: %s: %w", ErrPort, won.Why, err)
	}
	settings := []Setting{won}
	overrides := []struct {
		name, key, variable string
		config              int
		port                *int
	}{
		{"bridge", "bridge.port", "CLAWDBOT_BRIDGE_PORT", cfg.Bridge.Port, &set.Bridge},
		{"canvas", "canvasHost.port", "CLAWDBOT_CANVAS_HOST_PORT", cfg.CanvasHost.Port, &set.Canvas},
		{"bus", "bus.port", "", cfg.Bus.Port, &set.Bus},
		{"link", "bus.link.port", "", cfg.Bus.Link.Port, &set.Link},
		{"monitor", "bus.monitorPort", "", cfg.Bus.MonitorPort, &set.Monitor},
		{"websocket", "bus.websocketPort", "", cfg.Bus.WebsocketPort, &set.WebSocket},
	}
	for _, o := range overrides {
		s, err := p.override(o.name, o.key, o.variable, o.config, o.port)
		if err != nil {
			return ports.Ports{}, nil, err
		}
		settings = append(settings, s)
	}
	browser, err := p.browserPort(cfg, &set)
	if err != nil {
		return ports.Ports{}, nil, err
	}
	settings = append(settings, browser)
	return set, settings, twice(set)
}

func (p Profile) base(cfg config.Config, flag int) (int, Setting, error) {
	if flag != 0 {
		return flag, Setting{"port", strconv.Itoa(flag), "flag", "--port"}, nil
	}
	if v := p.env.Get("CLAWDBOT_GATEWAY_PORT"); v != "" {
		port, err := parsePort("CLAWDBOT_GATEWAY_PORT", v)
		return port, Setting{"port", v, "environment", "CLAWDBOT_GATEWAY_PORT"}, err
	}
	if port := cfg.Gateway.Port; port != 0 {
		return port, Setting{"port", strconv.Itoa(port), "config", "gateway.port"}, nil
	}
	if i, err := p.Registry.Get(p.Name); err == nil && i.Is(p) && i.Ports.Gateway != 0 {
		return i.Ports.Gateway, Setting{"port", strconv.Itoa(i.Ports.Gateway), "registry", "the profile's registered block"}, nil
	}
	port, err := p.NextBase()
	return port, Setting{"port", strconv.Itoa(port), "planner", "the next free block"}, err
}

// NextBase asks the planner for the base of a block that no profile of the host
// has and nobody listens on, or ports.ErrNoBlock.
func (p Profile) NextBase() (int, error) {
	known, err := p.Known()
	if err != nil {
		return 0, err
	}
	var taken []ports.Ports
	for _, i := range known {
		if i.Ports.Gateway != 0 {
			taken = append(taken, i.Ports)
		}
	}
	return ports.Plan(taken, InUse)
}

func (p Profile) override(name, key, variable string, configured int, port *int) (Setting, error) {
	s := Setting{name, strconv.Itoa(*port), "derived", "follows from the base port"}
	if v := p.env.Get(variable); variable != "" && v != "" {
		n, err := parsePort(variable, v)
		if err != nil {
			return Setting{}, err
		}
		*port = n
		return Setting{name, v, "environment", variable}, nil
	}
	if configured != 0 {
		*port = configured
		return Setting{name, strconv.Itoa(configured), "config", key}, nil
	}
	if *port == 0 {
		return Setting{name, "off", "default", key + " is unset"}, nil
	}
	return s, nil
}

// controlURL is the address of browser control that the environment or the
// config sets, "" when neither does, and where it comes from.
func (p Profile) controlURL(cfg config.Config) (raw, why, from string) {
	if v := p.env.Get("CLAWDBOT_BROWSER_CONTROL_URL"); v != "" {
		return v, "CLAWDBOT_BROWSER_CONTROL_URL", "environment"
	}
	return cfg.Browser.ControlURL, "browser.controlUrl", "config"
}

// RemoteControl is the address of a browser control on another host that is used
// in place of the gateway's own, or nil.
func (p Profile) RemoteControl(cfg config.Config) *url.URL {
	raw, _, _ := p.controlURL(cfg)
	u, err := url.Parse(raw)
	if web := err == nil && (u.Scheme == "http" || u.Scheme == "https"); !web || u.Hostname() == "" || u.Hostname() == "localhost" {
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		return nil
	}
	return u
}

// browserPort takes the port of a control URL of this host; the relay and
// the CDP range move with it.
func (p Profile) browserPort(cfg config.Config, set *ports.Ports) (Setting, error) {
	raw, why, from := p.controlURL(cfg)
	if raw == "" || p.RemoteControl(cfg) != nil {
		return Setting{"browser", strconv.Itoa(set.Browser), "derived", "follows from the base port"}, nil
	}
	u, err := url.Parse(raw)
	if web := err == nil && (u.Scheme == "http" || u.Scheme == "https"); !web || u.Hostname() == "" || u.Port() == "" {
		return Setting{}, fmt.Errorf("%w: %s must be like http://127.0.0.1:%d", ErrPort, why, set.Browser)
	}
	port, err := parsePort(why, u.Port())
	if err != nil {
		return Setting{}, err
	}
	cdp := ports.CDPRange(port)
	if cdp.To > 65535 {
		return Setting{}, fmt.Errorf("%w: %s: with port %d the browser's CDP ports would pass 65535", ErrPort, why, port)
	}
	set.Browser, set.Relay, set.CDP = port, port+1, cdp
	return Setting{"browser", u.Port(), from, why}, nil
}

// twice refuses a set in which two listeners have one port.
func twice(set ports.Ports) error {
	seen := map[int]string{}
	for _, l := range set.Listeners() {
		if other, ok := seen[l.Port]; ok {
			return fmt.Errorf("%w: %s and %s both have port %d: change one of them", ErrPort, other, l.Component, l.Port)
		}
		seen[l.Port] = l.Component
	}
	return nil
}

func parsePort(name, v string) (int, error) {
	port, err := strconv.Atoi(v)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%w: %s: %q is no port from 1 to 65535", ErrPort, name, v)
	}
	return port, nil
}

// InUse says whether something on this host listens on the port, by trying to
// listen there for a moment.
func InUse(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return true
	}
	_ = l.Close()
	return false
}

// Known returns every profile of the host: the registered ones and those that
// only have a config in their state folder, sorted by name.
func (p Profile) Known() ([]Instance, error) {
	list, err := p.Registry.List()
	if err != nil && list == nil {
		return nil, err
	}
	entries, err := os.ReadDir(p.env.Home)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), ".clawdbot-")
		if e.Name() == ".clawdbot" {
			name, ok = Default, true
		}
		if !ok {
			continue
		}
		other, err := Resolve(Flags{Profile: name}, p.env)
		if err != nil || slices.ContainsFunc(list, func(i Instance) bool { return i.StateDir == other.StateDir }) {
			continue // a folder of somebody else's, or already known
		}
		if _, err := os.Stat(other.ConfigPath); err != nil {
			continue
		}
		list = append(list, other.unregistered())
	}
	for n := range list {
		p.configured(&list[n])
	}
	slices.SortStableFunc(list, func(a, b Instance) int { return compareNames(a.Profile, b.Profile) })
	return list, nil
}

// configured fills in the places that the instance's config names. A config
// that does not load names none.
func (p Profile) configured(i *Instance) {
	i.LogFile, i.CanvasRoot = filepath.Join(i.StateDir, logFile), filepath.Join(i.Workspace, CanvasFolder)
	loaded, err := config.Load(config.Options{Path: i.ConfigPath, DotEnv: filepath.Join(i.StateDir, dotEnv), LookupEnv: p.env.Bare().Lookup, HasCredential: true})
	if err != nil {
		return
	}
	if f := loaded.Config.Logging.File; f != "" {
		i.LogFile = p.ExpandHome(f)
	}
	if f := loaded.Config.CanvasHost.Root; f != "" {
		i.CanvasRoot = p.ExpandHome(f)
	}
}

// unregistered is what the files of a profile tell that the registry forgot.
func (p Profile) unregistered() Instance {
	i := Instance{Profile: p.Name, Bus: p.Bus(), ConfigPath: p.ConfigPath, StateDir: p.StateDir, Workspace: p.Workspace}
	loaded, err := p.Load()
	if err != nil || loaded.Config.Gateway.Port == 0 {
		return i
	}
	p.env = p.env.Bare() // its port variables are meant for the profile that was asked for
	if set, _, err := p.PlanPorts(loaded.Config, 0); err == nil {
		i.Ports = set
	}
	return i
}

// Load reads the profile's config.
func (p Profile) Load() (*config.Loaded, error) { return config.Load(p.ConfigOptions()) }

// ConfigOptions say how the profile's config is read.
func (p Profile) ConfigOptions() config.Options {
	return config.Options{
		Path: p.ConfigPath, DotEnv: p.DotEnv(), LookupEnv: p.env.Lookup,
		HasCredential: p.env.Get("CLAWDBOT_GATEWAY_TOKEN") != "" || p.env.Get("CLAWDBOT_GATEWAY_PASSWORD") != "",
	}
}

// compareNames sorts the unnamed profile first.
func compareNames(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == Default || (b != Default && a < b):
		return -1
	}
	return 1
}
