package cli

import (
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

// TestStatusSafeText keeps what other processes say from steering the terminal.
func TestStatusSafeText(t *testing.T) {
	const evil = "\x1b]0;evil\a\u202e"
	newest := &msg.IncidentBrief{ID: evil, State: evil, Summary: evil, Began: time.Now().UnixMilli()}
	h := newHome(t)
	p := h.setup("main", h.base)
	for _, gen := range []msg.Generation{{Source: "file", Generation: 1, Verdict: evil, Reason: evil, Warnings: []string{evil}}, {Source: evil, Generation: 1, Reason: evil}} {
		v := statusView{why: outlook{condition: condition{msg.VerdictDegraded, evil}}, report: statusReport{
			Profile: "main", Version: evil, Config: gen, Workspace: evil,
			Gateway:     gatewayStatus{Reachable: true, PID: 1, Verdict: evil},
			Components:  []componentStatus{{evil, evil, evil}},
			Peers:       []peerStatus{{Profile: evil, Verdict: evil, Reason: evil, Repair: evil, peerCare: peerCare{Policy: evil, HeldReason: evil}}},
			Service:     serviceStatus{Installed: true, Unit: evil},
			Incidents:   incidentStatus{Open: 1, Newest: newest},
			Maintenance: &msg.Maintenance{By: evil, Reason: evil},
		}, others: []testimony{{p, *newest}}}
		var out strings.Builder
		a := &app{Streams: Streams{Out: &out}, env: h.env(), noColor: true}
		a.printStatus(p, v)
		a.printHead("main", condition{msg.VerdictHung, evil}, "")
		a.printDiff("+" + evil + "\n")
		if !strings.Contains(out.String(), "evil") || strings.ContainsAny(out.String(), "\x1b\a\u202e") {
			t.Errorf("%q", out.String())
		}
	}
}
