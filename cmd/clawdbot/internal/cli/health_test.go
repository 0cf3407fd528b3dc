package cli

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"clawdbot/bus/msg"
)

func TestHealth(t *testing.T) {
	h := newHome(t)
	h.run("--profile", "main", "health").wants(3, "", "profile main is not set up\ntry: clawdbot --profile main setup\n")
	p := h.setup("main", h.base)
	h.run("--profile", "main", "health", "--json").wants(3, `"error": "the gateway of profile main does not run"`, "try: clawdbot --profile main gateway\n")
	stop := h.gateway(p, 0)
	h.run("--profile", "main", "health").wants(0, "main is ok", "")
	var got msg.Health
	answer := h.run("--profile", "main", "health", "--json").wants(0, `"ok": true`, "")
	answer.into(&got)
	if got.Profile != "main" || got.Gateway.StateDir != p.StateDir || len(got.Components) == 0 {
		t.Errorf("%+v", got)
	}

	// It is the payload as it is: with every key that the gateway sends.
	var keys map[string]json.RawMessage
	answer.into(&keys)
	sent, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(sent, &want); err != nil {
		t.Fatal(err)
	}
	if a, b := slices.Sorted(maps.Keys(keys)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		t.Errorf("keys %v, want %v", a, b)
	}
	stop()
	h.run("--profile", "main", "health", "--json").wants(3, "", "does not run")
}
