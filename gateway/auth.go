package gateway

import (
	"errors"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/gateway/frame"
	"clawdbot/gateway/pairing"
	"clawdbot/profile/gate"
)

// credential is what a client was let in by.
type credential int

const (
	byShared credential = iota // the gateway's token or password
	byToken                    // a device's token, beside its key
	byKey                      // a paired device's key alone
)

// access is how a client was let in.
type access struct {
	device string // its id; "" without one
	by     credential
	token  *frame.DeviceAuth // what hello-ok tells of its token; nil for nothing
}

// authenticate finds out who connects, and sets the scopes that the client has.
// It runs under srv.admitting.
func (c *session) authenticate(connect *frame.Connect) (access, *frame.Error) {
	if connect.Device == nil {
		if connect.Auth == (frame.Auth{}) || connect.Role == frame.RoleNode {
			return access{}, &frame.Error{Code: frame.CodeNotPaired, Message: "device identity required"}
		}
		connect.Scopes = allUnlessSaid(connect.Scopes)
		return access{}, c.judge(connect.Auth, c.allows(connect.Auth))
	}
	replayable := gate.Local(c.req) && connect.Auth != (frame.Auth{}) // where that is no use without the credential
	if err := verifyDevice(*connect, c.nonce, replayable); err != nil {
		return access{}, invalid("%v", err)
	}
	ask := c.ask(*connect)
	a, err := c.credential(connect.Auth, &ask)
	if err != nil {
		return access{}, err
	}
	if a.by == byShared && connect.Role == frame.RoleOperator {
		ask.Scopes = allUnlessSaid(ask.Scopes)
	}
	scopes, err := c.paired(ask, a.by)
	if err != nil {
		return access{}, err
	}
	if a.by == byToken {
		scopes = a.token.Scopes
	}
	if a.by == byKey {
		a.token, err = c.issue(ask)
	}
	connect.Scopes = nil
	if connect.Role == frame.RoleOperator {
		connect.Scopes = scopes
	}
	return a, err
}

// allUnlessSaid are the scopes of an operator who holds the shared credential:
// all, as in the original, unless the client asks for less.
func allUnlessSaid(asked []string) []string {
	if len(asked) == 0 {
		return []string{rpc.Admin}
	}
	return asked
}

// ask is what the device asks of the book. Nodes have no scopes.
func (c *session) ask(connect frame.Connect) pairing.Ask {
	who := connect.Client
	ask := pairing.Ask{
		DeviceID: connect.Device.ID, PublicKey: connect.Device.PublicKey, DisplayName: who.DisplayName, Platform: who.Platform,
		ClientID: who.ID, ClientMode: who.Mode, Role: connect.Role, Scopes: connect.Scopes, RemoteIP: c.srv.cfg.Gate.RemoteIP(c.req),
	}
	if connect.Role == frame.RoleNode {
		ask.Scopes = nil
	}
	return ask
}

// allows says whether the client presents the shared credential.
func (c *session) allows(auth frame.Auth) bool {
	return c.srv.cfg.Gate.Allow(auth.Token) || c.srv.cfg.Gate.Allow(auth.Password)
}

// credential finds out what a device with a proven key presents beside it.
func (c *session) credential(auth frame.Auth, ask *pairing.Ask) (access, *frame.Error) {
	a := access{device: ask.DeviceID, by: byKey}
	if auth == (frame.Auth{}) {
		return a, nil
	}
	if c.allows(auth) {
		a.by = byShared
		return a, c.judge(auth, true)
	}
	about, err := c.srv.devices.Verify(*ask, auth.Token)
	if err != nil && !errors.Is(err, pairing.ErrToken) {
		return a, c.storeFailed(err)
	}
	if failed := c.judge(auth, err == nil); failed != nil {
		return a, failed
	}
	a.by, a.token = byToken, deviceAuth(auth.Token, about)
	return a, nil
}

// judge has the gate count a credential, and tells the client what it says.
func (c *session) judge(auth frame.Auth, right bool) *frame.Error {
	err := c.srv.cfg.Gate.Judge(c.req, right)
	var locked *gate.LockedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &locked):
		return &frame.Error{
			Code: frame.CodeUnavailable, Message: err.Error(),
			Retryable: true, RetryAfterMs: locked.RetryAfter.Milliseconds(),
		}
	}
	kind := "token"
	if auth.Token == "" {
		kind = "password"
	}
	return invalid("unauthorized: gateway %s mismatch (this gateway is profile %s)", kind, c.srv.cfg.Identity.Profile)
}

// paired returns the scopes of a paired device. One that is not paired, or asks
// for more than it has, waits for an operator; but a program on this host that
// holds the shared credential approves itself, and one that does not is told to,
// for it can read the token where the operator can.
func (c *session) paired(ask pairing.Ask, by credential) ([]string, *frame.Error) {
	scopes, err := c.srv.devices.Admit(ask)
	if err == nil {
		return scopes, nil
	}
	if !errors.Is(err, pairing.ErrNotPaired) {
		return nil, c.storeFailed(err)
	}
	local := gate.Local(c.req)
	if local && by == byKey {
		return nil, invalid("unauthorized: gateway token missing (send auth.token in connect)")
	}
	request, created, err := c.srv.devices.Request(ask)
	if err != nil {
		return nil, c.storeFailed(err)
	}
	if local && by == byShared {
		if _, err := c.srv.devices.Approve(request.RequestID, func(msg.DeviceRequest) error { return nil }); err != nil {
			return nil, c.storeFailed(err)
		}
		c.srv.resolved(request, decisionApproved)
		return ask.Scopes, nil
	}
	if created {
		c.srv.publish("device.pair.requested", request)
	}
	return nil, &frame.Error{
		Code: frame.CodeNotPaired, Message: pairing.ErrNotPaired.Error(), Details: map[string]any{"requestId": request.RequestID},
	}
}

// issue makes a device that came by its key its first token.
func (c *session) issue(ask pairing.Ask) (*frame.DeviceAuth, *frame.Error) {
	token, about, err := c.srv.devices.Issue(ask.DeviceID, ask.Role)
	switch {
	case err != nil:
		return nil, c.storeFailed(err)
	case token == "":
		return nil, nil
	}
	return deviceAuth(token, about), nil
}

func deviceAuth(token string, about msg.DeviceToken) *frame.DeviceAuth {
	return &frame.DeviceAuth{
		DeviceToken: token, Role: about.Role, Scopes: about.Scopes, IssuedAtMs: max(about.CreatedAtMs, about.RotatedAtMs),
	}
}

// storeFailed tells a client that is not let in what the book says.
func (c *session) storeFailed(err error) *frame.Error {
	failed := frame.Error(*pairingError(err))
	return &failed
}

// pairingError is the wire's word for an error of the book.
func pairingError(err error) *bus.Error {
	var full *pairing.FullError
	var own *bus.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &full):
		e := bus.Errorf(bus.CodeUnavailable, "%v", err)
		e.Retryable, e.RetryAfterMs = true, full.RetryAfter.Milliseconds()
		return e
	case errors.Is(err, pairing.ErrUnknownRequest), errors.Is(err, pairing.ErrUnknownDevice), errors.Is(err, pairing.ErrUnknownNode),
		errors.Is(err, pairing.ErrScopes), errors.Is(err, pairing.ErrTooLarge):
		return bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	return bus.Errorf(bus.CodeUnavailable, "pairing is not possible now: %v", err)
}

// takeBack changes the book while nobody is let in by it, and ends the sessions
// that lived by what was there.
func (s *Server) takeBack(change func() error, ends func(*session) bool, reason string) error {
	s.admitting.Lock()
	defer s.admitting.Unlock()
	if err := change(); err != nil {
		return err
	}
	for _, c := range s.hub.connected() {
		if ends(c) {
			c.end(frame.ClosePolicy, reason)
		}
	}
	return nil
}
