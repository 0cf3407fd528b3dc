package profile

import (
	"fmt"

	"clawdbot/profile/proc"
)

// PortState is what one port is to this host.
type PortState string

// The states of a port. Held is by the gateway it belongs to; taken is by
// anyone else; reserved belongs to a profile that does not run.
const (
	PortFree     PortState = "free"
	PortReserved PortState = "reserved"
	PortHeld     PortState = "held"
	PortTaken    PortState = "taken"
)

// PortInfo explains one port.
type PortInfo struct {
	Port      int       `json:"port"`
	State     PortState `json:"state"`
	Profile   string    `json:"profile,omitempty"`   // whose port it is
	Component string    `json:"component,omitempty"` // gateway, bridge, browser, canvas, bus, link, cdp …
	PID       int       `json:"pid,omitempty"`       // who listens
	Program   string    `json:"program,omitempty"`
	Summary   string    `json:"summary"`       // one sentence
	Try       string    `json:"try,omitempty"` // the command that helps
}

// ExplainPort tells whose the port is, who listens on it and what to do.
func (p Profile) ExplainPort(port int) (PortInfo, error) {
	known, err := p.Known()
	if err != nil {
		return PortInfo{}, err
	}
	holder, listening, err := proc.Listener(port)
	if err != nil {
		return PortInfo{}, err
	}
	info := PortInfo{Port: port, PID: holder.PID, Program: holder.Name}
	owner, ok := ownerOf(known, port)
	if ok {
		info.Profile, info.Component = owner.Profile, owner.Ports.Component(port)
	}
	switch {
	case !ok && !listening:
		info.State, info.Summary = PortFree, fmt.Sprintf("port %d is free and belongs to no profile", port)
	case !ok:
		info.State = PortTaken
		info.Summary = fmt.Sprintf("port %d is held by %s, which is no clawdbot profile", port, who(holder))
	case !listening:
		info.State = PortReserved
		info.Summary = fmt.Sprintf("port %d belongs to %s of profile %s; nobody listens on it now", port, info.Component, owner.Profile)
		if !owner.Alive() {
			info.Try = commandFor(owner.Profile, "gateway")
		}
	case owner.Alive() && (holder.PID == owner.Process.PID || info.Component == "cdp"):
		info.State = PortHeld
		info.Summary = fmt.Sprintf("port %d is the %s of profile %s, held by %s", port, info.Component, owner.Profile, who(holder))
		info.Try = commandFor(owner.Profile, "status")
	default:
		info.State = PortTaken
		info.Summary = fmt.Sprintf("port %d belongs to %s of profile %s, but %s holds it", port, info.Component, owner.Profile, who(holder))
		info.Try = p.wayOut(owner)
	}
	return info, nil
}

// wayOut is the command that gives owner a block of its own, rather than one
// that ends a stranger's program.
func (p Profile) wayOut(owner Instance) string {
	base, err := p.NextBase()
	if err != nil {
		return commandFor(owner.Profile, "gateway --port <another>")
	}
	return commandFor(owner.Profile, fmt.Sprintf("config set gateway.port %d", base))
}

// ownerOf prefers a fixed port over a CDP range that it lies in, and a profile
// that runs over one that does not.
func ownerOf(known []Instance, port int) (Instance, bool) {
	best, rank := Instance{}, 0
	for _, i := range known {
		r := 0
		switch i.Ports.Component(port) {
		case "":
			continue
		case "cdp":
			r = 1
		default:
			r = 3
		}
		if i.Alive() {
			r++
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best, rank > 0
}

func who(h proc.Holder) string {
	switch {
	case h.PID == 0:
		return "a process of another user"
	case h.Name == "":
		return fmt.Sprintf("process %d", h.PID)
	}
	return fmt.Sprintf("%s (pid %d)", h.Name, h.PID)
}

func commandFor(profile, args string) string { return Profile{Name: profile}.Command(args) }
