package profile

import (
	"fmt"
	"time"
)

// MaxMaintenance is the longest maintenance that can be announced at once. One
// that was forgotten must not leave a gateway unwatched for good.
const MaxMaintenance = 24 * time.Hour

// Maintenance is a time in which a human works on a profile: its peers look on
// and leave it alone, whatever they see.
type Maintenance struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty"` // one sentence
	By     string    `json:"by"`               // who announced it: operator, or a peer's name on the bus
}

// InMaintenance says whether the instance is under maintenance. One that says
// to last longer than MaxMaintenance is none: it was not announced by us.
func (i Instance) InMaintenance(now time.Time) bool {
	return i.Maintenance != nil && now.Before(i.Maintenance.Until) && i.Maintenance.Until.Sub(now) <= MaxMaintenance
}

// Announce enters a maintenance in the host registry, for all peers to see,
// whether the gateway runs or not; nil ends it. It returns ErrNotRegistered for
// a profile that was never set up.
func (p Profile) Announce(m *Maintenance, now time.Time) (Instance, error) {
	if m != nil {
		switch left := m.Until.Sub(now); {
		case left <= 0:
			return Instance{}, fmt.Errorf("maintenance of profile %s would be over already: say how long it lasts", p.Name)
		case left > MaxMaintenance:
			return Instance{}, fmt.Errorf("maintenance of profile %s would last %s: at most %s can be announced at once", p.Name, left.Round(time.Second), MaxMaintenance)
		}
	}
	return p.Amend(func(i *Instance) { i.Maintenance = m })
}

// Amend changes the profile's own entry in the host registry under its lock, or
// returns ErrNotRegistered when it has none.
func (p Profile) Amend(change func(*Instance)) (Instance, error) {
	return p.Registry.Update(func(all []Instance) (Instance, error) {
		for _, i := range all {
			if i.Is(p) {
				change(&i)
				return i, nil
			}
		}
		return Instance{}, fmt.Errorf("%w: %s", ErrNotRegistered, p.Name)
	})
}
