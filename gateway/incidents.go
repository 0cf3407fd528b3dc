package gateway

import (
	"maps"
	"slices"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
)

// hearIncident takes event.incident.
func (s *state) hearIncident(m *nats.Msg) {
	hear(m, func(i msg.Incident) { s.update(func(h *heard) bool { return h.take(i) }) })
}

// hearIncidents takes the answer of incidents.list. Those of which it does not
// tell stay: their end is an event.
func (s *state) hearIncidents(m *nats.Msg) {
	hear(m, func(list struct{ Incidents []msg.Incident }) {
		s.update(func(h *heard) bool {
			changed := false
			for _, i := range list.Incidents {
				changed = h.take(i) || changed
			}
			return changed
		})
	})
}

// maxIncidents bounds what is kept: more are not open at once, whoever says so.
const maxIncidents = 200

// take keeps an incident while it is not over, and says whether that changed
// anything.
func (h *heard) take(i msg.Incident) bool {
	old, known := h.incidents[i.ID]
	switch i.State {
	case msg.IncidentOpen, msg.IncidentHeld:
		now := msg.IncidentBrief{ID: i.ID, Peer: i.Peer, Kind: i.Kind, State: i.State, Summary: i.Summary, Began: i.Began}
		if i.ID == "" || now == old || !known && len(h.incidents) >= maxIncidents {
			return false
		}
		h.incidents = with(h.incidents, i.ID, now)
	default:
		if !known {
			return false
		}
		h.incidents = maps.Clone(h.incidents)
		delete(h.incidents, i.ID)
	}
	return true
}

// openIncidents counts them. Their ids sort by time.
func (h heard) openIncidents() msg.OpenIncidents {
	all := msg.OpenIncidents{Open: len(h.incidents)}
	if all.Open > 0 {
		newest := h.incidents[slices.Max(slices.Collect(maps.Keys(h.incidents)))]
		all.Newest = &newest
	}
	return all
}

// trouble is what incidents are counted by.
type trouble struct {
	peer string
	kind msg.IncidentKind
}

func (h heard) incidentCounts() map[trouble]int {
	counts := map[trouble]int{}
	for _, i := range h.incidents {
		counts[trouble{i.Peer, i.Kind}]++
	}
	return counts
}
