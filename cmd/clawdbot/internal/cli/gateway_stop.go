package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

// stopPatience is how long a gateway may take to stop before it is killed.
const stopPatience = 10 * time.Second

// runServiceStop stops the service, and a gateway that runs without one. That
// there is nothing to stop is no error.
func (a *app) runServiceStop(ctx context.Context, p profile.Profile) error {
	host, view, err := a.keeping(ctx, p)
	idle := view.State == "inactive" || view.State == service.UpStopped
	switch {
	case err == nil && view.Installed && !idle:
		if err := host.Stop(ctx, p.Name); err != nil {
			return err
		}
		a.printf("%s stopped.\n", view.Unit)
	case err != nil && !errors.Is(err, service.ErrNoManager):
		return err
	}
	i, alive, err := running(p)
	switch {
	case err != nil:
		return err
	case alive:
		return a.stopOutside(ctx, p, i)
	case view.State == "" || idle:
		a.printf("The gateway of profile %s does not run.\n", p.Name)
	}
	return nil
}

// stopOutside stops a gateway that runs without a service, and says when it
// had to be killed.
func (a *app) stopOutside(ctx context.Context, p profile.Profile, i profile.Instance) error {
	a.sayEnding(p, i)
	if err := proc.Terminate(ctx, i.Process, stopPatience); err != nil {
		return err
	}
	if now, err := p.Registry.Get(p.Name); err == nil && now.Process == i.Process { // one that stops in order leaves the registry
		a.printf("The gateway of profile %s was killed: process %d did not stop in order.\n", p.Name, i.Process.PID)
		return nil
	}
	a.printf("The gateway of profile %s stopped: process %d, which ran without a service.\n", p.Name, i.Process.PID)
	return nil
}

// sayEnding tells that a gateway is about to be stopped, which may take a while.
func (a *app) sayEnding(p profile.Profile, i profile.Instance) {
	state := ""
	if info, err := proc.Same(i.Process); err == nil && info.Stopped {
		state = ", which is suspended and woken for it"
	}
	fmt.Fprintf(a.Err, "clawdbot: stopping the gateway of profile %s: process %d%s\n", p.Name, i.Process.PID, state)
}
