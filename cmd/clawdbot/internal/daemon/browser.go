package daemon

import (
	"cmp"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"

	"clawdbot/browser"
	"clawdbot/browser/chromium"
	"clawdbot/browser/relay"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
)

func (d *daemon) buildBrowser(on stage) (Component, error) {
	g, err := gate.New(gate.Config{Token: d.browserToken(on.settings), Log: d.logFor("browser")})
	if err != nil {
		return nil, err
	}
	cfg := browserConfig(d.Profile, on.config(), on.ports, d.logFor("browser"))
	cfg.Listener, cfg.Dial, cfg.Version, cfg.Gate, cfg.Store = on.listener, on.dial, d.Version, g, d.store
	if d.controlsBrowser(on.settings) {
		cfg.Relay = relayURL(on.ports, d.browserToken(on.settings))
	}
	if at := d.Profile.RemoteControl(on.config()); at != nil {
		cfg.Remote = &browser.Remote{URL: at, Token: controlToken(d.Profile, on.config())} // never the gateway's own
	}
	return browser.New(cfg)
}

func (d *daemon) buildRelay(on stage) (Component, error) {
	cfg := relayConfig(d.Profile, on.config(), d.logFor("relay"))
	cfg.Listener, cfg.Dial, cfg.Version, cfg.Token = on.listener, on.dial, d.Version, d.browserToken(on.settings)
	return relay.New(cfg)
}

// browserConfig is the browser control of a profile, but for its listener, gate,
// bus and store, and for what answers in its place.
func browserConfig(p profile.Profile, c config.Config, set ports.Ports, log *slog.Logger) browser.Config {
	env, settings := p.Env(), c.Browser
	settings.ExecutablePath = p.ExpandHome(settings.ExecutablePath)
	return browser.Config{
		Subjects: p.Subjects(), Log: log, Settings: settings, Dir: p.BrowserDir(), ControlURL: localURL(set.Browser),
		Ports: set, Others: func() []ports.Ports { return otherPorts(p, log) }, Private: func() []string { return private(p, log) },
		Host: chromium.Host{
			Display: runtime.GOOS != "linux" || env.Get("DISPLAY") != "" || env.Get("WAYLAND_DISPLAY") != "",
			Root:    os.Geteuid() == 0, Path: env.Get("PATH"), Home: env.Home, Env: profile.Desktop(),
		},
	}
}

// relayConfig is the extension relay of a profile, but for its listener, bus and
// token.
func relayConfig(p profile.Profile, c config.Config, log *slog.Logger) relay.Config {
	return relay.Config{Subjects: p.Subjects(), Log: log, Folder: p.ExtensionDir(), Others: c.Browser.ExtensionIDs}
}

func relayURL(set ports.Ports, token string) *url.URL {
	return &url.URL{Scheme: "http", User: url.User(token), Host: net.JoinHostPort(loopback, strconv.Itoa(set.Relay))}
}

// controlsBrowser says whether browser control runs here: not on another host.
func (d *daemon) controlsBrowser(s *settings) bool {
	return s.config().Browser.Enabled && d.Profile.RemoteControl(s.config()) == nil
}

func (d *daemon) browserToken(s *settings) string {
	return cmp.Or(controlToken(d.Profile, s.config()), s.token)
}

// controlToken is the token that browser control has to itself, or "".
func controlToken(p profile.Profile, c config.Config) string {
	return cmp.Or(p.Env().Get("CLAWDBOT_BROWSER_CONTROL_TOKEN"), c.Browser.ControlToken)
}

// otherPorts are those of the other profiles of the host. One that cannot be
// read cannot be spared; the port is still only taken when it is free.
func otherPorts(p profile.Profile, log *slog.Logger) []ports.Ports {
	known, err := p.Known()
	if err != nil {
		log.Warn("ports of the other profiles", "err", err)
	}
	var list []ports.Ports
	for _, i := range known {
		if !i.Is(p) && i.Ports.Gateway != 0 {
			list = append(list, i.Ports)
		}
	}
	return list
}

// private is what the profiles of the host keep to themselves.
func private(p profile.Profile, log *slog.Logger) []string {
	known, err := p.Known()
	if err != nil {
		log.Warn("folders of the other profiles", "err", err)
	}
	list := []string{p.StateDir, p.ConfigPath}
	for _, i := range known {
		list = append(list, i.StateDir, i.ConfigPath)
	}
	return slices.DeleteFunc(list, func(path string) bool { return path == "" })
}
