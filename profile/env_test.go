package profile

import (
	"slices"
	"strings"
	"testing"
)

func TestDesktopKeepsSecretsBack(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "secret")
	t.Setenv("CLAWDBOT_GATEWAY_TOKEN", "secret")
	t.Setenv("MY_TOKEN", "secret")
	t.Setenv("LC_TIME", "C")
	t.Setenv("DISPLAY", ":0")
	env := Desktop()
	for _, want := range []string{"LC_TIME=C", "DISPLAY=:0"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, kv := range env {
		if strings.HasSuffix(kv, "=secret") {
			t.Errorf("%s is handed on", kv)
		}
	}
}
