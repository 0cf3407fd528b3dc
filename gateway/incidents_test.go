package gateway

import (
	"fmt"
	"testing"

	"clawdbot/bus/msg"
)

func TestIncidentsAreBounded(t *testing.T) {
	var h heard
	for i := range 2 * maxIncidents {
		h.take(msg.Incident{ID: fmt.Sprintf("%04d", i), State: msg.IncidentOpen})
	}
	if all := h.openIncidents(); all.Open != maxIncidents {
		t.Errorf("%d are kept", all.Open)
	}
	if !h.take(msg.Incident{ID: "0000", State: msg.IncidentHeld}) {
		t.Error("one that is kept could not change any more")
	}
	if !h.take(msg.Incident{ID: "0000", State: msg.IncidentResolved}) || !h.take(msg.Incident{ID: "9999", State: msg.IncidentOpen}) {
		t.Error("one that is over makes no room")
	}
	if h.take(msg.Incident{ID: "9999", State: msg.IncidentOpen}) {
		t.Error("the same again was called a change")
	}
}
