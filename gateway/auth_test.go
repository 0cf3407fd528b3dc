package gateway_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/gateway"
	"clawdbot/gateway/frame"
	"clawdbot/profile/gate"
)

func newGate(t testing.TB, cfg gate.Config) *gate.Gate {
	t.Helper()
	g, err := gate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// device is a client's identity.
type device struct {
	t   testing.TB
	id  string
	key ed25519.PrivateKey
}

func newDevice(t testing.TB) *device {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	return &device{t: t, id: hex.EncodeToString(sum[:]), key: private}
}

// params are the connect request of an operator's device with the scopes.
func (d *device) params(auth frame.Auth, nonce string, scopes ...string) frame.Connect {
	p := params()
	p.Auth, p.Role, p.Scopes = auth, frame.RoleOperator, scopes
	p.Client.InstanceID = ""
	p.Device = &frame.Device{
		ID: d.id, PublicKey: base64.RawURLEncoding.EncodeToString(d.key.Public().(ed25519.PublicKey)),
		SignedAt: time.Now().UnixMilli(), Nonce: nonce,
	}
	return p
}

func (d *device) sign(p *frame.Connect) {
	p.Device.Signature = base64.RawURLEncoding.EncodeToString(ed25519.Sign(d.key, []byte(p.SigningText())))
}

// elsewhere makes a client that came through a proxy.
func elsewhere() []string { return []string{"X-Forwarded-For", "192.0.2.1"} }

// login connects the device with the scopes and returns the answer. from are the
// headers of the upgrade.
func (f *fixture) login(d *device, auth frame.Auth, from []string, scopes ...string) (*client, in) {
	f.t.Helper()
	c := f.dial(from...)
	p := d.params(auth, c.challenge, scopes...)
	d.sign(&p)
	c.request("hello", "connect", p)
	return c, c.read()
}

// enter is login that must succeed.
func (f *fixture) enter(d *device, auth frame.Auth, from []string, scopes ...string) (*client, frame.HelloOK) {
	f.t.Helper()
	c, r := f.login(d, auth, from, scopes...)
	if !r.OK {
		f.t.Fatalf("refused: %v %v", r.Error, r.Error.Details)
	}
	var hello frame.HelloOK
	if err := json.Unmarshal(r.Payload, &hello); err != nil {
		f.t.Fatal(err)
	}
	return c, hello
}

// waits is login that must end with pairing required; it returns the request's id.
func (f *fixture) waits(d *device, auth frame.Auth, from []string, scopes ...string) string {
	f.t.Helper()
	c, r := f.login(d, auth, from, scopes...)
	if r.OK || r.Error.Code != "NOT_PAIRED" || r.Error.Message != "pairing required" {
		f.t.Fatalf("got %+v %v", r, r.Error)
	}
	if ce := c.closed(); ce.Code != 1008 || ce.Reason != "pairing required" {
		f.t.Fatalf("closed with %v", ce)
	}
	id, _ := r.Error.Details["requestId"].(string)
	if id == "" {
		f.t.Fatalf("details %v", r.Error.Details)
	}
	return id
}

// do makes a request that must succeed, and reads the result into out.
func (c *client) do(method string, params, out any) {
	c.t.Helper()
	c.request(method, method, params)
	r := c.response(method)
	if !r.OK {
		c.t.Fatalf("%s: %v", method, r.Error)
	}
	if out != nil {
		if err := json.Unmarshal(r.Payload, out); err != nil {
			c.t.Fatal(err)
		}
	}
}

// refused makes a request that must fail.
func (c *client) refused(method string, params any, code, says string) {
	c.t.Helper()
	c.request(method, method, params)
	if r := c.response(method); r.OK || r.Error.Code != code || !strings.Contains(r.Error.Message, says) {
		c.t.Errorf("%s: got %+v %v, want %s %q", method, r, r.Error, code, says)
	}
}

func (c *client) approve(requestID string) {
	c.t.Helper()
	c.do("device.pair.approve", msg.PairDecision{RequestID: requestID}, nil)
}

func TestDeviceProof(t *testing.T) {
	f := start(t, gateway.Limits{})
	d, other := newDevice(t), newDevice(t)
	shared := frame.Auth{Token: token}
	for _, c := range []struct {
		name   string
		before func(*frame.Connect) // changes what is signed
		after  func(*frame.Connect) // changes what was signed
		header []string
		says   string // "" expects hello-ok
	}{
		{name: "version 2"},
		{name: "version 1 on loopback", before: func(p *frame.Connect) { p.Device.Nonce = "" }},
		{name: "version 1 through a proxy", before: func(p *frame.Connect) { p.Device.Nonce = "" }, header: elsewhere(), says: "device nonce required"},
		{name: "version 1 without a token", before: func(p *frame.Connect) { p.Device.Nonce, p.Auth = "", frame.Auth{} }, says: "device nonce required"},
		{name: "another challenge", before: func(p *frame.Connect) { p.Device.Nonce = "other" }, says: "device nonce mismatch"},
		{name: "old", before: func(p *frame.Connect) { p.Device.SignedAt = time.Now().Add(-11 * time.Minute).UnixMilli() }, says: "device signature expired"},
		{name: "early", before: func(p *frame.Connect) { p.Device.SignedAt = time.Now().Add(11 * time.Minute).UnixMilli() }, says: "device signature expired"},
		{name: "other id", before: func(p *frame.Connect) { p.Device.ID = other.id }, says: "device identity mismatch"},
		{name: "no key", before: func(p *frame.Connect) { p.Device.PublicKey = "AAAA" }, says: "device identity mismatch"},
		{name: "more scopes than signed", after: func(p *frame.Connect) { p.Scopes = []string{rpc.Admin} }, says: "device signature invalid"},
		{name: "another role than signed", after: func(p *frame.Connect) { p.Role = frame.RoleNode }, says: "device signature invalid"},
		{name: "another token than signed", after: func(p *frame.Connect) { p.Auth.Token = "x" }, says: "device signature invalid"},
		{name: "no signature", after: func(p *frame.Connect) { p.Device.Signature = "*" }, says: "device signature invalid"},
		{name: "signed by another", after: other.sign, says: "device signature invalid"},
		{name: "new without a token", before: func(p *frame.Connect) { p.Auth = frame.Auth{} }, says: "unauthorized: gateway token missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := f.dial(c.header...)
			cl.t = t
			signer := d
			if c.name == "new without a token" {
				signer = newDevice(t)
			}
			p := signer.params(shared, cl.challenge, rpc.Read)
			if c.before != nil {
				c.before(&p)
			}
			signer.sign(&p)
			if c.after != nil {
				c.after(&p)
			}
			cl.request("1", "connect", p)
			r := cl.read()
			if r.OK != (c.says == "") {
				t.Fatalf("got %+v %v, want %q", r, r.Error, c.says)
			}
			if c.says == "" {
				return
			}
			if r.Error.Code != "INVALID_REQUEST" || !strings.Contains(r.Error.Message, c.says) {
				t.Fatalf("got %v, want %q", r.Error, c.says)
			}
			if ce := cl.closed(); ce.Code != 1008 {
				t.Fatalf("closed with %v", ce)
			}
		})
	}
}

// What one connection was sent is no use on another.
func TestReplayedHandshake(t *testing.T) {
	f := start(t, gateway.Limits{})
	d := newDevice(t)
	first := f.dial()
	p := d.params(frame.Auth{Token: token}, first.challenge, rpc.Read)
	d.sign(&p)
	first.request("1", "connect", p)
	if r := first.read(); !r.OK {
		t.Fatal(r.Error)
	}
	second := f.dial()
	second.request("1", "connect", p)
	if r := second.read(); r.OK || r.Error.Message != "device nonce mismatch" {
		t.Fatalf("got %+v %v", r, r.Error)
	}
}

func TestLocalDeviceApprovesItself(t *testing.T) {
	f := start(t, gateway.Limits{})
	operator, _ := f.connect()
	d := newDevice(t)
	_, hello := f.enter(d, frame.Auth{Token: token}, nil, rpc.Read, rpc.Pairing)
	if hello.Auth != nil {
		t.Error("who presents the shared token gets a device token")
	}
	var told msg.DeviceResolved
	if e := operator.event("device.pair.resolved"); json.Unmarshal(e.Payload, &told) != nil || told.DeviceID != d.id || told.Decision != "approved" {
		t.Errorf("got %s", e.Payload)
	}
	var list msg.DevicePairings
	operator.do("device.pair.list", nil, &list)
	if len(list.Pending) != 0 || len(list.Paired) != 1 || list.Paired[0].DeviceID != d.id || !slices.Equal(list.Paired[0].Scopes, []string{rpc.Pairing, rpc.Read}) ||
		!slices.Equal(list.Paired[0].Roles, []string{"operator"}) || list.Paired[0].ClientID != "test" {
		t.Fatalf("got %+v", list)
	}
	c, _ := f.enter(d, frame.Auth{Password: "the-password"}, nil) // no scopes asks for all
	c.do("device.pair.list", nil, &list)
	if !slices.Contains(list.Paired[0].Scopes, rpc.Admin) {
		t.Errorf("scopes %v", list.Paired[0].Scopes)
	}
	if _, r := f.login(d, frame.Auth{Token: "wrong"}, nil, rpc.Read); r.OK || !strings.Contains(r.Error.Message, "unauthorized: gateway token mismatch") {
		t.Errorf("a paired device with a wrong token: %+v %v", r, r.Error)
	}
}

func TestDeviceFromElsewhereWaitsForAnOperator(t *testing.T) {
	f := start(t, gateway.Limits{})
	operator, _ := f.connect()
	watcher, _ := f.connect(rpc.Pairing)
	d := newDevice(t)
	for _, auth := range []frame.Auth{{Token: token}, {}} { // the shared token alone is not enough, and none is needed
		id := f.waits(d, auth, elsewhere(), rpc.Read)
		if again := f.waits(d, auth, elsewhere(), rpc.Read); again != id {
			t.Errorf("asked again: %s, then %s", id, again)
		}
	}
	var request msg.DeviceRequest
	if e := operator.event("device.pair.requested"); json.Unmarshal(e.Payload, &request) != nil || request.DeviceID != d.id ||
		request.Role != "operator" || !slices.Equal(request.Scopes, []string{rpc.Read}) || request.RemoteIP != "127.0.0.1" || request.TS == 0 {
		t.Fatalf("got %s", e.Payload)
	}
	operator.refused("device.pair.approve", msg.PairDecision{RequestID: "nosuch"}, "INVALID_REQUEST", "unknown requestId")
	operator.approve(request.RequestID)

	_, hello := f.enter(d, frame.Auth{Token: token}, elsewhere(), rpc.Read)
	if hello.Auth != nil {
		t.Error("who presents the shared token gets a device token")
	}
	_, hello = f.enter(d, frame.Auth{}, elsewhere(), rpc.Read)
	if hello.Auth == nil || hello.Auth.Role != "operator" || !slices.Equal(hello.Auth.Scopes, []string{rpc.Read}) || hello.Auth.IssuedAtMs == 0 {
		t.Fatalf("got %+v", hello.Auth)
	}
	issued := hello.Auth.DeviceToken
	_, hello = f.enter(d, frame.Auth{Token: issued}, elsewhere(), rpc.Read)
	if hello.Auth == nil || hello.Auth.DeviceToken != issued {
		t.Errorf("with its token got %+v", hello.Auth)
	}
	if _, hello = f.enter(d, frame.Auth{}, elsewhere()); hello.Auth != nil {
		t.Error("a second token was issued beside the first")
	}
	c, _ := f.enter(d, frame.Auth{}, elsewhere())
	c.refused("device.pair.list", nil, "INVALID_REQUEST", "missing scope: operator.pairing")
	c.do("system-presence", nil, nil)
	if _, r := f.login(newDevice(t), frame.Auth{Token: issued}, elsewhere(), rpc.Read); r.OK || !strings.Contains(r.Error.Message, "mismatch") {
		t.Errorf("another device with the token: %+v", r)
	}

	more := f.waits(d, frame.Auth{Token: issued}, elsewhere(), rpc.Read, rpc.Write)
	var list msg.DevicePairings
	operator.do("device.pair.list", nil, &list)
	if len(list.Pending) != 1 || list.Pending[0].RequestID != more || !list.Pending[0].IsRepair {
		t.Fatalf("got %+v", list.Pending)
	}
	operator.do("device.pair.reject", msg.PairDecision{RequestID: more}, nil)
	var told msg.DeviceResolved
	for told.Decision != "rejected" {
		if err := json.Unmarshal(watcher.event("device.pair.resolved").Payload, &told); err != nil {
			t.Fatal(err)
		}
	}
	if told.RequestID != more || told.DeviceID != d.id {
		t.Errorf("got %+v", told)
	}
}

// Nobody gives what he has not got himself.
func TestApprovalNeedsTheScopes(t *testing.T) {
	f := start(t, gateway.Limits{})
	admin, _ := f.connect()
	clerk, _ := f.connect(rpc.Pairing)
	d := newDevice(t)
	id := f.waits(d, frame.Auth{}, elsewhere(), rpc.Admin)
	clerk.refused("device.pair.approve", msg.PairDecision{RequestID: id}, "INVALID_REQUEST", "missing scope: operator.admin")
	admin.approve(id)
	clerk.refused("device.token.rotate", msg.DeviceTokenRotate{DeviceID: d.id, Role: "operator"}, "INVALID_REQUEST", "missing scope: operator.admin")
	clerk.do("device.token.rotate", msg.DeviceTokenRotate{DeviceID: d.id, Role: "operator", Scopes: []string{rpc.Pairing}}, nil)
}

// A session ends at once with what it lived by.
func TestRotateRevokeAndRemoveEndSessions(t *testing.T) {
	f := start(t, gateway.Limits{})
	operator, _ := f.connect()
	d := newDevice(t)
	operator.approve(f.waits(d, frame.Auth{}, elsewhere(), rpc.Write))
	key, hello := f.enter(d, frame.Auth{}, elsewhere())
	old := hello.Auth.DeviceToken
	byToken, _ := f.enter(d, frame.Auth{Token: old}, elsewhere())

	var rotated msg.DeviceTokenRotated
	operator.do("device.token.rotate", msg.DeviceTokenRotate{DeviceID: d.id, Role: "operator", Scopes: []string{rpc.Read}}, &rotated)
	if rotated.Token == "" || rotated.Token == old || rotated.RotatedAtMs == 0 || !slices.Equal(rotated.Scopes, []string{rpc.Read}) {
		t.Fatalf("got %+v", rotated)
	}
	if ce := byToken.closed(); ce.Code != 1008 || ce.Reason != "the token of this device was replaced" {
		t.Errorf("closed with %v", ce)
	}
	key.do("system-presence", nil, nil) // it lives by the key
	if _, r := f.login(d, frame.Auth{Token: old}, elsewhere()); r.OK {
		t.Error("the old token was taken")
	}
	clipped, hello := f.enter(d, frame.Auth{Token: rotated.Token}, elsewhere(), rpc.Write, rpc.Read)
	if !slices.Equal(hello.Auth.Scopes, []string{rpc.Read}) {
		t.Errorf("got %+v", hello.Auth)
	}
	clipped.refused("wake", map[string]string{"mode": "now", "text": "x"}, "INVALID_REQUEST", "missing scope: operator.write")
	operator.refused("device.token.rotate", msg.DeviceTokenRotate{DeviceID: d.id, Role: "operator", Scopes: []string{rpc.Admin}}, "INVALID_REQUEST", "not approved for these scopes")
	operator.refused("device.token.rotate", msg.DeviceTokenRotate{DeviceID: d.id, Role: "node"}, "INVALID_REQUEST", "unknown deviceId/role")

	var revoked msg.DeviceTokenRevoked
	operator.do("device.token.revoke", msg.DeviceTokenRevoke{DeviceID: d.id, Role: "operator"}, &revoked)
	for _, c := range []*client{key, clipped} {
		if ce := c.closed(); ce.Code != 1008 {
			t.Errorf("closed with %v", ce)
		}
	}
	if revoked.RevokedAtMs == 0 {
		t.Error("not told when")
	}
	again := f.waits(d, frame.Auth{}, elsewhere(), rpc.Read)
	if _, r := f.login(d, frame.Auth{Token: rotated.Token}, elsewhere()); r.OK {
		t.Error("the revoked token was taken")
	}
	operator.approve(again)
	back, hello := f.enter(d, frame.Auth{}, elsewhere())
	if hello.Auth == nil {
		t.Error("approved again without a token")
	}
	operator.do("device.pair.remove", msg.DeviceKey{DeviceID: d.id}, nil)
	if ce := back.closed(); ce.Code != 1008 {
		t.Errorf("closed with %v", ce)
	}
	f.waits(d, frame.Auth{}, elsewhere(), rpc.Read)
	operator.refused("device.pair.remove", msg.DeviceKey{DeviceID: d.id}, "INVALID_REQUEST", "unknown deviceId/role")
}

// Who lets a client in while its role is taken back does not leave it in.
func TestRevokeRacesWithLogin(t *testing.T) {
	f := start(t, gateway.Limits{})
	operator, _ := f.connect()
	for range 10 {
		d := newDevice(t)
		operator.approve(f.waits(d, frame.Auth{}, elsewhere(), rpc.Read))
		c := f.dial(elsewhere()...)
		p := d.params(frame.Auth{}, c.challenge, rpc.Read)
		d.sign(&p)
		c.request("hello", "connect", p)
		operator.do("device.token.revoke", msg.DeviceTokenRevoke{DeviceID: d.id, Role: "operator"}, nil)
		if ce := c.closed(); ce.Code != 1008 {
			t.Fatalf("closed with %v", ce)
		}
	}
}

func TestPendingDevicesAreBounded(t *testing.T) {
	f := start(t, gateway.Limits{})
	for range 8 {
		f.waits(newDevice(t), frame.Auth{}, elsewhere(), rpc.Read)
	}
	c, r := f.login(newDevice(t), frame.Auth{}, elsewhere(), rpc.Read)
	if r.OK || r.Error.Code != "UNAVAILABLE" || !r.Error.Retryable || r.Error.RetryAfterMs <= 0 || !strings.Contains(r.Error.Message, "too many pairing requests from 127.0.0.1") {
		t.Fatalf("got %+v %v", r, r.Error)
	}
	if ce := c.closed(); ce.Code != 1008 {
		t.Fatalf("closed with %v", ce)
	}
}

// Forwarding headers are believed only of a trusted proxy.
func TestTrustedProxyNamesTheClient(t *testing.T) {
	f := begin(t, gateway.Limits{}, func(f *fixture) {
		f.configure = func(cfg *gateway.Config) {
			cfg.Gate = newGate(t, gate.Config{Token: token, TrustedProxies: []string{"127.0.0.0/8"}})
		}
	})
	operator, _ := f.connect()
	f.waits(newDevice(t), frame.Auth{}, elsewhere(), rpc.Read)
	var list msg.DevicePairings
	operator.do("device.pair.list", nil, &list)
	if len(list.Pending) != 1 || list.Pending[0].RemoteIP != "192.0.2.1" {
		t.Fatalf("got %+v", list)
	}
}

func TestWrongTokenAThousandTimes(t *testing.T) {
	f := begin(t, gateway.Limits{}, func(f *fixture) {
		f.configure = func(cfg *gateway.Config) { cfg.Gate = newGate(t, gate.Config{Token: token, Log: cfg.Log}) }
	})
	owner, _ := f.connect()
	try := func(auth frame.Auth) in {
		c := f.dial()
		p := params()
		p.Auth = auth
		c.request("1", "connect", p)
		r := c.read()
		_ = c.ws.CloseNow()
		return r
	}
	wrong, locked := 0, 0
	for i := range 1000 {
		r := try(frame.Auth{Token: fmt.Sprint("guess", i)})
		switch {
		case r.OK:
			t.Fatal("a wrong token was taken")
		case r.Error.Code == "INVALID_REQUEST" && strings.Contains(r.Error.Message, "unauthorized: gateway token mismatch"):
			wrong++
		case r.Error.Code == "UNAVAILABLE" && r.Error.Retryable && r.Error.RetryAfterMs > 0:
			locked++
		default:
			t.Fatalf("got %+v %v", r, r.Error)
		}
	}
	if wrong != 10 || locked != 990 {
		t.Errorf("%d were wrong, %d locked out", wrong, locked)
	}
	if n := strings.Count(f.log.String(), "locked a client"); n != 1 || strings.Count(f.log.String(), "\n") > 20 {
		t.Errorf("the lock-out is told %d times in\n%s", n, f.log)
	}
	if r := try(frame.Auth{Token: token}); !r.OK {
		t.Fatalf("the owner was locked out: %v", r.Error)
	}
	d := newDevice(t)
	f.enter(d, frame.Auth{Token: token}, nil, rpc.Read)
	f.enter(d, frame.Auth{}, nil, rpc.Read)
	owner.do("health", nil, nil)
}

func TestPairingSurvivesTheStoreOnly(t *testing.T) {
	s := newStore(t)
	f := begin(t, gateway.Limits{}, func(f *fixture) { f.configure = func(cfg *gateway.Config) { cfg.Store = s } })
	d := newDevice(t)
	f.enter(d, frame.Auth{Token: token}, nil, rpc.Read)
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	again := begin(t, gateway.Limits{}, func(f *fixture) { f.configure = func(cfg *gateway.Config) { cfg.Store = s } })
	again.enter(d, frame.Auth{}, elsewhere(), rpc.Read)

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, r := again.login(d, frame.Auth{}, elsewhere(), rpc.Read)
	if r.OK || r.Error.Code != "UNAVAILABLE" || !strings.Contains(r.Error.Message, "pairing is not possible now") {
		t.Fatalf("with a broken store: %+v %v", r, r.Error)
	}
	_, r = again.login(newDevice(t), frame.Auth{Token: token}, nil, rpc.Read)
	if r.OK || r.Error.Code != "UNAVAILABLE" {
		t.Fatalf("a local one with a broken store: %+v %v", r, r.Error)
	}
}
