package msg

// Wake is asked of rpc.wake.
type Wake struct {
	Mode           string `json:"mode" enum:"now|next-heartbeat" doc:"now runs the main session at once; next-heartbeat leaves the text for its next run."`
	Text           string `json:"text" max:"8192" doc:"What the main session is told."`
	IdempotencyKey string `json:"idempotencyKey,omitempty" max:"256" doc:"The same one again tells nothing twice."`
}

// Woken is its answer: the text is in the store.
type Woken struct {
	OK    bool   `json:"ok"`
	RunID string `json:"runId,omitempty"` // of the run that was started, with the mode now
}

// Heartbeats is asked of rpc.set-heartbeats.
type Heartbeats struct {
	Enabled bool `json:"enabled" doc:"Whether heartbeats run; wake with the mode now is one."`
}

// HeartbeatsSet is its answer.
type HeartbeatsSet struct {
	OK      bool `json:"ok"`
	Enabled bool `json:"enabled"`
}

// LastHeartbeat is the event heartbeat, and the answer of rpc.last-heartbeat:
// null until one ran.
type LastHeartbeat struct {
	TS         int64  `json:"ts"`
	Status     string `json:"status"` // ran, failed
	Reason     string `json:"reason"` // wake
	Preview    string `json:"preview,omitempty"`
	DurationMs int64  `json:"durationMs"`
}

// AgentSummary is the answer of rpc.agent.summary: what health and status tell
// of the agents.
type AgentSummary struct {
	DefaultID          string          `json:"defaultId"`
	Agents             []AgentSessions `json:"agents"`
	QueuedSystemEvents []string        `json:"queuedSystemEvents"` // the oldest first
	Heartbeats         bool            `json:"heartbeats"`         // whether they are switched on
}

// Send is asked of rpc.send.
type Send struct {
	To             string   `json:"to,omitempty" max:"1024" doc:"Whom the channel sends it to."`
	Target         string   `json:"target,omitempty" max:"1024" doc:"The same as to."`
	Message        string   `json:"message" max:"65536" doc:"The text."`
	MediaURL       string   `json:"mediaUrl,omitempty" max:"2048" doc:"A file; its address is sent below the text."`
	MediaURLs      []string `json:"mediaUrls,omitempty" max:"16" doc:"More files; their addresses are sent below the text."`
	GIFPlayback    bool     `json:"gifPlayback,omitempty" doc:"No effect: files are sent as addresses."`
	Channel        string   `json:"channel,omitempty" max:"64" doc:"The channel; unset: the last one of the session."`
	AccountID      string   `json:"accountId,omitempty" max:"256" doc:"The channel's account. No effect: a connector has one."`
	SessionKey     string   `json:"sessionKey,omitempty" max:"512" doc:"A session that keeps the text as the agent's."`
	IdempotencyKey string   `json:"idempotencyKey" max:"256" doc:"The same one again sends nothing twice."`
}

// SendAccepted is its answer: the text is in the store, and is delivered as soon
// as the channel's connector takes it.
type SendAccepted struct {
	RunID     string `json:"runId"`
	MessageID string `json:"messageId"`
	Channel   string `json:"channel"`
}

// ChannelQuery is asked of rpc.channels.status.
type ChannelQuery struct {
	Probe     bool  `json:"probe,omitempty" doc:"Asks each channel for its state. No effect: no channel is built in."`
	TimeoutMs int64 `json:"timeoutMs,omitempty" min:"0" max:"600000" doc:"How long that may take."`
}

// ChannelStatus is its answer. No channel is built in: connectors are services
// on the bus.
type ChannelStatus struct {
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

// ChannelLogout is asked of rpc.channels.logout.
type ChannelLogout struct {
	Channel   string `json:"channel" max:"64" doc:"The channel."`
	AccountID string `json:"accountId,omitempty" max:"256" doc:"The channel's account."`
}
