package gateway

import (
	"testing"

	"clawdbot/gateway/frame"
)

// TestOwnScopes holds the methods that are ours, not the original's.
func TestOwnScopes(t *testing.T) {
	for method, want := range map[string]string{
		"peers.list": frame.ScopeRead, "canvas.url": frame.ScopeWrite, "canvas.status": frame.ScopeWrite, "canvas.other": frame.ScopeAdmin,
	} {
		if got := methodScope(method); got != want {
			t.Errorf("%s needs %s, want %s", method, got, want)
		}
	}
}
