package config

import "cmp"

// The policies of a rescue, from the least.
const (
	PolicyObserve = "observe" // only tell
	PolicyRestart = "restart" // restart the peer through its own manager
	PolicyRepair  = "repair"  // also start it on another config generation
)

// PolicyFor is what the gateway may do about a peer: PolicyObserve, PolicyRestart or PolicyRepair.
// A peer is managed when a service manager or clawdbot up runs it; one in a terminal is only observed
// unless the config says otherwise.
func (r Rescue) PolicyFor(profile string, managed bool) string {
	return resolved(r.wordFor(profile), managed)
}

// wordFor is the config's word for a peer, "" for the default.
func (r Rescue) wordFor(profile string) string { return cmp.Or(r.Policies[profile], r.Policy) }

// resolved is the policy that a word of the config, "" included, stands for.
func resolved(policy string, managed bool) string {
	switch {
	case policy != "":
		return policy
	case managed:
		return PolicyRepair
	}
	return PolicyObserve
}
