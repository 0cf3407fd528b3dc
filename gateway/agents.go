package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// mainAgent is the agent that answers when none is named, and mainKey the key
// of its session.
const (
	mainAgent = "main"
	mainKey   = "main"
)

// hearAgents takes the answer of agent.summary. It is no news for clients: they
// get the runs' own events.
func (s *state) hearAgents(m *nats.Msg) {
	hear(m, func(a msg.AgentSummary) { s.keepAgents(a) })
}

func (s *state) keepAgents(a msg.AgentSummary) {
	if a.DefaultID == "" { // an error
		return
	}
	s.update(func(h *heard) bool {
		h.agents = a
		return false
	})
}

// agentsNow are the agents as of the last look, and before the first one.
func (h heard) agentsNow() msg.AgentSummary {
	a := h.agents
	if a.DefaultID == "" {
		a.DefaultID = mainAgent
		a.Agents = []msg.AgentSessions{{AgentID: mainAgent}}
	}
	if a.QueuedSystemEvents == nil {
		a.QueuedSystemEvents = []string{}
	}
	a.Agents = slices.Clone(a.Agents)
	for i := range a.Agents {
		if a.Agents[i].Recent == nil {
			a.Agents[i].Recent = []msg.RecentSession{}
		}
	}
	return a
}

// summaryTime is how long status waits for the agents.
const summaryTime = 300 * time.Millisecond

// serveStatus implements status. It asks the agents, for what was heard of them
// may be an interval old.
func (s *Server) serveStatus(ctx context.Context, _ *bus.Request) (any, error) {
	subj, err := s.cfg.Subjects.RPC("agent.summary")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, summaryTime)
	defer cancel()
	var a msg.AgentSummary
	if bus.Call(ctx, s.nc, subj, nil, &a) == nil { // else the last one must do
		s.state.keepAgents(a)
	}
	return s.statusNow(), nil
}

// fillHealth tells of the agents in health.
func fillHealth(h *msg.Health, agents msg.AgentSummary) {
	h.DefaultAgentID = agents.DefaultID
	h.Sessions = msg.SessionCount{Recent: []msg.RecentSession{}}
	for _, a := range agents.Agents {
		is := a.AgentID == agents.DefaultID
		h.Agents = append(h.Agents, msg.AgentHealth{AgentID: a.AgentID, IsDefault: is, Heartbeat: noHeartbeat(""), Sessions: a.SessionCount})
		if is {
			h.Sessions = a.SessionCount
		}
	}
}

// statusNow is the status of a gateway without heartbeats and built-in channels.
func (s *Server) statusNow() msg.Status {
	now := s.state.snapshot()
	agents := now.agentsNow()
	st := msg.Status{Condition: s.condition(now), ChannelSummary: []string{}, QueuedSystemEvents: agents.QueuedSystemEvents}
	st.Heartbeat.DefaultAgentID = agents.DefaultID
	st.Sessions = msg.StatusSessions{Paths: []string{}, Recent: []msg.RecentSession{}, ByAgent: agents.Agents}
	for _, a := range agents.Agents {
		st.Heartbeat.Agents = append(st.Heartbeat.Agents, noHeartbeat(a.AgentID))
		st.Sessions.Count += a.Count
		st.Sessions.Recent = append(st.Sessions.Recent, a.Recent...)
	}
	slices.SortFunc(st.Sessions.Recent, func(a, b msg.RecentSession) int { return int(b.UpdatedAt - a.UpdatedAt) })
	return st
}

func noHeartbeat(agent string) msg.AgentHeartbeat {
	return msg.AgentHeartbeat{AgentID: agent, Every: "disabled"}
}

// over says whether an event chat is a run's last one, after which the agents'
// sessions are not what they were.
func over(chat []byte) bool {
	var e struct{ State string }
	return json.Unmarshal(chat, &e) == nil && e.State != "delta"
}
