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
