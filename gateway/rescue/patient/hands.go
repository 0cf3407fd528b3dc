// Package patient is what a rescue can do to a peer outside the bus, and learn
// of it there: from its service manager, process, log, config and store.
//
// Nothing here needs the peer to work. Reading takes nothing from it: no lock,
// no port, no byte in its folders, so that it may start at any moment. Only a
// process that is proven to be the peer's gateway is ever ended.
package patient

import (
	"context"
	"errors"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

// abortPatience is how long a process may take to write its stacks before it is
// killed, and then to go.
const abortPatience = 2 * time.Second

// Hands implements rescue.Hands. It keeps no state between calls and is safe for
// use by many goroutines.
type Hands struct{ own profile.Profile }

// New returns the hands of the gateway of a profile. Its environment reaches the
// service manager; copies of a peer's stacks are kept in its state folder.
func New(own profile.Profile) *Hands { return &Hands{own} }

// Status is what the peer's own service manager says, or service.ErrNoManager.
func (h *Hands) Status(ctx context.Context, peer profile.Instance) (service.Status, error) {
	manager, err := h.manager(peer)
	if err != nil {
		return service.Status{}, err
	}
	return manager.Status(ctx, peer.Profile)
}

// Restart has the peer's manager end and start it.
func (h *Hands) Restart(ctx context.Context, peer profile.Instance) error {
	manager, err := h.manager(peer)
	if err != nil {
		return err
	}
	return manager.Restart(ctx, peer.Profile)
}

// Start has the peer's manager start it, also after it gave up.
func (h *Hands) Start(ctx context.Context, peer profile.Instance) error {
	manager, err := h.manager(peer)
	if err != nil {
		return err
	}
	return manager.Start(ctx, peer.Profile)
}

// manager is the one that started the peer, which needs not be the host's.
func (h *Hands) manager(peer profile.Instance) (*service.Host, error) {
	keeper, err := h.own.Registry.Keeper(peer)
	if err != nil {
		return nil, err
	}
	return service.Of(peer.Manager, keeper, h.own.Env().Get)
}

// Abort ends the peer's process so that its stacks stay, and returns their path.
// What is gone already is no error; what is not proven to be the peer's gateway
// is left alone, with profile.ErrNotProven.
func (h *Hands) Abort(ctx context.Context, peer profile.Instance) (stacks string, err error) {
	began := time.Now()
	if err := h.end(ctx, peer, proc.Abort); err != nil {
		return "", err
	}
	return h.keepStacks(peer, began)
}

// Kill is Abort without the stacks.
func (h *Hands) Kill(ctx context.Context, peer profile.Instance) error {
	return h.end(ctx, peer, proc.Kill)
}

// end proves the process and ends it in the way given.
func (h *Hands) end(ctx context.Context, peer profile.Instance, way func(context.Context, proc.Identity, string, time.Duration) error) error {
	switch err := h.own.Registry.Prove(peer); {
	case errors.Is(err, proc.ErrGone):
		return nil
	case err != nil:
		return err
	}
	return way(ctx, peer.Process, peer.Exe, abortPatience)
}
