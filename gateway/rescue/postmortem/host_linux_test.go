package postmortem

import (
	"strings"
	"testing"

	"clawdbot/profile/service"
)

func TestJournalOfAUnitThatHasNone(t *testing.T) {
	s := newScene(t)
	c := collector{cfg: Config{Own: s.rescue, Peer: s.peer}}
	if err := c.journal(t.Context()); err == nil || !strings.Contains(err.Error(), "only systemd keeps one") {
		t.Errorf("without a unit: %v", err)
	}
	c.report.Service = &service.Status{Manager: service.Systemd, Unit: "clawdbot-gateway-nobody.service"}
	if err := c.journal(t.Context()); err == nil || !strings.Contains(err.Error(), "it is empty") || len(c.report.Journal) > 0 {
		t.Errorf("%q, %v", c.report.Journal, err)
	}
}
