package daemon

import (
	"context"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
)

// portsList tells the ports of every profile of the host, and who holds them.
func (d *daemon) portsList(ctx context.Context, _ *bus.Request) (any, error) {
	known, err := d.Profile.Known()
	if err != nil {
		return nil, err
	}
	list := msg.PortsList{Profiles: []msg.ProfilePorts{}}
	for _, i := range known {
		row := msg.ProfilePorts{Profile: i.Profile, Running: i.Alive(), Ports: i.Ports, Holders: []msg.PortUse{}}
		for _, l := range i.Ports.Listeners() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			info, err := d.Profile.ExplainPort(l.Port)
			if err != nil {
				return nil, err
			}
			row.Holders = append(row.Holders, portUse(l.Component, info))
		}
		list.Profiles = append(list.Profiles, row)
	}
	list.NextFree, err = d.Profile.NextBase()
	return list, err
}

func portUse(component string, info profile.PortInfo) msg.PortUse {
	return msg.PortUse{
		Port: info.Port, Component: component, State: string(info.State), PID: info.PID, Program: info.Program, Summary: info.Summary, Try: info.Try,
	}
}

// profilesList tells what the host's registry knows of every profile.
func (d *daemon) profilesList(context.Context, *bus.Request) (any, error) {
	known, err := d.Profile.Known()
	if err != nil {
		return nil, err
	}
	list := msg.ProfilesList{Profiles: []msg.ProfileInfo{}}
	for _, i := range known {
		row := msg.ProfileInfo{
			Profile: i.Profile, Bus: i.Bus, Own: i.Is(d.Profile), Running: i.Alive(), Version: i.Version, Ports: i.Ports,
			ConfigPath: i.ConfigPath, StateDir: i.StateDir, Workspace: i.Workspace, Unit: i.Unit, StartedAt: i.StartedAt,
		}
		if row.Running {
			row.PID = i.Process.PID
		}
		list.Profiles = append(list.Profiles, row)
	}
	return list, nil
}

// updateRun refuses: a program that replaces itself cannot be trusted to come
// back.
func (d *daemon) updateRun(context.Context, *bus.Request) (any, error) {
	return nil, bus.Errorf(bus.CodeUnavailable, "update.run is not supported here: install the new clawdbot beside this one, then run: %s", d.Profile.Command("gateway restart"))
}
