package frame_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"clawdbot/bus/rpc"
	"clawdbot/gateway/frame"
)

func TestDecodeRequest(t *testing.T) {
	r, err := frame.DecodeRequest([]byte(`{"type":"req","id":"1","method":"health","params":{"probe":true}}`))
	if err != nil || r.ID != "1" || r.Method != "health" || string(r.Params) != `{"probe":true}` {
		t.Fatalf("got %+v, %v", r, err)
	}
	if r, err = frame.DecodeRequest([]byte(`{"type":"req","id":"1","method":"health"}`)); err != nil || r.Params != nil {
		t.Fatalf("without params: got %+v, %v", r, err)
	}
	for _, c := range []struct{ in, id, says string }{
		{``, "invalid", "not JSON at byte 0"},
		{`nonsense`, "invalid", "not JSON"},
		{`[]`, "invalid", "must be an object"},
		{`null`, "invalid", "must be an object"},
		{`{"type":"res","id":"7","method":"health"}`, "7", "at /type: must be one of req"},
		{`{"type":"req","method":"health"}`, "invalid", "at /id"},
		{`{"type":"req","id":"","method":"health"}`, "invalid", "at /id"},
		{`{"type":"req","id":7,"method":"health"}`, "invalid", "at /id: must be a string"},
		{`{"type":"req","id":"7"}`, "7", "at /method"},
		{`{"type":"req","id":"7","method":{}}`, "7", "at /method: must be a string"},
		{`{"type":"req","id":"7","method":"health","extra":1}`, "7", "at /extra: unknown key"},
		{`{"type":"req","id":"7","Method":"health"}`, "7", "at /Method: unknown key"},
		{`{"type":"req","id":"7","method":"a","method":"b"}`, "7", "at /method: repeated key"},
		{`{"type":"req","id":"7","method":"a"} {}`, "invalid", "not JSON at byte"},
		{"{\"type\":\"req\",\"id\":\"\xff\",\"method\":\"a\"}", "\uFFFD", "not JSON at byte"},
	} {
		r, err := frame.DecodeRequest([]byte(c.in))
		var invalid *rpc.PathError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) || r.ID != c.id {
			t.Errorf("%s: got id %q, %v; want %q, %q", c.in, r.ID, err, c.id, c.says)
		}
	}
}

const goodConnect = `{"minProtocol":3,"maxProtocol":3,"client":{"id":"cli","version":"dev","platform":"linux","mode":"cli"},
	"caps":[],"auth":{"token":"T"},"role":"operator","scopes":["operator.admin","operator.pairing"],
	"device":{"id":"d","publicKey":"k","signature":"s","signedAt":1795332443334,"nonce":"n"}}`

func TestDecodeConnect(t *testing.T) {
	c, err := frame.DecodeConnect([]byte(goodConnect))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.SigningText(), "v2|d|cli|cli|operator|operator.admin,operator.pairing|1795332443334|T|n"; got != want {
		t.Errorf("signs %q, want %q", got, want)
	}
	c.Device.Nonce, c.Auth.Token = "", ""
	if got, want := c.SigningText(), "v1|d|cli|cli|operator|operator.admin,operator.pairing|1795332443334|"; got != want {
		t.Errorf("signs %q, want %q", got, want)
	}
}

func TestDecodeConnectNamesThePlace(t *testing.T) {
	for _, c := range []struct{ old, new, says string }{
		{goodConnect, ``, "at /params: is required"},
		{goodConnect, `[]`, "must be an object"},
		{`"minProtocol":3,`, ``, "at /minProtocol"},
		{`"maxProtocol":3,`, ``, "at /maxProtocol"},
		{`"minProtocol":3`, `"minProtocol":"3"`, "at /minProtocol: must be a whole number"},
		{`"minProtocol":3`, `"minProtocol":2.5`, "at /minProtocol: must be a whole number"},
		{`"id":"cli",`, ``, "at /client/id: is required"},
		{`"id":"cli"`, `"id":"curl"`, "at /client/id: must be one of webchat-ui"},
		{`"mode":"cli"`, `"mode":"x"`, "at /client/mode: must be one of webchat"},
		{`"version":"dev",`, ``, "at /client/version: is required"},
		{`"platform":"linux",`, ``, "at /client/platform: is required"},
		{`"version":"dev"`, `"version":1`, "at /client/version: must be a string"},
		{`"version":"dev"`, `"version":"dev","colour":1`, "at /client/colour: unknown key"},
		{`"caps":[]`, `"caps":{}`, "at /caps: must be an array"},
		{`"caps":[]`, `"capz":[]`, "at /capz: unknown key"},
		{`"role":"operator"`, `"role":"king"`, "at /role: must be one of operator, node"},
		{`["operator.admin",`, `[7,`, "at /scopes/0: must be a string"},
		{`["operator.admin",`, `["` + strings.Repeat("x", 129) + `",`, "at /scopes/0: must have at most 128 bytes"},
		{`["operator.admin",`, `[` + strings.Repeat(`"x",`, 33), "at /scopes: must have at most 32 elements"},
		{`"version":"dev"`, `"version":"dev","displayName":"` + strings.Repeat("x", 257) + `"`, "at /client/displayName: must have at most 256 bytes"},
		{`"signature":"s",`, ``, "at /device/signature: is required"},
		{`"signedAt":1795332443334,`, ``, "at /device/signedAt"},
		{`"token":"T"`, `"tokn":"T"`, "at /auth/tokn: unknown key"},
	} {
		in := strings.Replace(goodConnect, c.old, c.new, 1)
		_, err := frame.DecodeConnect([]byte(in))
		var invalid *rpc.PathError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s → %s: got %v, want %q", c.old, c.new, err, c.says)
		}
	}
}

// FuzzInbound checks that no bytes break the reader, that what it takes is
// what it says, and that what it refuses can be answered.
func FuzzInbound(f *testing.F) {
	for _, seed := range []string{
		``, `[]`, `{}`, `null`, `{"type":"req","id":"1","method":"connect","params":` + goodConnect + `}`,
		`{"type":"req","id":"1","method":"health"}`, `{"type":"req","id":{},"method":[]}`, `{"id":"` + strings.Repeat(`\u0000`, 9) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := frame.DecodeRequest(b)
		if r.ID == "" {
			t.Fatal("no id to answer")
		}
		if err != nil {
			return
		}
		if r.Type != frame.TypeRequest || r.Method == "" {
			t.Fatalf("took %+v", r)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatalf("cannot be written again: %v", err)
		}
		if c, err := frame.DecodeConnect(r.Params); err == nil && (c.Client.ID == "" || c.Role == "") {
			t.Fatalf("took %+v", c)
		}
	})
}
