package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Each config has exactly one thing wrong with it, and gets exactly one sentence.
func TestBadConfigs(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `1:1: the file is empty: it needs at least {}`},
		{"[]", `1:1: the file must hold an object (got an array)`},
		{"{\n  gateway: {\n    port: 1\n    bind: 2\n", `4:5: expected "," or "}" after the value, found "b"`},
		{`{gateway: 5}`, `1:11: gateway: must be an object (got a number)`},
		{`{gateway: null}`, `1:11: gateway: must be an object (got null)`},
		{`{gateway: {port: "abc"}}`, `1:18: gateway.port: must be a whole number from 1 to 65535 (got a string)`},
		{`{gateway: {port: 0}}`, `1:18: gateway.port: must be a whole number from 1 to 65535 (got 0)`},
		{`{gateway: {port: 65536}}`, `1:18: gateway.port: must be a whole number from 1 to 65535 (got 65536)`},
		{`{gateway: {port: 1.5}}`, `1:18: gateway.port: must be a whole number from 1 to 65535 (got 1.5)`},
		{`{gateway: {port: 99999999999999999999}}`, `1:18: gateway.port: must be a whole number from 1 to 65535 (got 99999999999999999999)`},
		{`{gateway: {port: Infinity}}`, `1:18: gateway.port: must be a number with digits (got Infinity)`},
		{`{talk: [-NaN]}`, `1:9: talk[0]: must be a number with digits (got -NaN)`},
		{`{gateway: {port: 65426}}`, `1:18: gateway.port: must be at most 65425: the browser's ports reach up to gateway.port + 110 = 65536, past 65535`},
		{`{gateway: {bind: "lam"}}`, `1:18: gateway.bind: must be one of loopback, lan, tailnet, auto (got "lam"); did you mean lan?`},
		{`{gateway: {bind: "0.0.0.0"}}`, `1:18: gateway.bind: must be one of loopback, lan, tailnet, auto (got "0.0.0.0")`},
		{`{gateway: {bind: "custom"}}`, `1:18: gateway.bind: a custom address is not supported yet; use loopback, lan, tailnet or auto`},
		{`{gateway: {bind: "lan"}}`, `1:18: gateway.bind: lan opens a port to the network, which needs gateway.auth.token`},
		{`{gateway: {bind: "auto", auth: {token: ""}}}`, `1:18: gateway.bind: auto opens a port to the network, which needs gateway.auth.token`},
		{`{bridge: {bind: "tailnet"}, gateway: {auth: {password: "x"}}}`, `1:17: bridge.bind: tailnet opens a port to the network, which needs gateway.auth.token`},
		{`{gateway: {auth: {mode: "none"}}}`, `1:25: gateway.auth.mode: a gateway without a credential is not offered; use token or password`},
		{`{gateway: {auth: {mode: "off"}}}`, `1:25: gateway.auth.mode: a gateway without a credential is not offered; use token or password`},
		{`{gateway: {auth: {mode: "password"}}}`, `1:25: gateway.auth.mode: password needs gateway.auth.password`},
		{`{gateway: {auth: {token: 12345}}}`, `1:26: gateway.auth.token: must be a string (got a number)`},
		{`{gateway: {auth: {token: "__REDACTED__"}}}`, `1:26: gateway.auth.token: __REDACTED__ is what a hidden secret is shown as, not the secret; write the secret itself; --show-secrets shows it`},
		{`{env: {vars: {A: "__REDACTED__"}}}`, `1:18: env.vars.A: __REDACTED__ is what a hidden secret is shown as, not the secret; write the secret itself; --show-secrets shows it`},
		{`{bus: {remotes: [{name: "x", urls: ["nats://__REDACTED__@x"]}]}}`, `1:37: bus.remotes[0].urls[0]: __REDACTED__ is what a hidden secret is shown as, not the secret; write the secret itself; --show-secrets shows it`},
		{`{gateway: {mode: "remote"}}`, `1:18: gateway.mode: remote needs gateway.remote.url`},
		{`{gateway: {remote: {url: "http://user:pw@x"}}}`, `1:26: gateway.remote.url: must be a ws:// or wss:// address (got "http://__REDACTED__@x")`},
		{`{gateway: {tls: {enabled: true, autoGenerate: false}}}`, `1:27: gateway.tls.enabled: needs gateway.tls.certPath and gateway.tls.keyPath, or gateway.tls.autoGenerate`},
		{`{bridge: {tls: {enabled: true, certPath: "c"}}}`, `1:42: bridge.tls.certPath: needs bridge.tls.keyPath beside it`},
		{`{gateway: {reload: {debounceMs: -5}}}`, `1:33: gateway.reload.debounceMs: must be a whole number from 0 to 600000 (got -5)`},
		{`{gateway: {trustedProxies: ["10.0.0.0/8", "proxy"]}}`, `1:43: gateway.trustedProxies[1]: must be an IP address or a range such as 10.0.0.0/8 (got "proxy")`},
		{`{gateway: {controlUi: {basePath: "ui"}}}`, `1:34: gateway.controlUi.basePath: must be a path that begins with / (got "ui")`},
		{`{hooks: {enabled: true}}`, `1:19: hooks.enabled: needs hooks.token, a credential for webhooks alone`},
		{`{hooks: {enabled: true, token: "the-token-of-webhooks"}, gateway: {auth: {token: "the-token-of-webhooks"}}}`, `1:32: hooks.token: must be another one than the gateway's: who may call a webhook may not do everything`},
		{`{hooks: {enabled: true, token: "the-token-of-webhooks", path: "/"}}`, `1:63: hooks.path: must have a name after the /, such as "/hooks"`},
		{`{hooks: {enabled: true, token: "the-token-of-webhooks", mappings: [{action: "wake"}]}}`, `1:68: hooks.mappings[0]: needs textTemplate, what a wake says`},
		{`{hooks: {mappings: [{action: "run"}]}}`, `1:30: hooks.mappings[0].action: must be one of wake, agent (got "run")`},
		{`{hooks: {maxBodyBytes: 2000000}}`, `1:24: hooks.maxBodyBytes: must be a whole number from 1 to 1048576 (got 2000000)`},
		{`{gateway: {http: {endpoints: {responses: {enabled: 1}}}}}`, `1:52: gateway.http.endpoints.responses.enabled: must be true or false (got a number)`},
		{`{tools: {deny: "browser"}}`, `1:16: tools.deny: must be an array (got a string)`},
		{`{gateway: {nodes: {allowCommands: "x"}}}`, `1:35: gateway.nodes.allowCommands: must be an array (got a string)`},
		{`{bridge: {enabled: "yes"}}`, `1:20: bridge.enabled: must be true or false (got a string)`},
		{`{browser: {headless: 1}}`, `1:22: browser.headless: must be true or false (got a number)`},
		{`{browser: {color: "red"}}`, `1:19: browser.color: must be a colour such as #FF4500 (got "red")`},
		{`{browser: {profiles: {"My Profile": {}}}}`, `1:37: browser.profiles["My Profile"]: the key must be a name of a-z, 0-9 and -, at most 64 long`},
		{`{browser: {profiles: {x: {driver: "chrome"}}}}`, `1:35: browser.profiles.x.driver: must be one of clawd, extension (got "chrome")`},
		{`{browser: {snapshotDefaults: {mode: "fast"}}}`, `1:37: browser.snapshotDefaults.mode: must be "efficient" (got "fast")`},
		{`{browser: {idleTimeout: 30}}`, `1:25: browser.idleTimeout: must be a string (got a number)`},
		{`{browser: {idleTimeout: "10ms"}}`, `1:25: browser.idleTimeout: must be a time such as 90s, 30m or 1h30m, of a second or more (got "10ms")`},
		{`{browser: {maxTabs: 0}}`, `1:21: browser.maxTabs: must be a whole number from 1 to 1000 (got 0)`},
		{`{browser: {allow: ["file:", "127.0.0.1:18789"]}}`, `1:29: browser.allow[1]: must be a scheme such as file: or an origin such as http://127.0.0.1:18789 (got "127.0.0.1:18789")`},
		{`{browser: {allow: ["http://127.0.0.1:18789/"]}}`, `1:20: browser.allow[0]: must be a scheme such as file: or an origin such as http://127.0.0.1:18789 (got "http://127.0.0.1:18789/")`},
		{`{browser: {extensionIds: ["abc"]}}`, `1:27: browser.extensionIds[0]: must be the id of a Chrome extension: 32 letters from a to p (got "abc")`},
		{`{browser: {allow: ["javascript:"]}}`, `1:20: browser.allow[0]: must be a scheme such as file: or an origin such as http://127.0.0.1:18789 (got "javascript:")`},
		{`{bus: {remotes: [{urls: ["nats://x"]}]}}`, `1:18: bus.remotes[0]: needs a name`},
		{`{bus: {remotes: [{name: "x"}]}}`, `1:18: bus.remotes[0]: needs urls, the addresses of the cluster`},
		{`{bus: {remotes: [{name: "a b", urls: ["nats://x"]}]}}`, `1:25: bus.remotes[0].name: must be a name without blanks, dots or wildcards (got "a b")`},
		{`{bus: {remotes: [{name: "x", urls: ["nats://x"], subjects: ["a.>.b"]}]}}`, `1:61: bus.remotes[0].subjects[0]: must be a NATS subject such as clawdbot.main.health.> (got "a.>.b")`},
		{`{bus: {remotes: [{name: "x", urls: ["nats://x"], tls: {keyPath: "k"}}]}}`, `1:55: bus.remotes[0].tls: needs both certPath and keyPath, or neither`},
		{`{rescue: {policy: "heal"}}`, `1:19: rescue.policy: must be one of observe, restart, repair (got "heal")`},
		{`{rescue: {peers: ["Main"]}}`, `1:19: rescue.peers[0]: must be a profile name of a-z, 0-9 and -, at most 63 long (got "Main")`},
		{`{agents: {list: [{name: "x"}]}}`, `1:18: agents.list[0]: needs an id`},
		{`{agents: {list: [{id: "a"}, {id: "a"}]}}`, `1:34: agents.list[1].id: "a" is the id of another agent`},
		{`{agents: {list: [{id: "a", default: true}, {id: "b", default: true}]}}`, `1:63: agents.list[1].default: another agent is the default already`},
		{`{env: {A: 1}}`, `1:11: env.A: must be a string (got a number)`},
		{`{env: {vars: ["a"]}}`, `1:14: env.vars: must be an object (got an array)`},
		{"{\n  talk: {\n    apiKey: \"${NO_SUCH}\" }}", `3:13: talk.apiKey: the variable NO_SUCH is not set; set it in the environment or under env`},
		{`{$include: "none.json"}`, `1:12: $include cannot be read: open {dir}/none.json: no such file or directory`},
		{`{gateway: {$include: 5}}`, `1:22: gateway: $include must be the path of a file, or a list of such (got a number)`},
		{`{$include: []}`, `1:12: $include names no file`},
		{`{talk: {$include: "clawdbot.json"}}`, `1:19: talk: $include goes in a circle: clawdbot.json → clawdbot.json`},
		{`{$include: "list.json", talk: {}}`, `1:12: list.json holds an array: only an object can stand beside other keys`},
	} {
		o := write(t, map[string]string{"clawdbot.json": tt.text, "list.json": "[1]"})
		o.DotEnv = ""
		l, err := Load(o)
		e := new(Error)
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v", tt.text, err)
			continue
		}
		dir := strings.TrimSuffix(o.Path, "/clawdbot.json")
		if got := strings.ReplaceAll(err.Error(), dir, "{dir}"); got != "clawdbot.json:"+tt.want {
			t.Errorf("%s:\n got %s\nwant clawdbot.json:%s", tt.text, got, tt.want)
		}
		if l == nil || len(e.Issues) != 1 || e.Issues[0].File != o.Path || e.Issues[0].Rule == "" || l.Config.Gateway.Mode != "" {
			t.Errorf("%s: got %+v, %+v", tt.text, l, e.Issues)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{gateway: {auth: {token: "ab"}}}`, `clawdbot.json:1:26: gateway.auth.token: a token of 2 characters can be guessed; use 16 or more`},
		{`{gatway: {}}`, `clawdbot.json:1:2: gatway: is not a known key; did you mean gateway?`},
		{`{gateway: {Port: 1}}`, `clawdbot.json:1:12: gateway.Port: is not a known key; did you mean port?`},
		{`{zzzzzz: 1}`, `clawdbot.json:1:2: zzzzzz: is not a known key`},
		{`{"__proto__": {polluted: 1}}`, `clawdbot.json:1:2: __proto__: is not a known key`},
		{`{chanels: {}}`, `clawdbot.json:1:2: chanels: is not a known key; did you mean channels?`},
		{`{agents: {defaults: {workspce: "x"}}}`, `clawdbot.json:1:22: agents.defaults.workspce: is not a known key; did you mean workspace?`},
		{"{bus: {},\n\n bus: {}}", `clawdbot.json:3:2: bus: is already set on line 1; the last one counts`},
		{`{channels: {}, gateway: {tailscale: {}}, diagnostics: {}}`, `clawdbot.json:1:2: channels, gateway.tailscale, diagnostics are kept but not used here`},
		{`{hooks: {gmail: {}, mappings: [{transform: {module: "x"}}]}}`, `clawdbot.json:1:10: hooks.gmail, hooks.mappings[0].transform are kept but not used here`},
		{`{hooks: {token: "ab"}}`, `clawdbot.json:1:17: hooks.token: a token of 2 characters can be guessed; use 16 or more`},
		{`{env: {shellEnv: {enabled: true}}}`, `clawdbot.json:1:8: env.shellEnv is kept but not used here`},
	} {
		l, err := Load(write(t, map[string]string{"clawdbot.json": tt.text}))
		if err != nil || issueLines(l.Warnings) != tt.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", tt.text, issueLines(l.Warnings), err, tt.want)
		}
	}
}

func TestIncludeNesting(t *testing.T) {
	files := map[string]string{"clawdbot.json": `{$include: "1.json"}`, "11.json": `{}`}
	for i := 1; i <= 10; i++ {
		files[fmt.Sprintf("%d.json", i)] = fmt.Sprintf(`{$include: "%d.json"}`, i+1)
	}
	_, err := Load(write(t, files))
	want := "10.json:1:12: $include is nested deeper than 10: clawdbot.json → 1.json → 2.json → 3.json → 4.json → 5.json → 6.json → 7.json → 8.json → 9.json → 10.json → 11.json"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	files["10.json"] = `{}`
	mustLoad(t, write(t, files))
}

func TestErrorCountsItsIssues(t *testing.T) {
	_, err := Load(write(t, map[string]string{"clawdbot.json": `{gateway: {port: 0, bind: 1}, bus: 2}`}))
	want := `clawdbot.json:1:18: gateway.port: must be a whole number from 1 to 65535 (got 0) (and 2 more)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// A credential from outside the file is as good as one in it.
func TestCredentialFromOutside(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": `{gateway: {bind: "lan", auth: {mode: "password"}}}`})
	o.HasCredential = true
	mustLoad(t, o)
}
