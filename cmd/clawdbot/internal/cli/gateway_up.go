package cli

import (
	"context"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/service"
)

const (
	keeperTimeout = time.Second // for a clawdbot up to answer; one that is suspended does not
	memberStart   = time.Minute // as long as systemd lets a start take
)

// fleetOf is the clawdbot up that keeps the profile's gateway, and what it says
// of it, if there is one.
func (a *app) fleetOf(ctx context.Context, p profile.Profile) (*service.Host, service.Status, bool) {
	i, err := p.Registry.Get(p.Name)
	if err != nil || !i.Is(p) || i.Manager != string(service.Up) {
		return nil, service.Status{}, false
	}
	socket, err := p.Registry.Keeper(i)
	if err != nil {
		return nil, service.Status{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, keeperTimeout)
	defer cancel()
	host := service.Fleet(socket)
	view, err := host.Status(ctx, p.Name)
	view.Unit = "clawdbot up (" + p.Name + ")"
	return host, view, err == nil && view.Installed
}

// awaitMember waits until a gateway that a clawdbot up has started answers.
func (a *app) awaitMember(ctx context.Context, p profile.Profile, host *service.Host) error {
	ctx, cancel := context.WithTimeout(ctx, memberStart)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := a.look(ctx, p); err == nil {
			return nil
		}
		view, err := host.Status(ctx, p.Name)
		if err != nil {
			return err
		}
		if view.State == service.UpGaveUp || view.State == service.UpStopped {
			return &service.StartError{Status: view}
		}
		select {
		case <-ctx.Done():
			return &service.StartError{Status: view}
		case <-tick.C:
		}
	}
}
