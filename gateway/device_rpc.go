package gateway

import (
	"context"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

// Decisions on a request.
const (
	decisionApproved = "approved"
	decisionRejected = "rejected"
)

// deviceEndpoints are the methods on the book of devices.
func (s *Server) deviceEndpoints() ([]bus.Endpoint, error) {
	return s.endpointsOf(map[string]bus.Handler{
		"device.pair.list":    func(context.Context, *bus.Request) (any, error) { return answer(s.devices.List()) },
		"device.pair.approve": taking(s.approveDevice),
		"device.pair.reject":  taking(s.rejectDevice),
		"device.pair.remove":  taking(s.removeDevice),
		"device.token.rotate": taking(s.rotateDevice),
		"device.token.revoke": taking(s.revokeDevice),
	})
}

func (s *Server) endpointsOf(methods map[string]bus.Handler) ([]bus.Endpoint, error) {
	var list []bus.Endpoint
	for method, handle := range methods {
		e, err := s.endpoint(method, handle)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// taking reads a method's params, and puts an error of the book in the wire's
// words.
func taking[P, R any](handle func(*bus.Request, P) (R, error)) bus.Handler {
	return func(_ context.Context, r *bus.Request) (any, error) {
		var params P
		if err := rpc.Decode(r.Data, &params); err != nil {
			return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
		}
		return answer(handle(r, params))
	}
}

func answer[R any](v R, err error) (any, error) {
	if err != nil {
		return nil, pairingError(err)
	}
	return v, nil
}

// mayGrant lets nobody give what he has not got himself.
func mayGrant(r *bus.Request, scopes []string) error {
	for _, scope := range scopes {
		if !rpc.Holds(rpc.Scopes(r.Header), scope) {
			return bus.Errorf(bus.CodeInvalidRequest, "missing scope: %s", scope)
		}
	}
	return nil
}

func (s *Server) approveDevice(r *bus.Request, p msg.PairDecision) (msg.DeviceApproved, error) {
	var request msg.DeviceRequest
	device, err := s.devices.Approve(p.RequestID, func(asked msg.DeviceRequest) error {
		request = asked
		return mayGrant(r, asked.Scopes)
	})
	if err != nil {
		return msg.DeviceApproved{}, err
	}
	s.resolved(request, decisionApproved)
	return msg.DeviceApproved{RequestID: p.RequestID, Device: device}, nil
}

func (s *Server) rejectDevice(_ *bus.Request, p msg.PairDecision) (msg.DeviceRejected, error) {
	request, err := s.devices.Reject(p.RequestID)
	if err != nil {
		return msg.DeviceRejected{}, err
	}
	s.resolved(request, decisionRejected)
	return msg.DeviceRejected{RequestID: p.RequestID, DeviceID: request.DeviceID}, nil
}

func (s *Server) resolved(r msg.DeviceRequest, decision string) {
	s.publish("device.pair.resolved", msg.DeviceResolved{
		RequestID: r.RequestID, DeviceID: r.DeviceID, Decision: decision, TS: time.Now().UnixMilli(),
	})
}

func (s *Server) removeDevice(_ *bus.Request, p msg.DeviceKey) (msg.DeviceKey, error) {
	return p, s.takeBack(
		func() error { return s.devices.Remove(p.DeviceID) },
		func(c *session) bool { return c.access.device == p.DeviceID },
		"this device is not paired any more",
	)
}

// rotateDevice leaves the sessions that came by the device's key: it holds that
// still.
func (s *Server) rotateDevice(r *bus.Request, p msg.DeviceTokenRotate) (msg.DeviceTokenRotated, error) {
	rotated := msg.DeviceTokenRotated{DeviceID: p.DeviceID, Role: p.Role}
	err := s.takeBack(
		func() error {
			token, about, err := s.devices.Rotate(p.DeviceID, p.Role, p.Scopes, func(scopes []string) error { return mayGrant(r, scopes) })
			rotated.Token, rotated.Scopes, rotated.RotatedAtMs = token, about.Scopes, about.RotatedAtMs
			return err
		},
		func(c *session) bool {
			return c.access.device == p.DeviceID && c.connect.Role == p.Role && c.access.by == byToken
		},
		"the token of this device was replaced",
	)
	return rotated, err
}

func (s *Server) revokeDevice(_ *bus.Request, p msg.DeviceTokenRevoke) (msg.DeviceTokenRevoked, error) {
	revoked := msg.DeviceTokenRevoked{DeviceID: p.DeviceID, Role: p.Role}
	err := s.takeBack(
		func() (err error) {
			revoked.RevokedAtMs, err = s.devices.Revoke(p.DeviceID, p.Role)
			return err
		},
		func(c *session) bool { return c.access.device == p.DeviceID && c.connect.Role == p.Role },
		"this device may not be "+p.Role+" any more",
	)
	return revoked, err
}
