package agent

import (
	"context"
	"time"

	"clawdbot/bus"
)

// defaultID is the agent of a config that lists none, and the main session's key.
const defaultID = "main"

type agentRow struct {
	ID string `json:"id"`
}

// agentList is the answer of rpc.agents.list.
type agentList struct {
	DefaultID string     `json:"defaultId"`
	MainKey   string     `json:"mainKey"`
	Scope     string     `json:"scope"`
	Agents    []agentRow `json:"agents"`
}

// sessionList is the answer of rpc.sessions.list. Sessions are a model's, and
// there is none yet.
type sessionList struct {
	TS       int64           `json:"ts"`
	Path     string          `json:"path"`
	Count    int             `json:"count"`
	Defaults sessionDefaults `json:"defaults"`
	Sessions []struct{}      `json:"sessions"`
}

type sessionDefaults struct {
	Model         *string `json:"model"`         // null: none is configured
	ContextTokens *int    `json:"contextTokens"` // null: no model, no limit
}

// channelStatus is the answer of rpc.channels.status. No channel is built in yet.
type channelStatus struct {
	TS                      int64               `json:"ts"`
	ChannelOrder            []string            `json:"channelOrder"`
	ChannelLabels           map[string]string   `json:"channelLabels"`
	ChannelDetailLabels     map[string]string   `json:"channelDetailLabels"`
	ChannelSystemImages     map[string]string   `json:"channelSystemImages"`
	ChannelMeta             []struct{}          `json:"channelMeta"`
	Channels                map[string]struct{} `json:"channels"`
	ChannelAccounts         map[string]struct{} `json:"channelAccounts"`
	ChannelDefaultAccountID map[string]string   `json:"channelDefaultAccountId"`
}

// modelList is the answer of rpc.models.list.
type modelList struct {
	Models []struct{} `json:"models"`
}

// serveBus puts the health, the subscriptions and the micro service on the bus.
func (a *Agent) serveBus(version string) (err error) {
	if a.health, err = bus.NewHealth(a.nc, a.subjects, name); err != nil {
		return err
	}
	if err := a.listen(); err != nil {
		return err
	}
	endpoints := []bus.Endpoint{{Name: "in", Subject: a.subjects.Ins(), Handle: a.accept}}
	for _, m := range []struct {
		method, endpoint string
		answer           func() any
	}{
		{"agents.list", "agents-list", a.agentList},
		{"sessions.list", "sessions-list", sessions},
		{"channels.status", "channels-status", channels},
		{"models.list", "models-list", func() any { return modelList{Models: []struct{}{}} }},
	} {
		subj, err := a.subjects.RPC(m.method)
		if err != nil {
			return err
		}
		handle := func(context.Context, *bus.Request) (any, error) { return m.answer(), nil }
		endpoints = append(endpoints, bus.Endpoint{Name: m.endpoint, Subject: subj, Handle: handle})
	}
	a.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: version, Description: "takes messages, answers commands",
		Profile: a.subjects.Profile(), Conn: a.nc, Endpoints: endpoints, Probe: a.probe,
	})
	return err
}

func (a *Agent) agentList() any {
	list := agentList{DefaultID: defaultID, MainKey: defaultID, Scope: "per-sender", Agents: []agentRow{{ID: defaultID}}}
	for i, agent := range a.agents.List {
		if i == 0 {
			list.DefaultID, list.Agents = agent.ID, nil
		}
		list.Agents = append(list.Agents, agentRow{ID: agent.ID})
	}
	for _, agent := range a.agents.List {
		if agent.Default {
			list.DefaultID = agent.ID
			break
		}
	}
	return list
}

func sessions() any {
	return sessionList{TS: time.Now().UnixMilli(), Sessions: []struct{}{}}
}

func channels() any {
	return channelStatus{
		TS:                      time.Now().UnixMilli(),
		ChannelOrder:            []string{},
		ChannelLabels:           map[string]string{},
		ChannelDetailLabels:     map[string]string{},
		ChannelSystemImages:     map[string]string{},
		ChannelMeta:             []struct{}{},
		Channels:                map[string]struct{}{},
		ChannelAccounts:         map[string]struct{}{},
		ChannelDefaultAccountID: map[string]string{},
	}
}
