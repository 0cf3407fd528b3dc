package cli

import (
	"context"
	"fmt"

	"clawdbot/profile"
)

// restartCommand is the command that starts a gateway again: its service, when
// that is what runs, else one in this terminal, which takes over.
func restartCommand(p profile.Profile, service bool) string {
	if service {
		return p.Command("gateway restart")
	}
	return p.Command("gateway --force")
}

// sayRestart tells how a change of the config takes effect, when a gateway of
// the profile runs on the old one.
func (a *app) sayRestart(ctx context.Context, p profile.Profile) {
	if _, alive, err := running(p); err == nil && alive {
		fmt.Fprintf(a.Err, "clawdbot: restart to apply: %s\n", a.restartOf(ctx, p))
	}
}

// restartOf is the restartCommand of a gateway that runs.
func (a *app) restartOf(ctx context.Context, p profile.Profile) string {
	view, _ := a.serviceView(ctx, p) // what cannot be asked does not run the gateway
	return restartCommand(p, view.Active)
}
