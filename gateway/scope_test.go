package gateway

import (
	"testing"

	"clawdbot/gateway/frame"
)

// TestOwnScopes holds the methods that are ours, not the original's.
func TestOwnScopes(t *testing.T) {
	for method, want := range map[string]string{
		"peers.list": frame.ScopeRead, "canvas.url": frame.ScopeWrite, "canvas.status": frame.ScopeWrite, "canvas.other": frame.ScopeAdmin,
		"incidents.list": frame.ScopeRead, "incidents.show": frame.ScopeRead, "rescue.status": frame.ScopeRead,
		"component.list": frame.ScopeRead, "record.stats": frame.ScopeRead,
		"record.show": frame.ScopeAdmin, "record.export": frame.ScopeAdmin, "rescue.repair": frame.ScopeAdmin, "rescue.hold": frame.ScopeAdmin,
		"rescue.resume": frame.ScopeAdmin, "rescue.directive": frame.ScopeAdmin, "component.restart": frame.ScopeAdmin,
		"config.get": frame.ScopeAdmin, "config.plan": frame.ScopeAdmin, "config.apply": frame.ScopeAdmin, "config.generations": frame.ScopeAdmin, "maintenance": frame.ScopeAdmin,
	} {
		if got := methodScope(method); got != want {
			t.Errorf("%s needs %s, want %s", method, got, want)
		}
	}
}
