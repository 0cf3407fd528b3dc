package cli

import (
	"context"

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

// restartOf is the restartCommand of a gateway that runs.
func (a *app) restartOf(ctx context.Context, p profile.Profile) string {
	view, _ := a.serviceView(ctx, p) // what cannot be asked does not run the gateway
	return restartCommand(p, view.Active)
}
