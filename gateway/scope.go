package gateway

import (
	"slices"
	"strings"

	"clawdbot/gateway/frame"
)

// nodeOnly is what methods need that only nodes may call.
const nodeOnly = "node"

// methodScope returns the scope that a method needs, by the original's table. A
// method that it does not know, such as a service's own, needs admin; so does all
// of config, which tells of files and the environment.
func methodScope(method string) string {
	switch method {
	case "health", "logs.tail", "channels.status", "status", "models.list", "agents.list", "agent.identity.get",
		"skills.status", "voicewake.get", "sessions.list", "sessions.preview", "cron.list", "cron.status", "cron.runs",
		"system-presence", "last-heartbeat", "node.list", "node.describe", "chat.history",
		"peers.list", "incidents.list", "incidents.show", "rescue.status", "component.list", "record.stats": // ours
		return frame.ScopeRead
	case "send", "agent", "agent.wait", "wake", "talk.mode", "voicewake.set", "node.invoke", "chat.send", "chat.abort",
		"canvas.url", "canvas.status": // ours
		return frame.ScopeWrite
	case "node.rename":
		return frame.ScopePairing
	case "node.invoke.result", "node.event", "skills.bins":
		return nodeOnly
	}
	for _, p := range []struct{ prefix, scope string }{
		{"usage.", frame.ScopeRead}, {"tts.", frame.ScopeWrite},
		{"node.pair.", frame.ScopePairing}, {"device.", frame.ScopePairing},
		{"exec.approval.", frame.ScopeApprovals},
	} {
		if strings.HasPrefix(method, p.prefix) {
			return p.scope
		}
	}
	return frame.ScopeAdmin
}

// ownEvents are the events that this gateway sends, to everyone.
func ownEvents() []string { return []string{"presence", "tick", "shutdown", "health"} }

// eventScope returns the scope that an event needs; "" needs none.
func eventScope(event string) string {
	switch {
	case slices.Contains(ownEvents(), event):
		return ""
	case strings.HasPrefix(event, "node.pair."), strings.HasPrefix(event, "device.pair."):
		return frame.ScopePairing
	case strings.HasPrefix(event, "exec.approval."):
		return frame.ScopeApprovals
	}
	return frame.ScopeRead
}

// holds says whether an operator with these scopes has the one needed. Who may
// write may read.
func holds(scopes []string, need string) bool {
	switch {
	case need == "":
		return true
	case need == nodeOnly:
		return false
	case slices.Contains(scopes, frame.ScopeAdmin), slices.Contains(scopes, need):
		return true
	}
	return need == frame.ScopeRead && slices.Contains(scopes, frame.ScopeWrite)
}
