package gateway

import (
	"strings"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/rpc"
	"clawdbot/gateway/frame"
)

// hello is the answer to connect.
func (s *Server) hello(c *session) frame.HelloOK {
	return frame.HelloOK{
		Type:     frame.TypeHelloOK,
		Protocol: frame.Protocol,
		Server:   frame.Server{Version: s.cfg.Version, Host: s.host, ConnID: c.id, Profile: s.cfg.Identity.Profile},
		Features: frame.Features{Methods: s.methods.list(), Events: eventNames()},
		Snapshot: frame.Snapshot{
			Presence: s.presence(), Health: s.healthNow(), StateVersion: s.stateVersion(), UptimeMs: s.uptime(),
			Profile: s.cfg.Identity.Profile, ConfigPath: s.cfg.Identity.ConfigPath, StateDir: s.cfg.Identity.StateDir,
			SessionDefaults: frame.SessionDefaults{
				DefaultAgentID: mainAgent, MainKey: mainKey, MainSessionKey: "agent:" + mainAgent + ":" + mainKey, Scope: "per-sender",
			},
		},
		CanvasHostURL: s.cfg.CanvasHostURL,
		Policy: frame.Policy{
			MaxPayload: s.cfg.Limits.MaxPayload, MaxBufferedBytes: s.cfg.Limits.MaxBuffered,
			TickIntervalMs: s.cfg.Limits.TickInterval.Milliseconds(),
		},
	}
}

// eventNames are the events that may come to a client.
func eventNames() []string {
	var names []string
	for _, e := range rpc.Events() {
		names = append(names, e.Name)
	}
	return names
}

func (s *Server) stateVersion() frame.StateVersion {
	return frame.StateVersion{Presence: s.hub.presenceVersion(), Health: s.state.snapshot().version}
}

// headers tell the owner of a method who asks; they are the same for all requests
// of a connection.
func (c *session) headers() nats.Header {
	h := nats.Header{}
	h.Set(rpc.HeaderClient, c.connect.Client.ID)
	h.Set(rpc.HeaderConn, c.id)
	h.Set(rpc.HeaderRole, c.connect.Role)
	h.Set(rpc.HeaderScopes, strings.Join(c.connect.Scopes, ","))
	if c.connect.Device != nil {
		h.Set(rpc.HeaderDevice, c.connect.Device.ID)
	}
	return h
}
