package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/coder/websocket"

	"clawdbot/gateway/frame"
	"clawdbot/profile/gate"
)

// probe does what a client does at the door: it asks the own listener for
// /healthz, whose verdict is not the question here, and begins a handshake.
func (s *Server) probe(ctx context.Context) (string, error) {
	self := gate.NewSelf(s.cfg.Listener.Addr(), s.cfg.Pin)
	if err := s.probeHTTP(ctx, self); err != nil {
		return "", fmt.Errorf("/healthz on %s: %w", s.cfg.Listener.Addr(), err)
	}
	if err := probeWebSocket(ctx, self); err != nil {
		return "", fmt.Errorf("WebSocket on %s: %w", s.cfg.Listener.Addr(), err)
	}
	return "answered /healthz and began a client's handshake", nil
}

func (s *Server) probeHTTP(ctx context.Context, self *gate.Self) error {
	resp, err := self.Get(ctx, "/healthz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var v vitals
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&v); err != nil {
		return fmt.Errorf("answered %s: %w", resp.Status, err)
	}
	if v.Profile != s.cfg.Identity.Profile {
		return fmt.Errorf("answered as profile %q", v.Profile)
	}
	return nil
}

func probeWebSocket(ctx context.Context, self *gate.Self) error {
	ws, _, err := websocket.Dial(ctx, self.URL("/"), &websocket.DialOptions{HTTPClient: &self.Client})
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	_, body, err := ws.Read(ctx)
	if err != nil {
		return err
	}
	var e frame.Event
	if err := json.Unmarshal(body, &e); err != nil || e.Event != frame.EventChallenge {
		return fmt.Errorf("began with %.80q, not with a challenge", body)
	}
	return nil
}
