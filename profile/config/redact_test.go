package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": `{
		gateway: {auth: {token: "t1", password: ""}, remote: {tlsFingerprint: "ab", url: "wss://u:p@h/x"}},
		models: {providers: {x: {apiKey: "k", api_key: "k", maxTokens: 5, baseUrl: "https://h/?key=a&token=b"}}},
		hooks: {headers: {Authorization: "Bearer z"}, tokens: ["a", "b"], tokenFile: "/f"},
		env: {A: "v", vars: {B: "v"}},
	}`})
	l := mustLoad(t, o)
	want := map[string]any{
		"gateway": map[string]any{
			"auth":   map[string]any{"token": Redacted, "password": ""},
			"remote": map[string]any{"tlsFingerprint": "ab", "url": "wss://__REDACTED__@h/x"},
		},
		"models": map[string]any{"providers": map[string]any{"x": map[string]any{
			"apiKey": Redacted, "api_key": Redacted, "maxTokens": l.Tree["models"].(map[string]any)["providers"].(map[string]any)["x"].(map[string]any)["maxTokens"],
			"baseUrl": "https://h/?key=a&token=__REDACTED__",
		}}},
		"hooks": map[string]any{"headers": map[string]any{"Authorization": Redacted}, "tokens": []any{Redacted, Redacted}, "tokenFile": "/f"},
		"env":   map[string]any{"A": Redacted, "vars": map[string]any{"B": Redacted}},
	}
	if got := Redact(l.Tree); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if l.Tree["env"].(map[string]any)["A"] != "v" {
		t.Error("the original was changed")
	}
	if got := RedactAt("gateway.auth.token", "x"); got != Redacted {
		t.Errorf("got %v", got)
	}
	if got := RedactAt("gateway.bind", "lan"); got != "lan" {
		t.Errorf("got %v", got)
	}
	if got := redactURL("nats://u:p%zz@h"); got != Redacted {
		t.Errorf("got %v", got)
	}
}

func TestDiff(t *testing.T) {
	old := "{\n  // mine\n  gateway: { port: 1, auth: { token: 'old-secret' } },\n  a: 1,\n}\n"
	new := "{\n  // mine\n  gateway: { port: 2, auth: { token: 'new-secret' } },\n  a: 1,\n}\n"
	got := Diff("2", []byte(old), "3", []byte(new))
	want := "diff 2 3\n--- 2\n+++ 3\n@@ -1,5 +1,5 @@\n {\n   // mine\n" +
		"-  gateway: { port: 1, auth: { token: \"__REDACTED__\" } },\n+  gateway: { port: 2, auth: { token: \"__REDACTED__\" } },\n   a: 1,\n }\n"
	if got != want {
		t.Errorf("got %q", got)
	}
	if got := Diff("a", []byte(old), "b", []byte(strings.Replace(old, "old-secret", "x", 1))); got != "Only secrets differ.\n" {
		t.Errorf("got %q", got)
	}
	if got := Diff("a", []byte(old), "b", []byte(old)); got != "" {
		t.Errorf("got %q", got)
	}
	hidden := Diff("a", []byte("{}"), "b", []byte("{\n// x: 1, API_KEY: 'secret1'\n/* \"botToken\": 'secret2' */ // wss://u:secret3@h\n// the token\nenv: {A: 'secret4'}}"))
	if strings.Contains(hidden, "secret") || !strings.Contains(hidden, "// the token") {
		t.Errorf("got %q", hidden)
	}
	if got := Diff("a", []byte("{token: 'secret'"), "b", []byte(old)); strings.Contains(got, "secret'") || !strings.Contains(got, "not valid JSON5") {
		t.Errorf("got %q", got)
	}
}

// No message about a config tells a secret, whichever way it stands in the wrong place.
func TestNoMessageTellsASecret(t *testing.T) {
	const secret, number = "hunter2xyzzy", "4242424242"
	values := []string{secret, `"` + secret + `"`, "{" + secret + "}", "{" + secret + ": }", "[\"" + secret + "\"", "12" + secret, number, `["` + secret + `"]`, `"u:` + secret + `@host"`,
		`"http://u:` + secret + `@host"`, `"x` + secret, secret + ": 1", `"" ` + secret, "[" + secret + "]", `{$include: 5, x: "` + secret + `"}`, "+" + secret, `"\q\x` + secret + `"`}
	for _, at := range []string{
		"gateway: {auth: %s}", "gateway: {auth: {token: %s}}", "gateway: {auth: {toekn: %s}}", "gateway: {auth: {password: %s}}", "gateway: {auth: {mode: %s}}",
		"gateway: {auth: {pasword: {x: %s}}}", "gateway: {remote: {token: %s}}", "gateway: {remote: {url: %s}}", "gateway: %s", "env: %s", "env: {A: %s}", "env: {vars: %s}",
		"env: {vars: {A: %s}}", "env: {shellEnv: %s}", "browser: {controlToken: %s}", "browser: {controlTokn: %s}", "browser: {controlUrl: %s}", "browser: {cdpUrl: %s}",
		"bus: {remotes: [{credentials: %s}]}", `bus: {remotes: [{name: "x", urls: ["nats://h"], credentials: %s}]}`, "bus: {remotes: %s}", "bus: {remotes: [{urls: %s}]}", "channels: {x: {botToken: %s}}", "%s",
	} {
		for _, value := range values {
			l := fromText(t, "{"+strings.ReplaceAll(at, "%s", value)+"}")
			for _, i := range append(l.Issues, l.Warnings...) {
				if told := i.Message + i.Hint; strings.Contains(told, secret) || strings.Contains(told, number) {
					t.Errorf("%s = %s: %s", at, value, told)
				}
			}
		}
	}
}

// Nor does one about an included file that is none.
func TestNoMessageTellsAnIncludedFile(t *testing.T) {
	for _, text := range []string{"deadbeef0123", "01deadbeef", "12deadbeef", "{deadbeef}", "a deadbeef", `"deadbeef"`, "{a: deadbeef}", "{a deadbeef}", `["deadbeef"]`} {
		_, err := Load(write(t, map[string]string{"clawdbot.json": `{agents: {$include: "gateway.token"}}`, "gateway.token": text}))
		if err == nil || strings.Contains(err.Error(), "beef") || !strings.Contains(err.Error(), ": agents: ") && !strings.Contains(err.Error(), ": agents.") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What the types call secret is redacted by its key, and nothing else of them is.
func TestSecretKeys(t *testing.T) {
	for _, l := range leaves(reflect.TypeFor[Config](), leaf{}) {
		key := l.path[strings.LastIndexByte(l.path, '.')+1:]
		if want := l.secret || key == "env" || key == "credentials"; isSecret(key) != want {
			t.Errorf("%s is secret: %t", l.path, !want)
		}
	}
	for _, key := range []string{"toekn", "pasword", "Tokn", "secrt", "apiKy", "credntials"} {
		if !isSecret(key) {
			t.Errorf("%s is not secret", key)
		}
	}
}
