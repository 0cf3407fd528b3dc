package msg

import "clawdbot/profile/ports"

// HealthQuery is asked of rpc.health. What is known is fresh, so Probe changes
// nothing.
type HealthQuery struct {
	Probe bool `json:"probe,omitempty"`
}

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
	Sessions         SessionCount      `json:"sessions"`

	Condition
	Version    string      `json:"version"`
	Components []Component `json:"components"`
	Peers      []Peer      `json:"peers"`
	Gateway    GatewayInfo `json:"gateway"`
	Ports      ports.Ports `json:"ports"`
}

// Condition is what Health and Status tell beside the original's keys.
type Condition struct {
	Profile     string        `json:"profile"`
	SafeMode    bool          `json:"safeMode"` // only the bus, health and repair run
	Generation  Generation    `json:"generation"`
	Incidents   OpenIncidents `json:"incidents"`
	Maintenance *Maintenance  `json:"maintenance,omitempty"` // nil while none is announced
}

// OpenIncidents are the troubles of peers that are not over.
type OpenIncidents struct {
	Open   int            `json:"open"`
	Newest *IncidentBrief `json:"newest,omitempty"` // of the open ones; nil when there is none
}

// IncidentBrief is an open Incident in short. Its method is incidents.show.
type IncidentBrief struct {
	ID      string        `json:"id"`
	Peer    string        `json:"peer"`
	Kind    IncidentKind  `json:"kind"`
	State   IncidentState `json:"state"`
	Summary string        `json:"summary"`
	Began   int64         `json:"began"`
}

// Maintenance is announced while a human works on the gateway; its peers leave
// it alone.
type Maintenance struct {
	Until  int64  `json:"until"` // Unix milliseconds
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"`
}

// GatewayInfo is the process that answers.
type GatewayInfo struct {
	PID        int    `json:"pid"`
	UptimeMs   int64  `json:"uptimeMs"`
	Phase      Phase  `json:"phase"`
	Detail     string `json:"detail,omitempty"`
	LastBeatMs int64  `json:"lastBeatMs"` // age of its own last beat; -1 before the first
	Clients    int    `json:"clients"`
	ConfigPath string `json:"configPath"`
	StateDir   string `json:"stateDir"`
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
	AgentID   string         `json:"agentId"`
	IsDefault bool           `json:"isDefault"`
	Heartbeat AgentHeartbeat `json:"heartbeat"`
	Sessions  SessionCount   `json:"sessions"`
}

// AgentHeartbeat is an agent's regular wake-up.
type AgentHeartbeat struct {
	AgentID string `json:"agentId,omitempty"` // in Status only
	Enabled bool   `json:"enabled"`
	Every   string `json:"every"`
	EveryMs *int64 `json:"everyMs"` // null while disabled
}

// SessionCount counts conversations.
type SessionCount struct {
	Path   string          `json:"path"`
	Count  int             `json:"count"`
	Recent []RecentSession `json:"recent"`
}

// RecentSession is one conversation.
type RecentSession struct {
	Key       string `json:"key"`
	UpdatedAt int64  `json:"updatedAt"`
}

// Status is the payload of the method status. Condition is ours.
type Status struct {
	Condition
	Heartbeat struct {
		DefaultAgentID string           `json:"defaultAgentId"`
		Agents         []AgentHeartbeat `json:"agents"`
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
	Recent  []RecentSession `json:"recent"`
	ByAgent []AgentSessions `json:"byAgent"`
}

// AgentSessions are one agent's.
type AgentSessions struct {
	AgentID string `json:"agentId"`
	SessionCount
}
