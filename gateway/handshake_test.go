package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"clawdbot/gateway"
	"clawdbot/gateway/frame"
)

func asClose(err error, ce *websocket.CloseError) bool { return errors.As(err, ce) }

func TestHelloOK(t *testing.T) {
	f := start(t, gateway.Limits{})
	var hello frame.HelloOK
	eventually(t, "the gateway's own methods, and no other client", func() bool {
		c, h := f.connect()
		defer c.ws.CloseNow()
		hello = h
		return slices.Contains(h.Features.Methods, "health") && len(h.Snapshot.Presence) == 2
	})
	if hello.Type != "hello-ok" || hello.Protocol != 3 || hello.Server.Version != "1.2.3" || hello.Server.ConnID == "" ||
		hello.Server.Profile != "main" || hello.CanvasHostURL != "http://127.0.0.1:18793" {
		t.Errorf("got %+v", hello)
	}
	if want := (frame.Policy{MaxPayload: 524288, MaxBufferedBytes: 1572864, TickIntervalMs: 30000}); hello.Policy != want {
		t.Errorf("policy %+v", hello.Policy)
	}
	for method, served := range map[string]bool{"health": true, "status": true, "system-presence": true, "agent": false, "nosuch": false} {
		if slices.Contains(hello.Features.Methods, method) != served {
			t.Errorf("%s: served %v, but methods are %v", method, served, hello.Features.Methods)
		}
	}
	s := hello.Snapshot
	if s.Profile != "main" || s.ConfigPath != "/p/clawdbot.json" || s.StateDir != "/p" || s.SessionDefaults.MainSessionKey != "agent:main:main" {
		t.Errorf("snapshot %+v", s)
	}
	if len(s.Presence) != 2 || s.Presence[0].Reason != "self" || s.Presence[0].Mode != "gateway" || s.Presence[1].InstanceID != "i-1" || s.StateVersion.Presence == 0 {
		t.Errorf("presence %+v at %+v", s.Presence, s.StateVersion)
	}
	if s.Health.Profile != "main" || s.Health.Ports.Bridge != 18790 || s.Health.Generation.Verdict != "probation" {
		t.Errorf("health %+v", s.Health)
	}
}

// TestRefusedHandshakes has every row of the malformed input that ends the
// connection.
func TestRefusedHandshakes(t *testing.T) {
	f := start(t, gateway.Limits{MaxPayload: 4096, Handshake: 200 * time.Millisecond})
	connect := func(change func(*frame.Connect)) string {
		p := params()
		change(&p)
		body, err := json.Marshal(map[string]any{"type": "req", "id": "c1", "method": "connect", "params": p})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	for _, c := range []struct {
		name, send string
		code       string // of the response; "" expects none
		says       string
		close      websocket.StatusCode
		closeSays  string // "" means the same as says
	}{
		{"array", `[]`, "", "", 1008, "invalid request frame"},
		{"not JSON", `{"type":`, "", "", 1008, "invalid request frame"},
		{"wrong type", `{"type":"event","event":"x"}`, "", "", 1008, "invalid request frame"},
		{"no id", `{"type":"req","method":"connect"}`, "", "", 1008, "invalid request frame"},
		{"not connect", `{"type":"req","id":"c1","method":"health"}`, "INVALID_REQUEST", "invalid handshake: first request must be connect", 1008, ""},
		{"no params", `{"type":"req","id":"c1","method":"connect"}`, "INVALID_REQUEST", "at /params: is required", 1008, ""},
		{"no version", connect(func(p *frame.Connect) { p.Client.Version = "" }), "INVALID_REQUEST", "at /client/version: must not be empty", 1008, ""},
		{"client id", connect(func(p *frame.Connect) { p.Client.ID = "curl" }), "INVALID_REQUEST", "invalid connect params: at /client/id: must be one of", 1008, ""},
		{"extra key", strings.Replace(connect(func(*frame.Connect) {}), `"minProtocol"`, `"wat":1,"minProtocol"`, 1), "INVALID_REQUEST", "at /wat: unknown key", 1008, ""},
		{"role", connect(func(p *frame.Connect) { p.Role = "king" }), "INVALID_REQUEST", "at /role", 1008, ""},
		{"node without a device", connect(func(p *frame.Connect) { p.Role = "node" }), "NOT_PAIRED", "device identity required", 1008, ""},
		{"old protocol", connect(func(p *frame.Connect) { p.MinProtocol, p.MaxProtocol = 1, 2 }), "INVALID_REQUEST", "protocol mismatch", 1002, ""},
		{"new protocol", connect(func(p *frame.Connect) { p.MinProtocol, p.MaxProtocol = 4, 9 }), "INVALID_REQUEST", "protocol mismatch", 1002, ""},
		{"wrong token", connect(func(p *frame.Connect) { p.Auth.Token = "nope" }), "INVALID_REQUEST", "unauthorized: gateway token mismatch (this gateway is profile main)", 1008, ""},
		{"wrong password", connect(func(p *frame.Connect) { p.Auth = frame.Auth{Password: "nope"} }), "INVALID_REQUEST", "unauthorized: gateway password mismatch", 1008, ""},
		{"neither token nor device", connect(func(p *frame.Connect) { p.Auth = frame.Auth{} }), "NOT_PAIRED", "device identity required", 1008, ""},
		{"too big", `"` + strings.Repeat("x", 5000) + `"`, "", "", 1009, "message over 4096 bytes"},
		{"silence", "", "", "", 1008, "handshake timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := f.dial()
			cl.t = t
			if c.send != "" {
				cl.write(c.send)
			}
			if c.code != "" {
				r := cl.read()
				if r.OK || r.ID != "c1" || r.Error.Code != c.code || !strings.Contains(r.Error.Message, c.says) {
					t.Errorf("got %+v %v, want %s %q", r, r.Error, c.code, c.says)
				}
				if c.close == 1002 && fmt.Sprint(r.Error.Details["expectedProtocol"]) != "3" {
					t.Errorf("details %v", r.Error.Details)
				}
				c.closeSays = r.Error.Message[:min(100, len(r.Error.Message))]
			}
			if ce := cl.closed(); ce.Code != c.close || !strings.Contains(ce.Reason, c.closeSays) {
				t.Errorf("closed with %d %q, want %d %q", ce.Code, ce.Reason, c.close, c.closeSays)
			}
		})
	}
}

func TestPasswordConnects(t *testing.T) {
	f := start(t, gateway.Limits{})
	c := f.dial()
	p := params()
	p.Auth = frame.Auth{Password: "the-password"}
	c.request("1", "connect", p)
	if r := c.read(); !r.OK {
		t.Fatal(r.Error)
	}
}

func TestHostilePageCannotConnect(t *testing.T) {
	f := start(t, gateway.Limits{})
	hosts := []struct{ host, origin string }{
		{f.addr, "http://evil.example"},
		{f.addr, "http://evil.example"},
		{f.addr, "null"},
		{f.addr, "http://127.0.0.1:1"},
		{"evil.example:80", "http://evil.example:80"}, // a name rebound to this machine
	}
	for _, c := range hosts {
		ws, resp, err := websocket.Dial(t.Context(), "ws://"+f.addr, &websocket.DialOptions{
			Host: c.host, HTTPHeader: http.Header{"Origin": {c.origin}},
		})
		if err == nil {
			ws.CloseNow()
			t.Errorf("host %s origin %s: was upgraded", c.host, c.origin)
		} else if resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("host %s origin %s: %v", c.host, c.origin, err)
		}
	}
	if n := f.logged("refused a request"); n != len(hosts)-1 { // the first came twice
		t.Errorf("logged %d times:\n%s", n, f.log)
	}
	f.dial("Origin", "http://"+f.addr) // its own page may
}
