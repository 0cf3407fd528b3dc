package daemon

import (
	"context"
	"strings"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// componentList tells of each component how it is and what it last did when it
// was asked for a piece of its work.
func (d *daemon) componentList(ctx context.Context, _ *bus.Request) (any, error) {
	var beat msg.Beat
	if err := bus.Call(ctx, d.super.nc, d.Profile.Subjects().Ping(), nil, &beat); err != nil {
		return nil, err
	}
	list := make([]msg.ComponentInfo, 0, len(beat.Components))
	for _, c := range beat.Components {
		info := msg.ComponentInfo{Component: c}
		if p, ok := d.part(c.Name); ok {
			info.Restarts, info.Since = p.restarts(), p.upSince()
			seen := d.asking.look(c.Name)
			info.ProbedAt, info.Probe = seen.at, seen.last
			if seen.err != nil {
				info.ProbeError = seen.err.Error()
			}
		}
		list = append(list, info)
	}
	return msg.ComponentList{Components: list}, nil
}

// componentRestart gives one component a new life and leaves the others alone.
func (d *daemon) componentRestart(ctx context.Context, r *bus.Request) (any, error) {
	var q msg.ComponentRestart
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	p, ok := d.part(q.Name)
	if !ok {
		var names []string
		for _, p := range d.parts {
			names = append(names, p.name)
		}
		return nil, bus.Errorf(bus.CodeInvalidRequest, "no component %q; there are: %s", q.Name, strings.Join(names, ", "))
	}
	if p.upSince().IsZero() && !p.on(d.settings()) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%s does not run: it is switched off by the config, or this is safe mode", q.Name)
	}
	if last(p.name) == 1 { // the answer would not come through it
		if err := p.give(ctx, p.newOrder(nil)); err != nil {
			return nil, err
		}
		return msg.ComponentRestarted{Restarting: q.Name}, nil
	}
	if err := p.restart(ctx, nil); err != nil {
		return nil, err
	}
	return msg.ComponentRestarted{Restarted: q.Name}, nil
}
