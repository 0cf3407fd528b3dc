package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

// startCore serves the methods of what has no component of its own: config,
// store, bus and log.
func (d *daemon) startCore(context.Context) error {
	nc, err := d.dial("core")
	if err != nil {
		return err
	}
	d.push("core connection", func() error { nc.Close(); return nil })
	var endpoints []bus.Endpoint
	for method, handle := range map[string]bus.Handler{
		"config.get": d.configGet, "config.schema": d.configSchema, "config.set": d.configSet, "config.patch": d.configPatch,
		"config.plan": d.configPlan, "config.apply": d.configApply,
		"generations.list": d.generationsList, "generations.show": d.generationsShow, "generations.rollback": d.generationsRollback,
		"ports.list": d.portsList, "profiles.list": d.profilesList, "update.run": d.updateRun,
		"component.list": d.componentList, "component.restart": d.componentRestart,
		"state.ls": d.stateList, "state.get": d.stateGet, "state.checkpoint": d.stateCheckpoint, "state.verify": d.stateVerify,
		"bus.info": d.busInfo, "bus.users": d.busUsers, "bus.grant": d.busGrant, "bus.revoke": d.busRevoke,
		"logs.tail": d.logsTail,
	} {
		subj, err := d.Profile.Subjects().RPC(method)
		if err != nil {
			return err
		}
		endpoints = append(endpoints, bus.Endpoint{Name: strings.ReplaceAll(method, ".", "-"), Subject: subj, Handle: handle})
	}
	svc, err := bus.Serve(bus.ServiceConfig{
		Name: "core", Version: d.Version, Description: "config, store, bus and log of the gateway",
		Profile: d.Profile.Bus(), Conn: nc, Endpoints: endpoints,
	})
	if err != nil {
		return err
	}
	d.push("core", svc.Stop)
	return nil
}

func (d *daemon) stateList(_ context.Context, r *bus.Request) (any, error) {
	q := msg.StateList{Limit: 1000}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	keys, err := d.store.List(q.Prefix, q.Limit)
	if err != nil {
		return nil, err
	}
	list := msg.StateKeys{Keys: []msg.StateKey{}}
	for _, k := range keys {
		list.Keys = append(list.Keys, msg.StateKey(k))
	}
	return list, nil
}

func (d *daemon) stateGet(_ context.Context, r *bus.Request) (any, error) {
	var q msg.StateGet
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	value, err := d.store.GetRaw(q.Key)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "no key %q in the store", q.Key)
	}
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(q.Key, "config/generation/") {
		value = withoutSecrets(value)
	}
	return msg.StateValue{Key: q.Key, Value: tape.NewRedactor(d.secrets()).Redact(value)}, nil
}

// withoutSecrets is a generation whose texts, which hold its secrets encoded, have
// them hidden.
func withoutSecrets(value []byte) []byte {
	var g config.Generation
	if json.Unmarshal(value, &g) != nil {
		return []byte("null")
	}
	for i := range g.Files {
		g.Files[i].Text, _ = config.RedactText(g.Files[i].Text) // nil when it cannot be read
	}
	safe, _ := json.Marshal(g) // it has just been read from JSON
	return safe
}

func (d *daemon) stateCheckpoint(context.Context, *bus.Request) (any, error) {
	path, err := d.store.Backup()
	if err != nil {
		return nil, err
	}
	return msg.StateCheckpoint{Path: path}, nil
}

func (d *daemon) stateVerify(ctx context.Context, _ *bus.Request) (any, error) {
	return d.store.Verify(ctx)
}

func (d *daemon) busInfo(context.Context, *bus.Request) (any, error) {
	stats, err := d.bus.Stats()
	if err != nil {
		return nil, err
	}
	info := msg.BusInfo{
		Name: d.Profile.Bus(), Port: d.bus.ClientPort(), LinkAddr: d.bus.LinkAddr(), Context: bus.ContextName(d.Profile.Bus()),
		Clients: stats.Clients, Links: stats.Links, InMsgs: stats.InMsgs, OutMsgs: stats.OutMsgs,
		InBytes: stats.InBytes, OutBytes: stats.OutBytes, SlowConsumers: stats.Slow, Peers: []string{},
	}
	for _, p := range d.currentMembers().Peers {
		info.Peers = append(info.Peers, p.Bus)
	}
	return info, nil
}

func (d *daemon) busUsers(context.Context, *bus.Request) (any, error) {
	list := msg.BusUsers{Users: []msg.BusUser{}}
	for _, u := range d.currentMembers().Users {
		list.Users = append(list.Users, msg.BusUser{Name: u.Name, Publish: u.Publish, Subscribe: u.Subscribe})
	}
	return list, nil
}

// busGrant makes or replaces a named user, who can connect when the answer comes.
// The answer is the only place that shows its password.
func (d *daemon) busGrant(_ context.Context, r *bus.Request) (any, error) {
	var asked msg.BusUser
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	u := bus.User{Name: asked.Name, Publish: asked.Publish, Subscribe: asked.Subscribe}
	if err := bus.CheckGrant(d.Profile.Subjects(), u); err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	u.Password = fmt.Sprintf("%x", randomBytes(32))
	if err := grants(d.store).Put(u.Name, u); err != nil {
		return nil, err
	}
	if err := d.updateMembers(); err != nil {
		return nil, err
	}
	return msg.BusGrant{
		User: u.Name, Password: u.Password, InboxPrefix: bus.InboxPrefix(u.Name), Port: d.bus.ClientPort(),
		Publish: u.Publish, Subscribe: u.Subscribe,
	}, nil
}

func (d *daemon) busRevoke(_ context.Context, r *bus.Request) (any, error) {
	var u msg.BusRevoke
	if err := r.Decode(&u); err != nil {
		return nil, err
	}
	all := grants(d.store)
	if _, err := all.Get(u.Name); err != nil {
		var names []string
		for e, err := range all.All() {
			if err == nil {
				names = append(names, e.ID)
			}
		}
		slices.Sort(names)
		return nil, bus.Errorf(bus.CodeInvalidRequest, "no grant named %q; there are: %s", u.Name, cmp.Or(strings.Join(names, ", "), "none"))
	}
	if err := all.Delete(u.Name); err != nil {
		return nil, err
	}
	if err := d.updateMembers(); err != nil {
		return nil, err
	}
	return msg.BusRevoked{Revoked: u.Name}, nil
}
