package agent

import (
	"context"
	"slices"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// defaultID is the agent of a config that lists none.
const defaultID = "main"

// serveBus puts the health, the subscriptions and the micro service on the bus.
func (a *Agent) serveBus(version string) (err error) {
	if a.health, err = bus.NewHealth(a.nc, a.subjects, name); err != nil {
		return err
	}
	if err := a.listen(); err != nil {
		return err
	}
	endpoints, err := a.deskEndpoints()
	if err != nil {
		return err
	}
	endpoints = append(endpoints, bus.Endpoint{Name: "in", Subject: a.subjects.Ins(), Handle: a.accept})
	for method, handle := range a.methods() {
		subj, err := a.subjects.RPC(method)
		if err != nil {
			return err
		}
		endpoints = append(endpoints, bus.Endpoint{Name: strings.ReplaceAll(method, ".", "-"), Subject: subj, Handle: handle})
	}
	a.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: version, Description: "takes messages, keeps sessions, answers",
		Profile: a.subjects.Profile(), Conn: a.nc, Endpoints: endpoints, Probe: a.probe,
	})
	return err
}

// methods are those of the control plane that the agent owns.
func (a *Agent) methods() map[string]bus.Handler {
	return map[string]bus.Handler{
		"sessions.list":      handle(a.sessionsList),
		"sessions.preview":   handle(a.sessionsPreview),
		"sessions.resolve":   handle(a.sessionsResolve),
		"sessions.patch":     a.sessionsPatch,
		"sessions.reset":     handle(a.sessionsReset),
		"sessions.delete":    handle(a.sessionsDelete),
		"sessions.compact":   handle(a.sessionsCompact),
		"chat.history":       handle(a.chatHistory),
		"chat.send":          handle(a.chatSend),
		"chat.abort":         handle(a.chatAbort),
		"chat.inject":        handle(a.chatInject),
		"agent":              handle(a.agentRun),
		"agent.wait":         handle(a.agentWait),
		"agent.identity.get": handle(a.agentIdentity),
		"agent.summary":      handle(a.agentSummary),
		"agents.list":        handle(func(context.Context, struct{}) (any, error) { return a.agentList(), nil }),
		"models.list":        handle(models),
		"send":               handle(a.send),
		"channels.status":    handle(channels),
		"channels.logout":    handle(channelsLogout),
		"wake":               handle(a.wakeUp),
		"last-heartbeat":     handle(a.lastHeartbeat),
		"set-heartbeats":     handle(a.setHeartbeats),
	}
}

// handle makes a handler of a method, whose params it decodes.
func handle[P any](do func(context.Context, P) (any, error)) bus.Handler {
	return func(ctx context.Context, req *bus.Request) (any, error) {
		var p P
		if err := req.Decode(&p); err != nil {
			return nil, err
		}
		return do(ctx, p)
	}
}

func (a *Agent) agentList() msg.AgentList {
	list := msg.AgentList{DefaultID: a.defaultAgent(), MainKey: mainKey, Scope: "per-sender", Agents: []msg.AgentRow{}}
	for _, agent := range a.agents.List {
		list.Agents = append(list.Agents, msg.AgentRow{ID: agent.ID})
	}
	if len(list.Agents) == 0 {
		list.Agents = []msg.AgentRow{{ID: defaultID}}
	}
	return list
}

// defaultAgent is the agent that answers when none is named.
func (a *Agent) defaultAgent() string {
	id := defaultID
	for i, agent := range a.agents.List {
		if agent.Default {
			return agent.ID
		}
		if i == 0 {
			id = agent.ID
		}
	}
	return id
}

func (a *Agent) hasAgent(id string) bool {
	return slices.Contains(a.agentList().Agents, msg.AgentRow{ID: id})
}

// recentSessions is how many sessions the summary names of each agent.
const recentSessions = 5

// agentSummary is for the gateway's health and status.
func (a *Agent) agentSummary(context.Context, struct{}) (any, error) {
	list := a.agentList()
	sum := msg.AgentSummary{DefaultID: list.DefaultID, QueuedSystemEvents: []string{}}
	of := map[string][]msg.RecentSession{}
	for e, err := range a.sessions.All() {
		if err != nil {
			return nil, err
		}
		of[agentOf(e.ID)] = append(of[agentOf(e.ID)], msg.RecentSession{Key: e.ID, UpdatedAt: e.Value.UpdatedAt})
	}
	for _, row := range list.Agents {
		sessions := append([]msg.RecentSession{}, of[row.ID]...)
		slices.SortFunc(sessions, func(a, b msg.RecentSession) int { return int(b.UpdatedAt - a.UpdatedAt) })
		is := msg.AgentSessions{AgentID: row.ID}
		is.Count, is.Recent = len(sessions), sessions[:min(len(sessions), recentSessions)]
		sum.Agents = append(sum.Agents, is)
	}
	for r, err := range a.events.From(1) {
		if err != nil {
			return nil, err
		}
		sum.QueuedSystemEvents = append(sum.QueuedSystemEvents, r.Value.Text)
	}
	h, err := a.heartbeatState()
	sum.Heartbeats = !h.Off
	return sum, err
}

func models(context.Context, struct{}) (any, error) { return msg.ModelList{Models: []msg.Model{}}, nil }

func channels(context.Context, msg.ChannelQuery) (any, error) {
	return msg.ChannelStatus{
		TS:                      time.Now().UnixMilli(),
		ChannelOrder:            []string{},
		ChannelLabels:           map[string]string{},
		ChannelDetailLabels:     map[string]string{},
		ChannelSystemImages:     map[string]string{},
		ChannelMeta:             []struct{}{},
		Channels:                map[string]struct{}{},
		ChannelAccounts:         map[string]struct{}{},
		ChannelDefaultAccountID: map[string]string{},
	}, nil
}

func channelsLogout(_ context.Context, p msg.ChannelLogout) (any, error) {
	return nil, bus.Errorf(bus.CodeInvalidRequest, "channel: %.64q is not built in, so there is no login to end; its connector has it", p.Channel)
}
