package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"clawdbot/bus/msg"
	"clawdbot/gateway/client"
	"clawdbot/profile"
)

// peerCare is what this gateway does about a peer.
type peerCare struct {
	Policy      string `json:"policy"` // observe, restart, repair; "" when it is not known
	PolicyWhy   string `json:"policyWhy,omitempty"`
	Managed     bool   `json:"managed"` // somebody starts it again when it ends
	Held        bool   `json:"held"`    // repairs wait for a human
	HeldReason  string `json:"heldReason,omitempty"`
	Maintenance bool   `json:"maintenance"` // it asked to be left alone
	NextAction  string `json:"nextAction,omitempty"`
}

// incidentStatus counts the incidents that are open. Last is the newest one's
// id, null when there was none.
type incidentStatus struct {
	Open   int                `json:"open"`
	Last   *string            `json:"last"`
	Newest *msg.IncidentBrief `json:"newest,omitempty"` // of the open ones, else of all
}

// rescueTime is how long the rest of status waits for the rescue.
const rescueTime = 500 * time.Millisecond

// askRescue asks what is done about the peers. After an error the connection is
// of no more use.
func (s *sighting) askRescue(ctx context.Context, c *client.Client) {
	ctx, cancel := context.WithTimeout(ctx, rescueTime)
	defer cancel()
	if err := c.Call(ctx, "rescue.status", nil, &s.rescue); err == nil {
		_ = c.Call(ctx, "incidents.list", msg.IncidentsQuery{Limit: 1}, &s.incidents) // health tells of the open ones
	}
}

func (s sighting) care(peer string) peerCare {
	for _, p := range s.rescue.Peers {
		if p.Profile == peer {
			return peerCare{p.Policy, p.Why, p.Managed, p.Held, p.HeldReason, p.Maintenance, p.NextAction}
		}
	}
	return peerCare{}
}

func (s sighting) openIncidents() incidentStatus {
	st := countIncidents(s.incidents.Incidents)
	if open := s.health.Incidents; open.Newest != nil {
		st.Open, st.Newest = open.Open, open.Newest
	}
	return st
}

// countIncidents sums up a list that begins with the newest.
func countIncidents(list []msg.Incident) incidentStatus {
	var st incidentStatus
	for n, i := range list {
		open := i.State != msg.IncidentResolved
		if n == 0 {
			st.Last = &i.ID
		}
		if n == 0 || open && st.Open == 0 {
			st.Newest = &msg.IncidentBrief{ID: i.ID, Peer: i.Peer, Kind: i.Kind, State: i.State, Summary: i.Summary, Began: i.Began}
		}
		if open {
			st.Open++
		}
	}
	return st
}

// care is the end of a peer's line: what is done about it.
func (p pen) care(s peerStatus) string {
	var parts []string
	if s.Repair != "" {
		parts = append(parts, p.warn(printable(s.Repair)))
	}
	switch {
	case s.Held:
		parts = append(parts, p.warn("repairs are held: "+printable(s.HeldReason)))
	case s.Maintenance:
		parts = append(parts, p.warn("under maintenance: nobody touches it"))
	case s.Policy != "":
		parts = append(parts, p.dim("policy "+printable(s.Policy)))
	}
	return strings.Join(parts, "; ")
}

// recently is how long a resolved incident is worth a line.
const recently = 24 * time.Hour

// printIncidentStatus tells of what is open, or was a short time ago, in a line.
func (a *app) printIncidentStatus(st incidentStatus) {
	if st.Newest == nil {
		return
	}
	i := printableIncident(*st.Newest)
	if st.Open == 0 && time.Since(time.UnixMilli(i.Began)) > recently {
		return
	}
	pen, past := a.pen(a.Out), duration(time.Since(time.UnixMilli(i.Began)).Milliseconds())
	head := pen.dim("  incidents  none open; ") + pen.incident(i.State) + " " + past + " ago"
	switch {
	case st.Open == 1:
		head = pen.bad("! ") + "incidents  " + pen.incident(i.State) + " since " + past
	case st.Open > 1:
		head = fmt.Sprintf("%sincidents  %s, the newest %s since %s", pen.bad("! "), pen.bad(fmt.Sprintf("%d open", st.Open)), pen.incident(i.State), past)
	}
	a.printf("%s\n", ansi.Truncate(head+": "+i.Summary, a.width(), "…"))
}

// printableIncident is one that another process wrote, without what could steer
// a terminal.
func printableIncident(i msg.IncidentBrief) msg.IncidentBrief {
	i.ID, i.State, i.Summary = printable(i.ID), msg.IncidentState(printable(string(i.State))), printable(i.Summary)
	return i
}

// printMaintenance says loudly that nobody repairs this gateway now.
func (a *app) printMaintenance(m *msg.Maintenance) {
	if m == nil {
		return
	}
	pen := a.pen(a.Out)
	text := fmt.Sprintf("under maintenance until %s by %s: no peer touches it", time.UnixMilli(m.Until).Format(time.TimeOnly), printable(m.By))
	if m.Reason != "" {
		text += " (" + printable(m.Reason) + ")"
	}
	a.wrapped(pen.warn("! "), text)
}

// announced is the maintenance that the host knows of.
func announced(i profile.Instance) *msg.Maintenance {
	if !i.InMaintenance(time.Now()) {
		return nil
	}
	return &msg.Maintenance{Until: i.Maintenance.Until.UnixMilli(), Reason: i.Maintenance.Reason, By: i.Maintenance.By}
}

// testimony is what another profile's gateway recorded of this one.
type testimony struct {
	observer profile.Profile
	incident msg.IncidentBrief
}

// testimonies are the newest incidents of a profile in the stores of the others
// of this host, when they are open or recent. What cannot be read says nothing.
func testimonies(p profile.Profile) []testimony {
	var list []testimony
	known, _ := p.Known()
	for _, i := range known {
		if i.Is(p) || i.Gone() {
			continue
		}
		other, err := profile.Resolve(profile.Flags{Profile: i.Profile}, p.Env().Bare())
		if err != nil || !i.Is(other) {
			continue
		}
		stored, _, _ := storedIncidents(other)
		stored = newest(stored, p.Bus(), 1)
		if st := countIncidents(stored); st.Newest != nil && (st.Open > 0 || time.Since(time.UnixMilli(st.Newest.Began)) < recently) {
			list = append(list, testimony{other, *st.Newest})
		}
	}
	slices.SortFunc(list, func(x, y testimony) int { return cmp.Compare(y.incident.ID, x.incident.ID) })
	return list
}

// printTestimonies tells what others know of a gateway.
func (a *app) printTestimonies(list []testimony) {
	pen := a.pen(a.Out)
	for _, t := range list {
		i := printableIncident(t.incident)
		a.wrapped(pen.warn("! "), fmt.Sprintf("profile %s saw, %s ago, %s: %s", pen.bold(t.observer.Name),
			duration(time.Since(time.UnixMilli(i.Began)).Milliseconds()), pen.incident(i.State), i.Summary))
		a.printf("%s %s\n", pen.dim("try:"), t.observer.Command("incidents show "+i.ID))
	}
}
