package cli

import (
	"context"

	"clawdbot/bus/msg"
)

// runStatusElsewhere is status of a gateway that is not the profile's own. Of its
// service and its folders nothing can be told from here.
func (a *app) runStatusElsewhere(ctx context.Context, t target, asJSON bool) error {
	c, err := t.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	hello := c.Hello()
	r := statusReport{
		Profile: c.name(), ConfigPath: hello.Snapshot.ConfigPath, StateDir: hello.Snapshot.StateDir,
		Components: []componentStatus{}, Peers: []peerStatus{},
	}
	why := r.take(c.look(ctx))
	if asJSON {
		return a.printJSON(r)
	}
	a.printStatusElsewhere(t, r, why.condition)
	return nil
}

func (a *app) printStatusElsewhere(t target, r statusReport, how condition) {
	pen := a.pen(a.Out)
	a.printHead(r.Profile, how, "  up "+duration(r.Gateway.UptimeMs)+", version "+printable(r.Version))
	a.sayNotInUse(r.Config, t.notInUse())
	a.printMaintenance(r.Maintenance)
	a.printf("\n")
	a.wrapped(pen.dim("  gateway    "), t.URL)
	a.printComponents(r.Components)
	a.printPeers(r.Peers)
	a.printf("\n")
	a.printIncidentStatus(r.Incidents)
	a.printConfig(r, "")
	if how.Verdict != msg.VerdictOK {
		a.printf("%s %s\n", pen.dim("try:"), t.aid())
	}
}
