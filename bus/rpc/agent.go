package rpc

import (
	"time"

	"clawdbot/bus/msg"
)

func agentMethods() []Method {
	return []Method{
		method[msg.SessionQuery, msg.SessionList]("sessions.list", Read, "Lists the sessions, the last used first."),
		method[msg.SessionPreview, msg.SessionPreviews]("sessions.preview", Read, "Tells the beginning of the last messages of some sessions."),
		method[msg.SessionResolve, msg.SessionResolved]("sessions.resolve", Read, "Finds the key of a session."),
		method[msg.SessionPatch, msg.SessionPatched]("sessions.patch", Admin, "Changes the settings of a session; null clears one."),
		method[msg.SessionKey, msg.SessionReset]("sessions.reset", Admin, "Begins a session anew: its runs are aborted and its messages removed, its settings stay."),
		method[msg.SessionDelete, msg.SessionDeleted]("sessions.delete", Admin, "Removes a session with its messages; the main session is refused."),
		method[msg.SessionCompact, msg.SessionCompacted]("sessions.compact", Admin, "Removes all but the last messages of a session."),

		method[msg.ChatQuery, msg.ChatHistory]("chat.history", Read, "Tells the last messages of a session."),
		method[msg.ChatSend, msg.ChatSent]("chat.send", Write, "Puts a message into a session and starts a run; events chat and agent tell how it goes."),
		method[msg.ChatAbort, msg.ChatAborted]("chat.abort", Write, "Ends a run, or all runs of a session."),
		method[msg.ChatInject, msg.ChatInjected]("chat.inject", Admin, "Puts a text into a session as the agent's, without a run."),

		method[msg.AgentRun, msg.AgentAccepted]("agent", Write, "Starts a run; a second response tells its end.", then("agent.wait")),
		method[msg.AgentWait, msg.AgentDone]("agent.wait", Write, "Waits for the end of a run.", within(24*time.Hour+time.Minute)),
		method[msg.AgentIdentityQuery, msg.AgentIdentity]("agent.identity.get", Read, "Tells who an agent is."),
		method[None, msg.AgentSummary]("agent.summary", Read, "Tells what health and status say of the agents."),
		method[None, msg.AgentList]("agents.list", Read, "Lists the agents."),
		method[None, msg.ModelList]("models.list", Read, "Lists the models; there is none yet."),

		method[msg.Send, msg.SendAccepted]("send", Write, "Sends a text on a channel; it is kept until the channel's connector takes it."),
		method[msg.ChannelQuery, msg.ChannelStatus]("channels.status", Read, "Tells of the channels that are built in; there is none yet."),
		method[msg.ChannelLogout, None]("channels.logout", Admin, "Is refused: no channel is built in."),

		method[msg.Wake, msg.Woken]("wake", Write, "Tells the main session a text."),
		method[None, *msg.LastHeartbeat]("last-heartbeat", Read, "Tells of the last heartbeat, null until one ran."),
		method[msg.Heartbeats, msg.HeartbeatsSet]("set-heartbeats", Admin, "Switches heartbeats on or off, over restarts too."),
	}
}

func agentEvents() []Event {
	return []Event{
		event[msg.ChatEvent]("chat", Read, "A run's answer as it grows, and its end."),
		event[msg.AgentEvent]("agent", Read, "A run step by step."),
		event[msg.LastHeartbeat]("heartbeat", Read, "How a heartbeat went."),
	}
}
