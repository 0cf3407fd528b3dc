package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"

	"clawdbot/bus"
	"clawdbot/profile"
	"clawdbot/profile/store"
)

// grants is where named bus users are kept.
func grants(s *store.Store) store.Keyspace[bus.User] {
	return store.NewKeyspace[bus.User](s, "bus", "grant")
}

// mesh keeps the bus's peers, and this gateway's own entry, in step with the
// registry.
func (d *daemon) mesh(ctx context.Context) error {
	changed, stop := d.Profile.Registry.Watch()
	defer stop()
	for {
		if err := errors.Join(d.updateMembers(), d.keepEntry()); err != nil { // tried again when the watch tells next
			d.log.Warn("host registry and bus members", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// updateMembers gives the bus the users and peers of the store and the registry.
// One at a time, so that an older look never follows a newer one.
func (d *daemon) updateMembers() error {
	d.meshing.Lock()
	defer d.meshing.Unlock()
	m, err := d.busMembers()
	if err != nil {
		return err
	}
	if err := d.bus.Update(m); err != nil {
		return err
	}
	d.members = m
	return nil
}

// currentMembers are those that the bus has now; the slices are not the caller's.
func (d *daemon) currentMembers() bus.Members {
	d.meshing.Lock()
	defer d.meshing.Unlock()
	return d.members
}

// keepEntry writes this gateway's entry again when somebody removed or damaged it.
func (d *daemon) keepEntry() error {
	if _, err := d.Profile.Registry.Get(d.Profile.Name); err == nil {
		return nil
	}
	d.meshing.Lock()
	defer d.meshing.Unlock()
	_, err := d.Profile.Registry.Update(func([]profile.Instance) (profile.Instance, error) { return d.instance, nil })
	return err
}

// busMembers is who may use the bus from now on.
func (d *daemon) busMembers() (bus.Members, error) {
	sp := d.Profile.Subjects()
	debug, err := profile.Secret(d.Profile.BusKey(bus.UserDebug))
	if err != nil {
		return bus.Members{}, refuse("", "%w", err)
	}
	ingress, err := profile.Secret(d.Profile.BusKey(bus.UserIngress))
	if err != nil {
		return bus.Members{}, refuse("", "%w", err)
	}
	m := bus.Members{Users: []bus.User{bus.DebugUser(sp, debug), bus.IngressUser(sp, ingress)}}
	for e, err := range grants(d.store).All() {
		if err != nil {
			return bus.Members{}, err
		}
		m.Users = append(m.Users, e.Value)
	}
	m.Peers = d.peers()
	return m, nil
}

// peers are the other profiles of the host that may link.
func (d *daemon) peers() []bus.Peer {
	if !d.config().Bus.Link.Enabled {
		return nil
	}
	d.known, _ = d.Profile.Registry.ByBus(d.known) // rescue tells of entries that cannot be read
	var peers []bus.Peer
	for _, name := range slices.Sorted(maps.Keys(d.known)) {
		i := d.known[name]
		if name == d.Profile.Bus() || !d.settings().watches(i.Profile) {
			continue
		}
		secret, err := d.Profile.Registry.PairSecret(d.Profile.Bus(), name)
		if err != nil { // the other links need not suffer from it
			d.log.Warn("no link to "+name, "err", err)
			continue
		}
		p := bus.Peer{Bus: name, Secret: secret}
		if i.Process.PID != 0 { // one that was stopped in order is not called again and again
			p.Addr = i.LinkAddr
		}
		peers = append(peers, p)
	}
	return peers
}
