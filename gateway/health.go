package gateway

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/gateway/frame"
	"clawdbot/profile/config"
)

// mainAgent is the agent that answers when none is named, and mainKey the key
// of its session.
const (
	mainAgent = "main"
	mainKey   = "main"
)

// healthNow assembles health from what was heard.
func (s *Server) healthNow() frame.Health {
	start := time.Now()
	now := s.state.snapshot()
	h := frame.Health{
		OK: now.beat.Phase == msg.PhaseReady,
		TS: start.UnixMilli(),

		Channels: map[string]any{}, ChannelOrder: []string{}, ChannelLabels: map[string]string{},
		DefaultAgentID: mainAgent,
		Agents:         []frame.AgentHealth{{AgentID: mainAgent, IsDefault: true, Heartbeat: noHeartbeat(""), Sessions: noSessions()}},
		Sessions:       noSessions(),

		Condition:  s.condition(now),
		Version:    s.cfg.Version,
		Components: now.componentList(),
		Peers:      now.peerList(),
		Ports:      s.cfg.Ports,
		Gateway: frame.Gateway{
			PID: os.Getpid(), UptimeMs: s.uptime(), Phase: now.beat.Phase, Detail: now.beat.Detail,
			LastBeatMs: -1, Clients: s.hub.count(),
			ConfigPath: s.cfg.Identity.ConfigPath, StateDir: s.cfg.Identity.StateDir,
		},
	}
	for _, c := range h.Components {
		h.OK = h.OK && c.State != msg.StateFailed
	}
	if !now.beatAt.IsZero() {
		h.Gateway.LastBeatMs = time.Since(now.beatAt).Milliseconds()
	}
	h.DurationMs = time.Since(start).Milliseconds()
	return h
}

// condition is what health and status both tell of the gateway.
func (s *Server) condition(now heard) frame.Condition {
	g := s.cfg.Generation()
	if g.Warnings == nil {
		g.Warnings = []string{}
	}
	c := frame.Condition{Profile: s.cfg.Identity.Profile, SafeMode: isSafe(g), Generation: g, Incidents: now.openIncidents()}
	if s.cfg.Maintenance != nil {
		c.Maintenance = s.cfg.Maintenance()
	}
	return c
}

// isSafe says whether only the bus, health and repair run.
func isSafe(g frame.Generation) bool { return g.Source == string(config.FromSafeMode) }

// statusNow is the status of a gateway without sessions, heartbeats, channels.
func (s *Server) statusNow() frame.Status {
	st := frame.Status{Condition: s.condition(s.state.snapshot()), ChannelSummary: []string{}, QueuedSystemEvents: []string{}}
	st.Heartbeat.DefaultAgentID = mainAgent
	st.Heartbeat.Agents = []frame.Heartbeat{noHeartbeat(mainAgent)}
	st.Sessions = frame.StatusSessions{
		Paths: []string{}, Recent: []frame.Session{},
		ByAgent: []frame.AgentSessions{{AgentID: mainAgent, Sessions: noSessions()}},
	}
	return st
}

func noHeartbeat(agent string) frame.Heartbeat {
	return frame.Heartbeat{AgentID: agent, Every: "disabled"}
}

func noSessions() frame.Sessions { return frame.Sessions{Recent: []frame.Session{}} }

func (s *Server) uptime() int64 { return time.Since(s.started).Milliseconds() }

// presence is the gateway itself and every client but probes.
func (s *Server) presence() []frame.Presence {
	ip, _, _ := net.SplitHostPort(s.cfg.Listener.Addr().String()) // empty for another kind of listener
	self := frame.Presence{
		Host: s.host, IP: ip, Version: s.cfg.Version, Platform: runtime.GOOS,
		Mode: "gateway", Reason: "self", TS: time.Now().UnixMilli(),
		Text: fmt.Sprintf("Gateway: %s (%s) · clawdbot %s · mode gateway · reason self", s.host, ip, s.cfg.Version),
	}
	if isSafe(s.cfg.Generation()) {
		self.Text += " · safe mode"
	}
	return append([]frame.Presence{self}, s.hub.presence()...)
}
