package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"clawdbot/gateway/frame"
	"clawdbot/profile/gate"
)

// refusal is how a handshake ends: an answer, unless there is no request to
// answer, and a close frame.
type refusal struct {
	id     string
	err    *frame.Error // nil sends none
	code   websocket.StatusCode
	reason string
}

func refuse(id string, err *frame.Error) *refusal {
	return &refusal{id: id, err: err, code: frame.ClosePolicy, reason: err.Message}
}

func invalid(format string, args ...any) *frame.Error {
	return &frame.Error{Code: frame.CodeInvalidRequest, Message: fmt.Sprintf(format, args...)}
}

// admit checks the first frame and answers it with hello-ok, or tells why not.
func (c *session) admit(first []byte) *refusal {
	req, err := frame.DecodeRequest(first)
	if err != nil {
		return &refusal{code: frame.ClosePolicy, reason: "invalid request frame"}
	}
	if req.Method != frame.MethodConnect {
		return refuse(req.ID, invalid("invalid handshake: first request must be connect"))
	}
	connect, err := frame.DecodeConnect(req.Params)
	if err != nil {
		return refuse(req.ID, invalid("invalid connect params: %v", err))
	}
	if connect.MinProtocol > frame.Protocol || connect.MaxProtocol < frame.Protocol {
		failed := invalid("protocol mismatch")
		failed.Details = map[string]any{"expectedProtocol": frame.Protocol}
		return &refusal{req.ID, failed, frame.CloseProtocol, failed.Message}
	}
	if connect.Role == frame.RoleNode {
		return refuse(req.ID, invalid("role node is not served here: nodes connect to the bridge port"))
	}
	if failed := c.authenticate(connect); failed != nil {
		return refuse(req.ID, failed)
	}
	if connect.Device != nil {
		if err := verifyDevice(connect, c.nonce, gate.Local(c.req)); err != nil {
			return refuse(req.ID, invalid("%v", err))
		}
	}
	if len(connect.Scopes) == 0 { // who holds the shared credential may do all, as in the original
		connect.Scopes = []string{frame.ScopeAdmin}
	}
	c.connect, c.since = connect, time.Now()
	close(c.admitted)
	c.greet(req.ID)
	return nil
}

// greet sends hello-ok before any event, but with nothing missed between its
// snapshot and the first event.
func (c *session) greet(id string) {
	c.out.hold()
	defer c.out.release()
	c.srv.hub.connect(c)
	hello, _ := json.Marshal(c.srv.hello(c)) // plain structs always encode
	c.respond(id, hello, nil)
}

// authenticate checks the shared credential. A device alone is not enough:
// nothing is paired here.
func (c *session) authenticate(connect frame.Connect) *frame.Error {
	kind, presented := "token", connect.Auth.Token
	if presented == "" && connect.Auth.Password != "" {
		kind, presented = "password", connect.Auth.Password
	}
	if presented == "" && connect.Device == nil {
		return &frame.Error{Code: frame.CodeNotPaired, Message: "device identity required"}
	}
	err := c.srv.cfg.Gate.Authorize(c.req, presented)
	var locked *gate.LockedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &locked):
		return &frame.Error{
			Code: frame.CodeUnavailable, Message: err.Error(),
			Retryable: true, RetryAfterMs: locked.RetryAfter.Milliseconds(),
		}
	case errors.Is(err, gate.ErrMissing):
		return invalid("unauthorized: gateway token missing (send auth.token in connect)")
	}
	return invalid("unauthorized: gateway %s mismatch (this gateway is profile %s)", kind, c.srv.cfg.Identity.Profile)
}

// hello is the answer to connect.
func (s *Server) hello(c *session) frame.HelloOK {
	return frame.HelloOK{
		Type:     frame.TypeHelloOK,
		Protocol: frame.Protocol,
		Server:   frame.Server{Version: s.cfg.Version, Host: s.host, ConnID: c.id, Profile: s.cfg.Identity.Profile},
		Features: frame.Features{Methods: s.methods.list(), Events: append(ownEvents(), "incident")},
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

func (s *Server) stateVersion() frame.StateVersion {
	return frame.StateVersion{Presence: s.hub.presenceVersion(), Health: s.state.snapshot().version}
}

// presence describes the connected clients, the longest connected first.
func (h *hub) presence() []frame.Presence {
	var list []frame.Presence
	for _, c := range h.connected() {
		if !c.seen() {
			continue
		}
		who := c.connect.Client
		p := frame.Presence{
			Host: who.ID, Version: who.Version, Platform: who.Platform, Mode: who.Mode, InstanceID: who.InstanceID,
			Roles: []string{c.connect.Role}, Scopes: c.connect.Scopes, Reason: "connect", TS: c.since.UnixMilli(),
		}
		if who.DisplayName != "" {
			p.Host = who.DisplayName
		}
		if c.connect.Device != nil {
			p.DeviceID = c.connect.Device.ID
		}
		p.Text = fmt.Sprintf("Node: %s · clawdbot %s · mode %s · reason connect", p.Host, p.Version, p.Mode)
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b frame.Presence) int {
		if a.TS != b.TS {
			return int(a.TS - b.TS)
		}
		return strings.Compare(a.InstanceID, b.InstanceID)
	})
	return list
}
