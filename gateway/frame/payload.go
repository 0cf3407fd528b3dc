package frame

import (
	"clawdbot/bus/msg"
	"clawdbot/profile/ports"
)

// Health is the payload of the method and the event health. Condition, Version,
// Components, Peers, Gateway and Ports are ours. OK says that the gateway is
// ready and none of its components failed.
type Health struct {
	OK               bool              `json:"ok"`
	TS               int64             `json:"ts"`
	DurationMs       int64             `json:"durationMs"` // what finding out took
	Channels         map[string]any    `json:"channels"`
	ChannelOrder     []string          `json:"channelOrder"`
	ChannelLabels    map[string]string `json:"channelLabels"`
	HeartbeatSeconds int64             `json:"heartbeatSeconds"` // 0 while there are no heartbeats
	DefaultAgentID   string            `json:"defaultAgentId"`
	Agents           []AgentHealth     `json:"agents"`
	Sessions         Sessions          `json:"sessions"`

	Condition
	Version    string          `json:"version"`
	Components []msg.Component `json:"components"`
	Peers      []msg.Peer      `json:"peers"`
	Gateway    Gateway         `json:"gateway"`
	Ports      ports.Ports     `json:"ports"`
}

// Condition is what Health and Status tell beside the original's keys.
type Condition struct {
	Profile     string       `json:"profile"`
	SafeMode    bool         `json:"safeMode"` // only the bus, health and repair run
	Generation  Generation   `json:"generation"`
	Incidents   Incidents    `json:"incidents"`
	Maintenance *Maintenance `json:"maintenance,omitempty"` // nil while none is announced
}

// Incidents are the troubles of peers that are not over.
type Incidents struct {
	Open   int       `json:"open"`
	Newest *Incident `json:"newest,omitempty"` // of the open ones; nil when there is none
}

// Incident is an open msg.Incident in short. Its method is incidents.show.
type Incident struct {
	ID      string            `json:"id"`
	Peer    string            `json:"peer"`
	Kind    msg.IncidentKind  `json:"kind"`
	State   msg.IncidentState `json:"state"`
	Summary string            `json:"summary"`
	Began   int64             `json:"began"`
}

// Maintenance is announced while a human works on the gateway; its peers leave
// it alone.
type Maintenance struct {
	Until  int64  `json:"until"` // Unix milliseconds
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"`
}

// Gateway is the process that answers.
type Gateway struct {
	PID        int       `json:"pid"`
	UptimeMs   int64     `json:"uptimeMs"`
	Phase      msg.Phase `json:"phase"`
	Detail     string    `json:"detail,omitempty"`
	LastBeatMs int64     `json:"lastBeatMs"` // age of its own last beat; -1 before the first
	Clients    int       `json:"clients"`
	ConfigPath string    `json:"configPath"`
	StateDir   string    `json:"stateDir"`
}

// Generation is the config that runs.
type Generation struct {
	Generation uint64   `json:"generation"`
	Source     string   `json:"source"`           // file, fallback, safe
	Reason     string   `json:"reason,omitempty"` // why it is not the file
	Verdict    string   `json:"verdict"`
	Warnings   []string `json:"warnings"`
}

// AgentHealth is one agent in Health.
type AgentHealth struct {
	AgentID   string    `json:"agentId"`
	IsDefault bool      `json:"isDefault"`
	Heartbeat Heartbeat `json:"heartbeat"`
	Sessions  Sessions  `json:"sessions"`
}

// Heartbeat is an agent's regular wake-up.
type Heartbeat struct {
	AgentID string `json:"agentId,omitempty"` // in Status only
	Enabled bool   `json:"enabled"`
	Every   string `json:"every"`
	EveryMs *int64 `json:"everyMs"` // null while disabled
}

// Sessions counts conversations.
type Sessions struct {
	Path   string    `json:"path"`
	Count  int       `json:"count"`
	Recent []Session `json:"recent"`
}

// Session is one conversation.
type Session struct {
	Key       string `json:"key"`
	UpdatedAt int64  `json:"updatedAt"`
}

// Status is the payload of the method status. Condition is ours.
type Status struct {
	Condition
	Heartbeat struct {
		DefaultAgentID string      `json:"defaultAgentId"`
		Agents         []Heartbeat `json:"agents"`
	} `json:"heartbeat"`
	ChannelSummary     []string       `json:"channelSummary"`
	QueuedSystemEvents []string       `json:"queuedSystemEvents"`
	Sessions           StatusSessions `json:"sessions"`
}

// StatusSessions is Sessions as Status has them.
type StatusSessions struct {
	Paths    []string `json:"paths"`
	Count    int      `json:"count"`
	Defaults struct {
		Model         *string `json:"model"` // null: none is set up
		ContextTokens *int    `json:"contextTokens"`
	} `json:"defaults"`
	Recent  []Session       `json:"recent"`
	ByAgent []AgentSessions `json:"byAgent"`
}

// AgentSessions are one agent's.
type AgentSessions struct {
	AgentID string `json:"agentId"`
	Sessions
}

// Presence is one line of system-presence: the gateway itself (Mode gateway,
// Reason self) and each client.
type Presence struct {
	Host       string   `json:"host"`
	IP         string   `json:"ip,omitempty"`
	Version    string   `json:"version,omitempty"`
	Platform   string   `json:"platform,omitempty"`
	Mode       string   `json:"mode"`
	DeviceID   string   `json:"deviceId,omitempty"`
	Roles      []string `json:"roles,omitempty"`
	Scopes     []string `json:"scopes,omitempty"`
	InstanceID string   `json:"instanceId,omitempty"`
	Reason     string   `json:"reason"`
	Text       string   `json:"text"`
	TS         int64    `json:"ts"`
}
