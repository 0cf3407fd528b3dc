package msg

import "encoding/json"

// ChatContent is a part of a message.
type ChatContent struct {
	Type string `json:"type"` // text
	Text string `json:"text"`
}

// ChatMessage is one message of a session.
type ChatMessage struct {
	ID           string        `json:"id,omitempty"`
	Role         string        `json:"role"` // user, assistant, system
	Content      []ChatContent `json:"content"`
	Timestamp    int64         `json:"timestamp"`
	RunID        string        `json:"runId,omitempty"`
	StopReason   string        `json:"stopReason,omitempty"` // aborted, error, injected, sent; "" for an answer in full
	ErrorMessage string        `json:"errorMessage,omitempty"`
}

// ChatQuery is asked of rpc.chat.history.
type ChatQuery struct {
	SessionKey string `json:"sessionKey" max:"512" doc:"The session's key."`
	Limit      int    `json:"limit,omitempty" min:"1" max:"1000" doc:"At most so many messages, the last ones; unset: 200. Fewer when they do not fit in one reply."`
}

// ChatHistory is its answer, the oldest message first.
type ChatHistory struct {
	SessionKey    string        `json:"sessionKey"`
	SessionID     string        `json:"sessionId,omitempty"` // "" when there is no such session yet
	Messages      []ChatMessage `json:"messages"`
	ThinkingLevel string        `json:"thinkingLevel,omitempty"`
	Truncated     bool          `json:"truncated,omitempty"` // older messages are kept than those told
}

// ChatSend is asked of rpc.chat.send.
type ChatSend struct {
	SessionKey     string            `json:"sessionKey" max:"512" doc:"The session's key; one that is not there yet is made."`
	Message        string            `json:"message,omitempty" max:"65536" doc:"The text; it may be empty only beside attachments."`
	IdempotencyKey string            `json:"idempotencyKey" max:"256" doc:"Names the run; the same one again tells how the run is, and starts none."`
	Thinking       string            `json:"thinking,omitempty" max:"64" doc:"The thinking level of this run. No effect until there is a model."`
	Deliver        bool              `json:"deliver,omitempty" doc:"Also delivers the answer to the channel that the session's last message came from."`
	Attachments    []json.RawMessage `json:"attachments,omitempty" max:"32" doc:"Files; they are not kept: the message says which there were."`
	TimeoutMs      int64             `json:"timeoutMs,omitempty" min:"0" max:"86400000" doc:"How long the run may take; 0 means 10 minutes."`
}

// ChatSent is its answer.
type ChatSent struct {
	RunID  string `json:"runId"`
	Status string `json:"status"`          // started, in_flight, ok, error, aborted
	Error  string `json:"error,omitempty"` // why, with the status error
}

// ChatAbort is asked of rpc.chat.abort.
type ChatAbort struct {
	SessionKey string `json:"sessionKey" max:"512" doc:"The session's key."`
	RunID      string `json:"runId,omitempty" max:"256" doc:"Ends this run only; unset: all of the session."`
}

// ChatAborted is its answer.
type ChatAborted struct {
	OK      bool     `json:"ok"`
	Aborted bool     `json:"aborted"` // false: nothing was under way
	RunIDs  []string `json:"runIds"`
}

// ChatInject is asked of rpc.chat.inject.
type ChatInject struct {
	SessionKey string `json:"sessionKey" max:"512" doc:"The key of a session that is there."`
	Message    string `json:"message" max:"65536" doc:"A text that is put into the session as the agent's, without a run."`
	Label      string `json:"label,omitempty" max:"100" doc:"Stands in brackets before the text."`
}

// ChatInjected is its answer.
type ChatInjected struct {
	OK        bool   `json:"ok"`
	MessageID string `json:"messageId"`
}

// ChatEvent is clawdbot.<p>.event.chat. A delta has all of the text so far.
type ChatEvent struct {
	RunID        string       `json:"runId"`
	SessionKey   string       `json:"sessionKey"`
	Seq          uint64       `json:"seq"`   // from 1, per run
	State        string       `json:"state"` // delta, final, aborted, error
	Message      *ChatMessage `json:"message,omitempty"`
	ErrorMessage string       `json:"errorMessage,omitempty"`
	StopReason   string       `json:"stopReason,omitempty"`
}
