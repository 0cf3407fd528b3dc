package gateway

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/gateway/frame"
	"clawdbot/profile/config"
)

// healthNow assembles health from what was heard.
func (s *Server) healthNow() msg.Health {
	start := time.Now()
	now := s.state.snapshot()
	h := msg.Health{
		OK: now.beat.Phase == msg.PhaseReady,
		TS: start.UnixMilli(),

		Channels: map[string]any{}, ChannelOrder: []string{}, ChannelLabels: map[string]string{},

		Condition:  s.condition(now),
		Version:    s.cfg.Version,
		Components: now.componentList(),
		Peers:      now.peerList(),
		Ports:      s.cfg.Ports,
		Gateway: msg.GatewayInfo{
			PID: os.Getpid(), UptimeMs: s.uptime(), Phase: now.beat.Phase, Detail: now.beat.Detail,
			LastBeatMs: -1, Clients: s.hub.count(),
			ConfigPath: s.cfg.Identity.ConfigPath, StateDir: s.cfg.Identity.StateDir,
		},
	}
	fillHealth(&h, now.agentsNow())
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
func (s *Server) condition(now heard) msg.Condition {
	g := s.cfg.Generation()
	if g.Warnings == nil {
		g.Warnings = []string{}
	}
	c := msg.Condition{Profile: s.cfg.Identity.Profile, SafeMode: isSafe(g), Generation: g, Incidents: now.openIncidents()}
	if s.cfg.Maintenance != nil {
		c.Maintenance = s.cfg.Maintenance()
	}
	return c
}

// isSafe says whether only the bus, health and repair run.
func isSafe(g msg.Generation) bool { return g.Source == string(config.FromSafeMode) }

func (s *Server) uptime() int64 { return time.Since(s.started).Milliseconds() }

// cacheTime is the age of an answer from memory that is still given.
const cacheTime = 20 * time.Millisecond

// cached answers with what make returns, encoded once for each change of state and
// presence, and anew when it is older than cacheTime.
func (s *Server) cached(make func() any) bus.Handler {
	var mu sync.Mutex
	var answer bus.Raw
	var at time.Time
	var of frame.StateVersion
	return func(context.Context, *bus.Request) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		now := s.stateVersion()
		if of == now && time.Since(at) < cacheTime {
			return answer, nil
		}
		body, err := json.Marshal(make())
		if err != nil {
			return nil, err
		}
		answer, at, of = body, time.Now(), now
		return answer, nil
	}
}
