package profile

import (
	"fmt"

	"clawdbot/profile/ports"
)

// Clash is an ErrPort when a listener of the profile would have a port that a
// listener of another profile of the host has. CDP ports never clash: each
// browser takes one that is free.
func (p Profile) Clash(set ports.Ports) error {
	known, err := p.Known()
	if err != nil {
		return err
	}
	for _, other := range known {
		if other.Is(p) || other.Ports.Gateway == 0 {
			continue
		}
		for _, mine := range set.Listeners() {
			if theirs := other.Ports.Component(mine.Port); theirs != "" && theirs != "cdp" {
				return fmt.Errorf("%w: %s would have port %d, which is the %s port of profile %s: change one of them",
					ErrPort, mine.Component, mine.Port, theirs, other.Profile)
			}
		}
	}
	return nil
}
