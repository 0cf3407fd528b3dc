// Package ports derives a profile's ports from its base port and plans bases
// that never collide.
//
// The offsets are those of the original where it has them; bus, link and the
// two that are off by default are ours.
package ports

import (
	"errors"
	"fmt"
	"strconv"
)

// Offsets from the base port.
const (
	OffsetBridge    = 1
	OffsetBrowser   = 2
	OffsetRelay     = 3
	OffsetCanvas    = 4
	OffsetBus       = 5
	OffsetLink      = 6
	OffsetMonitor   = 7
	OffsetWebSocket = 8
	// The relay and CDP ports count from the browser control port, as in the original.
	cdpFrom = 9
	cdpTo   = 108
)

// Step is the distance between planned bases: wide enough that neither the
// fixed ports nor the CDP range of one block touch another's.
const Step = 212

// First is the base port of a host's first profile, the original's default.
const First = 18789

// MaxBase is the highest base whose derived ports all fit below 65536.
const MaxBase = 65535 - OffsetBrowser - cdpTo

// ErrBase says that a number cannot be a base port.
var ErrBase = errors.New("not a base port")

// Range is an inclusive range of ports.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Ports is the set of one profile. Monitor and WebSocket are 0 while off.
type Ports struct {
	Gateway   int   `json:"gateway"`
	Bridge    int   `json:"bridge"`
	Browser   int   `json:"browser"`
	Relay     int   `json:"relay,omitempty"` // 0 in the entry of a gateway without one
	Canvas    int   `json:"canvas"`
	Bus       int   `json:"bus"`
	Link      int   `json:"link"`
	Monitor   int   `json:"monitor,omitempty"`
	WebSocket int   `json:"websocket,omitempty"`
	CDP       Range `json:"cdp"`
}

// Derive returns the ports of a base. It returns ErrBase, saying why, for a
// base out of range.
func Derive(base int) (Ports, error) {
	if base < 1 || base > 65535 {
		return Ports{}, fmt.Errorf("%w: %d is outside 1 to 65535", ErrBase, base)
	}
	if base > MaxBase {
		return Ports{}, fmt.Errorf("%w: with %d the browser's CDP ports would pass 65535; the highest base is %d", ErrBase, base, MaxBase)
	}
	p := Ports{
		Gateway: base, Bridge: base + OffsetBridge, Browser: base + OffsetBrowser, Relay: base + OffsetRelay,
		Canvas: base + OffsetCanvas, Bus: base + OffsetBus, Link: base + OffsetLink,
	}
	p.CDP = CDPRange(p.Browser)
	return p, nil
}

// CDPRange is the range of CDP ports that goes with a browser control port.
func CDPRange(browserControl int) Range {
	return Range{From: browserControl + cdpFrom, To: browserControl + cdpTo}
}

// Listener is one port and the component that listens on it.
type Listener struct {
	Component string `json:"component"`
	Port      int    `json:"port"`
}

// Listeners returns the fixed ports that are on, in the order of their offsets.
func (p Ports) Listeners() []Listener {
	all := []Listener{
		{"gateway", p.Gateway}, {"bridge", p.Bridge}, {"browser", p.Browser}, {"relay", p.Relay}, {"canvas", p.Canvas},
		{"bus", p.Bus}, {"link", p.Link}, {"monitor", p.Monitor}, {"websocket", p.WebSocket},
	}
	on := all[:0]
	for _, l := range all {
		if l.Port != 0 {
			on = append(on, l)
		}
	}
	return on
}

// Component returns which component the port belongs to, "cdp" for one of the
// CDP range, and "" when it is not of this set.
func (p Ports) Component(port int) string {
	for _, l := range p.Listeners() {
		if l.Port == port {
			return l.Component
		}
	}
	if port >= p.CDP.From && port <= p.CDP.To {
		return "cdp"
	}
	return ""
}

// Overlaps returns each port that both sets claim, "port (component, other's
// component)". Two CDP ranges that overlap are named once, as a range.
func (p Ports) Overlaps(other Ports) []Overlap {
	var found []Overlap
	for _, l := range p.Listeners() {
		if c := other.Component(l.Port); c != "" {
			found = append(found, Overlap{strconv.Itoa(l.Port), l.Component, c})
		}
	}
	for _, l := range other.Listeners() {
		if p.Component(l.Port) == "cdp" {
			found = append(found, Overlap{strconv.Itoa(l.Port), "cdp", l.Component})
		}
	}
	from, to := max(p.CDP.From, other.CDP.From), min(p.CDP.To, other.CDP.To)
	if from <= to && p.CDP.To > 0 && other.CDP.To > 0 {
		found = append(found, Overlap{fmt.Sprintf("%d-%d", from, to), "cdp", "cdp"})
	}
	return found
}

// Overlap is one port, or range of ports, that two sets claim.
type Overlap struct {
	Port   string `json:"port"`
	Mine   string `json:"mine"`   // component of the first set
	Theirs string `json:"theirs"` // component of the second set
}

// ErrNoBlock says that every block of ports is taken.
var ErrNoBlock = errors.New("no free block of ports")

// Plan returns the first base, from First in steps of Step, whose ports touch
// none of taken and are all free on the host as inUse tells.
func Plan(taken []Ports, inUse func(port int) bool) (int, error) {
next:
	for base := First; base <= MaxBase; base += Step {
		p, err := Derive(base)
		if err != nil {
			return 0, err
		}
		for _, t := range taken {
			if len(p.Overlaps(t)) > 0 {
				continue next
			}
		}
		for port := base; port <= base+OffsetWebSocket; port++ {
			if inUse(port) {
				continue next
			}
		}
		return base, nil
	}
	return 0, fmt.Errorf("%w from %d to %d", ErrNoBlock, First, MaxBase)
}
