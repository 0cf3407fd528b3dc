package daemon

import (
	"context"
	"reflect"
	"slices"

	"clawdbot/bus"
	"clawdbot/profile"
	"clawdbot/profile/store"
)

// grants is where named bus users are kept.
func grants(s *store.Store) store.Keyspace[bus.User] {
	return store.NewKeyspace[bus.User](s, "bus", "grant")
}

// mesh keeps the bus's users and peers as the store and the registry have them.
func (d *daemon) mesh(ctx context.Context) error {
	changed, stop, err := d.Profile.Registry.Watch()
	if err != nil {
		return err
	}
	defer stop()
	current, err := d.busMembers()
	if err != nil {
		return err
	}
	if err := d.bus.Update(current); err != nil { // the registry may have changed since the start
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-d.members:
		}
		next, err := d.busMembers()
		if err != nil {
			d.log.Warn("bus members", "err", err)
			continue
		}
		if reflect.DeepEqual(next, current) {
			continue
		}
		if err := d.bus.Update(next); err != nil {
			d.log.Warn("bus members", "err", err)
			continue
		}
		current = next
	}
}

// busMembers is who may use the bus now.
func (d *daemon) busMembers() (bus.Members, error) {
	sp := d.Profile.Subjects()
	debug, err := profile.Secret(d.Profile.BusKey(bus.UserDebug))
	if err != nil {
		return bus.Members{}, err
	}
	ingress, err := profile.Secret(d.Profile.BusKey(bus.UserIngress))
	if err != nil {
		return bus.Members{}, err
	}
	m := bus.Members{Users: []bus.User{bus.DebugUser(sp, debug), bus.IngressUser(sp, ingress)}}
	for e, err := range grants(d.store).All() {
		if err != nil {
			return bus.Members{}, err
		}
		m.Users = append(m.Users, e.Value)
	}
	m.Peers, err = d.peers()
	return m, err
}

// peers are the other profiles of the host that may link.
func (d *daemon) peers() ([]bus.Peer, error) {
	if !d.choice.Loaded.Config.Bus.Link.Enabled {
		return nil, nil
	}
	list, err := d.Profile.Registry.List()
	if err != nil {
		d.log.Warn("host registry", "err", err)
	}
	var peers []bus.Peer
	for _, i := range list {
		if i.Bus == d.Profile.Bus() || !d.watches(i.Profile) {
			continue
		}
		secret, err := d.Profile.Registry.PairSecret(d.Profile.Bus(), i.Bus)
		if err != nil {
			return nil, err
		}
		p := bus.Peer{Bus: i.Bus, Secret: secret}
		if i.Process.PID != 0 { // one that was stopped in order is not called again and again
			p.Addr = i.LinkAddr
		}
		peers = append(peers, p)
	}
	return peers, nil
}

// watches says whether the config lets the profile be a peer.
func (d *daemon) watches(name string) bool {
	allowed := d.choice.Loaded.Config.Rescue.Peers
	return allowed == nil || slices.Contains(allowed, name)
}
