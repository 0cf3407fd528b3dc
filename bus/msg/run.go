package msg

import "encoding/json"

// AgentRun is asked of rpc.agent.
type AgentRun struct {
	Message           string            `json:"message" max:"65536" doc:"The text."`
	IdempotencyKey    string            `json:"idempotencyKey" max:"256" doc:"Names the run; the same one again starts none."`
	AgentID           string            `json:"agentId,omitempty" max:"256" doc:"The agent; unset: the one of the session, else the default one."`
	SessionID         string            `json:"sessionId,omitempty" max:"64" doc:"The session's id; one that no session has is the key of a new one."`
	SessionKey        string            `json:"sessionKey,omitempty" max:"512" doc:"The session's key; unset: the agent's main session."`
	To                string            `json:"to,omitempty" max:"1024" doc:"Whom the answer is delivered to; also chooses the session where neither its key nor its id does and a channel is named."`
	ReplyTo           string            `json:"replyTo,omitempty" max:"1024" doc:"Whom the answer is delivered to, in place of to."`
	Channel           string            `json:"channel,omitempty" max:"64" doc:"The channel that the answer is delivered on; last or unset: the session's last one."`
	ReplyChannel      string            `json:"replyChannel,omitempty" max:"64" doc:"The channel that the answer is delivered on, in place of channel."`
	AccountID         string            `json:"accountId,omitempty" max:"256" doc:"The channel's account. No effect: a connector has one."`
	ReplyAccountID    string            `json:"replyAccountId,omitempty" max:"256" doc:"The account to answer from. No effect: a connector has one."`
	ThreadID          string            `json:"threadId,omitempty" max:"1024" doc:"The thread that the answer is delivered to."`
	GroupID           string            `json:"groupId,omitempty" max:"1024" doc:"The group's id. No effect until there are tools."`
	GroupChannel      string            `json:"groupChannel,omitempty" max:"256" doc:"The group's channel. No effect until there are tools."`
	GroupSpace        string            `json:"groupSpace,omitempty" max:"256" doc:"The group's space. No effect until there are tools."`
	Deliver           bool              `json:"deliver,omitempty" doc:"Delivers the answer to a channel."`
	BestEffortDeliver bool              `json:"bestEffortDeliver,omitempty" doc:"Without a channel to deliver to, the run goes on and nothing is delivered."`
	Thinking          string            `json:"thinking,omitempty" max:"64" doc:"The thinking level of this run. No effect until there is a model."`
	Model             string            `json:"model,omitempty" max:"256" doc:"The model of this run. No effect until there is a model."`
	Attachments       []json.RawMessage `json:"attachments,omitempty" max:"32" doc:"Files; they are not kept: the message says which there were."`
	Timeout           int64             `json:"timeout,omitempty" min:"0" max:"86400" doc:"How long the run may take, in seconds; 0 means 10 minutes."`
	Lane              string            `json:"lane,omitempty" max:"64" doc:"No effect: each session is a lane of its own."`
	ExtraSystemPrompt string            `json:"extraSystemPrompt,omitempty" max:"65536" doc:"What the model is told beside the message. No effect until there is a model."`
	Label             string            `json:"label,omitempty" max:"64" doc:"A label for the session, when it has none."`
	SpawnedBy         string            `json:"spawnedBy,omitempty" max:"512" doc:"The key of the session that began this one."`
}

// AgentAccepted is its answer: the run is in the store.
type AgentAccepted struct {
	RunID      string `json:"runId"`
	Status     string `json:"status"` // accepted
	AcceptedAt int64  `json:"acceptedAt"`
}

// AgentWait is asked of rpc.agent.wait.
type AgentWait struct {
	RunID     string `json:"runId" max:"256" doc:"The run."`
	TimeoutMs int64  `json:"timeoutMs,omitempty" min:"0" max:"86400000" doc:"How long to wait for its end; 0 means 30 s."`
}

// AgentDone is its answer.
type AgentDone struct {
	RunID     string       `json:"runId"`
	Status    string       `json:"status"` // ok, error, timeout: it has not ended
	StartedAt int64        `json:"startedAt,omitempty"`
	EndedAt   int64        `json:"endedAt,omitempty"`
	Summary   string       `json:"summary,omitempty"` // completed, failed, aborted
	Result    *AgentResult `json:"result,omitempty"`  // with the status ok
	Error     string       `json:"error,omitempty"`   // with the status error
}

// AgentResult is what a run answered.
type AgentResult struct {
	Payloads []AgentPayload `json:"payloads"`
	Meta     AgentMeta      `json:"meta"`
}

// AgentPayload is one message of an answer.
type AgentPayload struct {
	Text string `json:"text"`
}

// AgentMeta is what there is to say of a run beside its answer.
type AgentMeta struct {
	DurationMs int64  `json:"durationMs"`
	SessionKey string `json:"sessionKey"`
}

// AgentEvent is clawdbot.<p>.event.agent.
type AgentEvent struct {
	RunID      string         `json:"runId"`
	SessionKey string         `json:"sessionKey,omitempty"`
	Stream     string         `json:"stream"` // lifecycle, assistant, tool
	Data       AgentEventData `json:"data"`
	Seq        uint64         `json:"seq"` // from 1, per run
	TS         int64          `json:"ts"`
}

// AgentEventData is of a lifecycle event its phase and times, of an assistant
// event the text so far and what is new of it.
type AgentEventData struct {
	Phase     string `json:"phase,omitempty"` // start, end, error
	StartedAt int64  `json:"startedAt,omitempty"`
	EndedAt   int64  `json:"endedAt,omitempty"`
	Error     string `json:"error,omitempty"`
	Aborted   bool   `json:"aborted,omitempty"`
	Text      string `json:"text,omitempty"`
	Delta     string `json:"delta,omitempty"`
}

// AgentIdentityQuery is asked of rpc.agent.identity.get.
type AgentIdentityQuery struct {
	AgentID    string `json:"agentId,omitempty" max:"256" doc:"The agent; unset: the one of the session, else the default one."`
	SessionKey string `json:"sessionKey,omitempty" max:"512" doc:"A session of the agent."`
}

// AgentIdentity is its answer.
type AgentIdentity struct {
	AgentID string `json:"agentId"`
	Name    string `json:"name"`
}

// AgentList is the answer of rpc.agents.list.
type AgentList struct {
	DefaultID string     `json:"defaultId"`
	MainKey   string     `json:"mainKey"`
	Scope     string     `json:"scope"`
	Agents    []AgentRow `json:"agents"`
}

// AgentRow is one agent.
type AgentRow struct {
	ID string `json:"id"`
}

// ModelList is the answer of rpc.models.list.
type ModelList struct {
	Models []Model `json:"models"`
}

// Model is one model that may answer.
type Model struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Provider      string `json:"provider"`
	ContextWindow int    `json:"contextWindow,omitempty"` // tokens
	Reasoning     bool   `json:"reasoning,omitempty"`
}
