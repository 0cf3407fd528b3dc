package gateway_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/gateway"
)

// toolAnswer is what /tools/invoke answers.
type toolAnswer struct {
	OK     bool
	Result json.RawMessage
	Error  struct{ Type, Message string }
}

func (f *fixture) invoke(body string) (int, toolAnswer) {
	f.t.Helper()
	resp, text := f.send("POST", "/tools/invoke", body, "Authorization", "Bearer "+token)
	var a toolAnswer
	if err := json.Unmarshal([]byte(text), &a); err != nil || a.OK != (resp.StatusCode == 200) {
		f.t.Fatalf("%s %s", resp.Status, text)
	}
	return resp.StatusCode, a
}

// told answers with what it was asked.
func told(_ context.Context, r *bus.Request) (any, error) {
	return map[string]any{"subject": r.Subject, "params": json.RawMessage(r.Data)}, nil
}

func TestTools(t *testing.T) {
	f := web(t, gateway.HTTP{DenyTools: []string{" CANVAS", "sessions_s*", "["}})
	f.serveMethods("owners", map[string]bus.Handler{
		"sessions.list": told, "chat.history": told, "cron.run": told, "send": told,
		"config.get": func(context.Context, *bus.Request) (any, error) {
			return nil, bus.Errorf(bus.CodeUnavailable, "the file is gone")
		},
	})
	f.serveAt("browser", map[string]bus.Handler{
		f.must(f.bus.Subjects.Browser("open")): told, f.must(f.bus.Subjects.Browser("tabs")): told, f.must(f.bus.Subjects.Probe("browser")): told,
	})
	for _, c := range []struct {
		body   string
		status int
		says   string // in the result, or in the error's type and message
	}{
		{`{"tool": "browser", "action": "open", "args": {"url": "http://x"}}`, 200, `{"params":{"url":"http://x"},"subject":"clawdbot.main.browser.open"}`},
		{`{"tool": "browser", "args": {"action": "tabs"}}`, 200, `{"params":{},"subject":"clawdbot.main.browser.tabs"}`},
		{`{"tool": "browser", "action": "opne"}`, 404, `not_found: no action of browser "opne": there is open, tabs; did you mean open?`},
		{`{"tool": "browser", "action": "probe"}`, 404, `not_found: no action of browser "probe"`},
		{`{"tool": "browser", "action": "a.*"}`, 404, "not_found"},
		{`{"tool": "sessions_list"}`, 200, `"subject":"clawdbot.main.rpc.sessions.list"`},
		{`{"tool": "sessions_list", "action": "x"}`, 400, "invalid_request: at /action: sessions_list has no actions"},
		{`{"tool": "sessions_history", "sessionKey": "main", "args": {"limit": 5}}`, 200, `{"limit":5,"sessionKey":"main"}`},
		{`{"tool": "sessions_history"}`, 400, "invalid_request: invalid chat.history params: at /sessionKey"},
		{`{"tool": "nodes", "action": "invoke", "args": {"nodeId": "n", "command": "c"}, "dryRun": true}`, 200, `"idempotencyKey":"`},
		{`{"tool": "nodes", "action": "invoke", "args": {"nodeId": "n", "command": "c"}}`, 503, "unavailable: node not connected"},
		{`{"tool": "nodes", "action": "statsu"}`, 404, "did you mean status?"},
		{`{"tool": "message", "args": {"message": "hi", "to": "x", "idempotencyKey": "mine"}}`, 200, `"idempotencyKey":"mine"`},
		{`{"tool": "cron", "action": "list"}`, 503, "unavailable: nobody serves clawdbot.main.rpc.cron.list"},
		{`{"tool": "gateway", "action": "config.get"}`, 503, "unavailable: the file is gone"},
		{`{"tool": "gateway", "action": "config.set"}`, 404, "not_found: no action of gateway"},
		{`{"tool": "gateway", "action": "config.get", "dryRun": true}`, 200, `{"dryRun":true,"method":"config.get","params":{}}`},
		{`{"tool": "browser", "action": "open", "dryRun": true}`, 200, `{"dryRun":true,"params":{},"subject":"clawdbot.main.browser.open"}`},
		{`{"tool": "browsr"}`, 404, `not_found: no tool "browsr": there is agents_list, browser,`},
		{`{"tool": "canvas", "action": "url"}`, 403, "forbidden: the tool canvas is denied"},
		{`{}`, 400, "invalid_request: at /tool"},
		{`{"tool": 5}`, 400, "invalid_request: at /tool: must be a string"},
		{`{"tool": "browser", "args": []}`, 400, "invalid_request: at /args: must be an object"},
		{`{"tool"`, 400, "not JSON at byte 7"},
		{`"` + strings.Repeat("x", 2<<20) + `"`, 413, "invalid_request: the body is longer than 1048576 bytes"},
	} {
		status, a := f.invoke(c.body)
		said := string(a.Result)
		if !a.OK {
			said = a.Error.Type + ": " + a.Error.Message
		}
		if status != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%.80s: got %d %s, want %d %s", c.body, status, said, c.status, c.says)
		}
	}
}

func TestAToolThatDoesNotRun(t *testing.T) {
	f := web(t, gateway.HTTP{})
	if status, a := f.invoke(`{"tool": "canvas", "action": "url"}`); status != 503 || a.Error.Message != "canvas does not run" {
		t.Errorf("%d %+v", status, a)
	}
}
