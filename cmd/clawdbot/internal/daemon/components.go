package daemon

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"clawdbot/bridge"
	"clawdbot/bus/msg"
	"clawdbot/canvas"
	"clawdbot/gateway"
	"clawdbot/gateway/agent"
	"clawdbot/gateway/approval"
	"clawdbot/gateway/cron"
	"clawdbot/gateway/dashboard"
	"clawdbot/gateway/record"
	"clawdbot/gateway/rescue"
	"clawdbot/gateway/rescue/patient"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// blueprints are all components, sorted by name.
func (d *daemon) blueprints() []blueprint {
	always := func(*settings) bool { return true }
	unsafe := func(s *settings) bool { return !s.safe() } // safe mode has only those that help
	return []blueprint{
		{name: "agent", on: unsafe, alone: true, build: d.buildAgent},
		{name: "approval", on: unsafe, alone: true, build: d.buildApproval},
		{name: "bridge", build: d.buildBridge,
			on: func(s *settings) bool { return !s.safe() && s.config().Bridge.Enabled },
			addr: func(s *settings) (place, error) {
				return d.address("bridge", s.config().Bridge.Bind, s.ports.Bridge)
			}},
		{name: "browser", on: unsafe, alone: true, build: d.buildBrowser,
			addr: func(s *settings) (place, error) { return place{[]string{loopback}, s.ports.Browser}, nil }},
		{name: "canvas", build: d.buildCanvas,
			on:   func(s *settings) bool { return !s.safe() && s.config().CanvasHost.Enabled && !d.skipCanvas() },
			addr: func(s *settings) (place, error) { return place{[]string{loopback}, s.ports.Canvas}, nil }},
		{name: "cron", alone: true, build: d.buildCron,
			on: func(s *settings) bool { return !s.safe() && s.config().Cron.Enabled }},
		{name: "gateway", on: always, build: d.buildGateway,
			addr: func(s *settings) (place, error) {
				return d.address("gateway", s.config().Gateway.Bind, s.ports.Gateway)
			}},
		{name: "record", on: unsafe, alone: true, build: d.buildRecord},
		{name: "relay", build: d.buildRelay,
			on:   func(s *settings) bool { return !s.safe() && d.controlsBrowser(s) },
			addr: func(s *settings) (place, error) { return place{[]string{loopback}, s.ports.Relay}, nil }},
		{name: "rescue", on: always, alone: true, build: d.buildRescue},
	}
}

// buildParts makes every component that is on. Each one has connected to the bus
// and subscribed when its constructor returns.
func (d *daemon) buildParts(context.Context) error {
	now := d.settings()
	d.asking = newProber(d)
	for _, b := range d.blueprints() {
		p := &part{blueprint: b, d: d, orders: make(chan order), gone: make(chan struct{}), door: d.doors[b.name], built: now}
		if !b.on(now) {
			if err := d.sayOff(b.name, now); err != nil {
				return err
			}
		} else {
			l, _, err := p.rise(now)
			if err != nil {
				return err
			}
			p.life, p.up = l, time.Now()
		}
		d.parts = append(d.parts, p)
	}
	return nil
}

// part is the component of that name.
func (d *daemon) part(name string) (*part, bool) {
	i := slices.IndexFunc(d.parts, func(p *part) bool { return p.name == name })
	if i < 0 {
		return nil, false
	}
	return d.parts[i], true
}

// componentNames are all components, sorted.
func (d *daemon) componentNames() []string {
	var names []string
	for _, b := range d.blueprints() {
		names = append(names, b.name)
	}
	return names
}

// sayOff tells of a component that does not run on purpose.
func (d *daemon) sayOff(name string, s *settings) error {
	detail := "switched off by the config"
	if s.safe() {
		detail = "not in safe mode"
	}
	return d.tell(msg.Component{Name: name, State: msg.StateOff, Detail: detail})
}

// say publishes a component's state in its place.
func (d *daemon) say(name string, state msg.State, detail string) {
	if err := d.tell(msg.Component{Name: name, State: state, Detail: detail}); err != nil {
		d.log.Warn("state not published", "component", name, "err", err)
	}
}

func (d *daemon) tell(c msg.Component) error {
	subj, err := d.Profile.Subjects().Health(c.Name)
	if err != nil {
		return err
	}
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return d.super.nc.Publish(subj, body)
}

func (d *daemon) logFor(component string) *slog.Logger { return d.log.With("component", component) }

func (d *daemon) buildGateway(on stage) (Component, error) {
	cfg := gateway.Config{
		Listener: on.secure(), Pin: on.pin, Subjects: d.Profile.Subjects(), Dial: on.dial, Gate: on.front,
		Identity: gateway.Identity{Profile: d.Profile.Name, ConfigPath: d.Profile.ConfigPath, StateDir: d.Profile.StateDir},
		Version:  d.Version, Log: d.logFor("gateway"), Ports: on.ports, Generation: d.generationFrame, Maintenance: d.maintenance,
		Store: d.store, NodeCommands: on.config().Gateway.Nodes, Secrets: d.secrets, HTTP: d.overHTTP(on.settings),
	}
	if on.config().CanvasHost.Enabled && !d.skipCanvas() && !on.safe() {
		cfg.CanvasHostURL = localURL(on.ports.Canvas)
	}
	return gateway.New(cfg)
}

// overHTTP is what the base port serves beside WebSockets. Safe mode has no agent
// for what comes in by hooks.
func (d *daemon) overHTTP(s *settings) gateway.HTTP {
	c := s.config()
	h := gateway.HTTP{
		BasePath: c.Gateway.ControlUI.BasePath, DenyTools: slices.Concat(c.Gateway.Tools.Deny, c.Tools.Deny),
	}
	if c.Gateway.ControlUI.Enabled {
		h.UI = dashboard.Handler(dashboard.Config{BasePath: c.Gateway.ControlUI.BasePath, Profile: d.Profile.Name})
	}
	if !s.safe() {
		h.Hooks, h.Endpoints = c.Hooks, c.Gateway.HTTP.Endpoints
	}
	return h
}

// generationFrame is the config that runs, as clients see it.
func (d *daemon) generationFrame() msg.Generation {
	s := d.settings()
	return msg.Generation{
		Generation: s.generation.N, Source: string(s.choice.Source), Verdict: string(s.generation.Verdict),
		Reason: s.reason(), Warnings: s.warnings(),
	}
}

// maintenance is what the host knows of this gateway's own, nil when there is none.
func (d *daemon) maintenance() *msg.Maintenance {
	i, err := d.Profile.Registry.Get(d.Profile.Name)
	if err != nil || !i.InMaintenance(time.Now()) {
		return nil // an entry that cannot be read is told of by the mesh
	}
	return &msg.Maintenance{Until: i.Maintenance.Until.UnixMilli(), Reason: i.Maintenance.Reason, By: i.Maintenance.By}
}

func (d *daemon) buildRescue(on stage) (Component, error) {
	env := d.Profile.Env()
	return rescue.New(rescue.Config{
		Subjects: d.Profile.Subjects(), Dial: on.dial, DialSystem: d.bus.DialSystem, Registry: d.Profile.Registry,
		Allowed:  func(name string) bool { return d.settings().watches(name) },
		Settings: func() config.Rescue { return d.config().Rescue },
		Store:    d.store, Hands: patient.New(d.Profile), Secrets: d.secrets, Environ: []string{"PATH=" + env.Get("PATH"), "HOME=" + env.Home},
		Version: d.Version, Log: d.logFor("rescue"),
	})
}

func (d *daemon) buildRecord(on stage) (Component, error) {
	return record.New(record.Config{
		Subjects: d.Profile.Subjects(), Dial: on.dial, Served: d.bus.Served, Version: d.Version, Store: d.store, Secrets: d.secrets, Log: d.logFor("record"),
	})
}

func (d *daemon) buildAgent(on stage) (Component, error) {
	return agent.New(agent.Config{
		Subjects: d.Profile.Subjects(), Dial: on.dial, Version: d.Version, Store: d.store,
		Agents: on.config().Agents, Workspace: d.workspace(on.settings), Log: d.logFor("agent"),
	})
}

func (d *daemon) buildApproval(on stage) (Component, error) {
	return approval.New(approval.Config{
		Subjects: d.Profile.Subjects(), Dial: on.dial, Version: d.Version, Log: d.logFor("approval"), Path: d.Profile.ApprovalsFile(),
	})
}

func (d *daemon) buildCron(on stage) (Component, error) {
	return cron.New(cron.Config{
		Subjects: d.Profile.Subjects(), Dial: on.dial, Version: d.Version, Log: d.logFor("cron"),
		Store: d.store, StorePath: d.Profile.StoreDir(), MaxRuns: on.config().Cron.MaxConcurrentRuns,
	})
}

func (d *daemon) buildBridge(on stage) (Component, error) {
	return bridge.New(bridge.Config{
		Listener: on.listener, Subjects: d.Profile.Subjects(), Dial: on.dial, Version: d.Version, Log: d.logFor("bridge"),
	})
}

func localURL(port int) string { return "http://" + net.JoinHostPort(loopback, strconv.Itoa(port)) }

func (d *daemon) buildCanvas(on stage) (Component, error) {
	settings, workspace := on.config().CanvasHost, d.workspace(on.settings)
	root := filepath.Join(workspace, profile.CanvasFolder)
	if settings.Root != "" {
		root = d.Profile.ExpandHome(settings.Root)
	} else if st, err := os.Stat(workspace); err == nil && !st.IsDir() {
		return nil, refuse(d.Profile.Command("config set agents.defaults.workspace <folder>"), "workspace %s is a file, not a folder", workspace)
	}
	return canvas.New(canvas.Config{
		Listener: on.listener, Subjects: d.Profile.Subjects(), Dial: on.dial, Version: d.Version,
		Log: d.logFor("canvas"), Gate: on.front, Root: root, LiveReload: settings.LiveReload,
	})
}

// secrets are the values that must never be recorded.
func (d *daemon) secrets() []string {
	s, m := d.settings(), d.currentMembers()
	list := []string{s.token, s.config().Gateway.Auth.Password, s.config().Hooks.Token, d.browserToken(s)}
	for _, u := range m.Users {
		list = append(list, u.Password)
	}
	for _, p := range m.Peers {
		list = append(list, p.Secret)
	}
	return slices.DeleteFunc(list, func(v string) bool { return v == "" })
}
