package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"clawdbot/bridge"
	"clawdbot/browser"
	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/canvas"
	"clawdbot/gateway"
	"clawdbot/gateway/agent"
	"clawdbot/gateway/frame"
	"clawdbot/gateway/rescue"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
)

// safe says whether only bus, health and repair run.
func (d *daemon) safe() bool { return d.choice.Source == config.FromSafeMode }

// buildComponents makes every component that is on. Each one has connected to
// the bus and subscribed when its constructor returns.
func (d *daemon) buildComponents(context.Context) error {
	credential, err := d.Profile.Credential(d.choice.Loaded.Config)
	if errors.Is(err, profile.ErrNoPassword) {
		return refuse(d.Profile.Command("config set gateway.auth.mode token"), "%w", err)
	}
	if err != nil {
		return err
	}
	front, err := gate.New(gate.Config{Token: credential.Token, Password: credential.Password, Log: d.log.With("component", "gateway")})
	if err != nil {
		return err
	}
	builders := map[string]func() (Component, error){
		"agent":   d.agent,
		"bridge":  d.bridge,
		"browser": func() (Component, error) { return d.browser(credential.Token) },
		"canvas":  func() (Component, error) { return d.canvas(front) },
		"gateway": func() (Component, error) { return d.gateway(front) },
		"rescue":  d.rescue,
	}
	for _, name := range componentNames {
		if !d.on(name) {
			if err := d.sayOff(name); err != nil {
				return err
			}
			continue
		}
		c, err := builders[name]()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.components = append(d.components, c)
	}
	return nil
}

// componentNames are all components, sorted.
var componentNames = []string{"agent", "bridge", "browser", "canvas", "gateway", "rescue"}

// on says whether a component runs: safe mode has only those that help.
func (d *daemon) on(name string) bool {
	switch name {
	case "gateway", "rescue":
		return true
	case "agent":
		return !d.safe()
	}
	return d.listeners[name] != nil
}

// sayOff tells the supervisor of a component that does not run on purpose.
func (d *daemon) sayOff(name string) error {
	h, err := bus.NewHealth(d.super.nc, d.Profile.Subjects(), name)
	if err != nil {
		return err
	}
	detail := "switched off by the config"
	if d.safe() {
		detail = "not in safe mode"
	}
	h.Set(msg.StateOff, detail)
	return nil
}

func (d *daemon) gateway(g *gate.Gate) (Component, error) {
	cfg := gateway.Config{
		Listener: d.listeners["gateway"], Subjects: d.Profile.Subjects(), Dial: d.bus.Dial, Gate: g,
		Identity: gateway.Identity{Profile: d.Profile.Name, ConfigPath: d.Profile.ConfigPath, StateDir: d.Profile.StateDir},
		Version:  d.Version, Log: d.log.With("component", "gateway"), Ports: d.ports,
		Generation: frame.Generation{
			Generation: d.generation.N, Source: string(d.choice.Source), Verdict: string(d.generation.Verdict), Warnings: d.configWarnings(),
		},
	}
	if d.on("canvas") {
		cfg.CanvasHostURL = localURL(d.ports.Canvas)
	}
	return gateway.New(cfg)
}

// configWarnings is what status tells of the config: why it is not the file
// that runs, and what the file's warnings are.
func (d *daemon) configWarnings() []string {
	warnings := []string{}
	if d.choice.Reason != "" {
		warnings = append(warnings, d.choice.Reason)
	}
	of := ""
	if d.choice.Source == config.FromFallback { // its lines are not those of the file as it is now
		of = fmt.Sprintf("generation %d: ", d.choice.Generation)
	}
	for _, w := range d.choice.Loaded.Warnings {
		warnings = append(warnings, of+w.String())
	}
	return warnings
}

func (d *daemon) rescue() (Component, error) {
	return rescue.New(rescue.Config{
		Subjects: d.Profile.Subjects(), Dial: d.bus.Dial, DialSystem: d.bus.DialSystem, Registry: d.Profile.Registry,
		Allowed: d.watches, Version: d.Version, Log: d.log.With("component", "rescue"),
	})
}

func (d *daemon) agent() (Component, error) {
	return agent.New(agent.Config{
		Subjects: d.Profile.Subjects(), Dial: d.bus.Dial, Version: d.Version, Store: d.store,
		Agents: d.choice.Loaded.Config.Agents, Log: d.log.With("component", "agent"),
	})
}

func (d *daemon) bridge() (Component, error) {
	return bridge.New(bridge.Config{
		Listener: d.listeners["bridge"], Subjects: d.Profile.Subjects(), Dial: d.bus.Dial, Version: d.Version,
		Log: d.log.With("component", "bridge"),
	})
}

func (d *daemon) browser(token string) (Component, error) {
	settings := d.choice.Loaded.Config.Browser
	settings.ExecutablePath = d.Profile.ExpandHome(settings.ExecutablePath)
	env := d.Profile.Env()
	token = cmp.Or(env.Get("CLAWDBOT_BROWSER_CONTROL_TOKEN"), settings.ControlToken, token)
	log := d.log.With("component", "browser")
	g, err := gate.New(gate.Config{Token: token, Log: log})
	if err != nil {
		return nil, err
	}
	return browser.New(browser.Config{
		Listener: d.listeners["browser"], Subjects: d.Profile.Subjects(), Dial: d.bus.Dial, Version: d.Version, Log: log,
		Gate: g, Settings: settings, Dir: d.Profile.BrowserDir(), CDP: d.ports.CDP, Others: d.otherPorts, ControlURL: localURL(d.ports.Browser),
		Host: browser.Host{
			Display: runtime.GOOS != "linux" || env.Get("DISPLAY") != "" || env.Get("WAYLAND_DISPLAY") != "",
			Root:    os.Geteuid() == 0, Path: env.Get("PATH"), Home: env.Home, Env: profile.Desktop(),
		},
	})
}

// otherPorts are those of the other profiles of the host. One that cannot be
// read cannot be spared; the port is still only taken when it is free.
func (d *daemon) otherPorts() []ports.Ports {
	known, err := d.Profile.Known()
	if err != nil {
		d.log.Warn("ports of the other profiles", "err", err)
	}
	var list []ports.Ports
	for _, i := range known {
		if !i.Is(d.Profile) && i.Ports.Gateway != 0 {
			list = append(list, i.Ports)
		}
	}
	return list
}

func localURL(port int) string { return "http://" + net.JoinHostPort(loopback, strconv.Itoa(port)) }

func (d *daemon) canvas(g *gate.Gate) (Component, error) {
	settings := d.choice.Loaded.Config.CanvasHost
	root := filepath.Join(d.workspace(), profile.CanvasFolder)
	if settings.Root != "" {
		root = d.Profile.ExpandHome(settings.Root)
	} else if st, err := os.Stat(d.workspace()); err == nil && !st.IsDir() {
		return nil, refuse(d.Profile.Command("config set agents.defaults.workspace <folder>"), "workspace %s is a file, not a folder", d.workspace())
	}
	return canvas.New(canvas.Config{
		Listener: d.listeners["canvas"], Subjects: d.Profile.Subjects(), Dial: d.bus.Dial, Version: d.Version,
		Log: d.log.With("component", "canvas"), Gate: g, Root: root, LiveReload: settings.LiveReload,
	})
}
