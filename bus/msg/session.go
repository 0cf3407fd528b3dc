package msg

// SessionSettings are what a client may set on a session. A key that is null is
// cleared, one that is absent stays as it is.
type SessionSettings struct {
	Label           *string `json:"label,omitempty" max:"64" doc:"A name of the session that no other has."`
	ThinkingLevel   *string `json:"thinkingLevel,omitempty" enum:"off|minimal|low|medium|high|xhigh" doc:"How much the model thinks. No effect until there is a model."`
	VerboseLevel    *string `json:"verboseLevel,omitempty" enum:"on|off|full" doc:"How much of the tools is told. No effect until there are tools."`
	ReasoningLevel  *string `json:"reasoningLevel,omitempty" enum:"on|off|stream" doc:"Whether the model's reasoning is told. No effect until there is a model."`
	ResponseUsage   *string `json:"responseUsage,omitempty" enum:"on|off|tokens|full" doc:"Whether answers tell what they used. No effect until there is a model."`
	ElevatedLevel   *string `json:"elevatedLevel,omitempty" enum:"on|off|ask|full" doc:"Whether tools may run with more rights. No effect until there are tools."`
	ExecHost        *string `json:"execHost,omitempty" max:"64" doc:"Where commands run. No effect until there are tools."`
	ExecSecurity    *string `json:"execSecurity,omitempty" max:"64" doc:"Which commands may run. No effect until there are tools."`
	ExecAsk         *string `json:"execAsk,omitempty" max:"64" doc:"When a command needs an approval. No effect until there are tools."`
	ExecNode        *string `json:"execNode,omitempty" max:"256" doc:"The node on which commands run. No effect until there are tools."`
	Model           *string `json:"model,omitempty" max:"256" doc:"The model in place of the agent's. No effect until there is a model."`
	SpawnedBy       *string `json:"spawnedBy,omitempty" max:"512" doc:"The key of the session that began this one."`
	SendPolicy      *string `json:"sendPolicy,omitempty" enum:"allow|deny" doc:"deny refuses chat.send to this session."`
	GroupActivation *string `json:"groupActivation,omitempty" enum:"mention|always" doc:"When the agent answers in a group. No effect until there are channels."`
}

// SessionEntry is one session as it is kept.
type SessionEntry struct {
	SessionID      string `json:"sessionId"`
	CreatedAt      int64  `json:"createdAt"`
	UpdatedAt      int64  `json:"updatedAt"`
	AbortedLastRun bool   `json:"abortedLastRun,omitempty"`
	LastChannel    string `json:"lastChannel,omitempty"` // where its last message from a channel came from
	LastTo         string `json:"lastTo,omitempty"`
	LastThreadID   string `json:"lastThreadId,omitempty"`
	SessionSettings
}

// SessionQuery is asked of rpc.sessions.list.
type SessionQuery struct {
	Limit                int    `json:"limit,omitempty" min:"1" doc:"At most so many, the last used first; unset: as many as one reply holds."`
	ActiveMinutes        int    `json:"activeMinutes,omitempty" min:"1" doc:"Only those used in the last so many minutes."`
	IncludeGlobal        bool   `json:"includeGlobal,omitempty" doc:"Also the global session; there is none with the scope per-sender."`
	IncludeUnknown       bool   `json:"includeUnknown,omitempty" doc:"Also the session unknown; there is none here."`
	IncludeDerivedTitles bool   `json:"includeDerivedTitles,omitempty" doc:"With a title made of the first message."`
	IncludeLastMessage   bool   `json:"includeLastMessage,omitempty" doc:"With the beginning of the last message."`
	Label                string `json:"label,omitempty" max:"64" doc:"Only the one with this label."`
	SpawnedBy            string `json:"spawnedBy,omitempty" max:"512" doc:"Only those that this session began."`
	AgentID              string `json:"agentId,omitempty" max:"256" doc:"Only those of this agent."`
	Search               string `json:"search,omitempty" max:"256" doc:"Only those with this text in the key, label or address, in either case."`
}

// SessionList is its answer.
type SessionList struct {
	TS       int64           `json:"ts"`
	Path     string          `json:"path"` // "": they are in the store
	Count    int             `json:"count"`
	Defaults SessionDefaults `json:"defaults"`
	Sessions []Session       `json:"sessions"`
}

// SessionDefaults hold for a session that sets nothing else. They are null
// while no model is configured.
type SessionDefaults struct {
	ModelProvider *string `json:"modelProvider"`
	Model         *string `json:"model"`
	ContextTokens *int    `json:"contextTokens"`
}

// Session is a row of SessionList.
type Session struct {
	Key                string `json:"key"`
	Kind               string `json:"kind"` // direct or group
	DisplayName        string `json:"displayName,omitempty"`
	DerivedTitle       string `json:"derivedTitle,omitempty"`
	LastMessagePreview string `json:"lastMessagePreview,omitempty"`
	Channel            string `json:"channel,omitempty"`
	Messages           uint64 `json:"messages"`            // that are kept
	ActiveRuns         int    `json:"activeRuns,omitzero"` // under way or waiting
	SessionEntry
}

// SessionPreview is asked of rpc.sessions.preview.
type SessionPreview struct {
	Keys     []string `json:"keys" min:"1" max:"64" doc:"The sessions' keys."`
	Limit    int      `json:"limit,omitempty" min:"1" max:"50" doc:"At most so many messages of each, the last ones; unset: 12."`
	MaxChars int      `json:"maxChars,omitempty" min:"20" max:"2000" doc:"At most so many characters of each message; unset: 240."`
}

// SessionPreviews is its answer.
type SessionPreviews struct {
	TS       int64            `json:"ts"`
	Previews []PreviewSession `json:"previews"`
}

// PreviewSession is one session in SessionPreviews.
type PreviewSession struct {
	Key    string        `json:"key"`
	Status string        `json:"status"` // ok, empty, missing
	Items  []PreviewItem `json:"items"`
}

// PreviewItem is the beginning of one message.
type PreviewItem struct {
	Role string `json:"role"`
	Text string `json:"text"`
}

// SessionPatch is asked of rpc.sessions.patch.
type SessionPatch struct {
	Key string `json:"key" max:"512" doc:"The session's key; one that is not there yet is made."`
	SessionSettings
}

// SessionPatched is its answer.
type SessionPatched struct {
	OK    bool         `json:"ok"`
	Path  string       `json:"path"`
	Key   string       `json:"key"`
	Entry SessionEntry `json:"entry"`
}

// SessionKey is asked of rpc.sessions.reset.
type SessionKey struct {
	Key string `json:"key" max:"512" doc:"The session's key."`
}

// SessionReset is its answer.
type SessionReset struct {
	OK    bool         `json:"ok"`
	Key   string       `json:"key"`
	Entry SessionEntry `json:"entry"`
}

// SessionDelete is asked of rpc.sessions.delete.
type SessionDelete struct {
	Key              string `json:"key" max:"512" doc:"The session's key."`
	DeleteTranscript *bool  `json:"deleteTranscript,omitempty" doc:"false is refused: the messages go with their session."`
}

// SessionDeleted is its answer.
type SessionDeleted struct {
	OK       bool     `json:"ok"`
	Key      string   `json:"key"`
	Deleted  bool     `json:"deleted"`  // false: there was none
	Archived []string `json:"archived"` // always empty: nothing stays
}

// SessionCompact is asked of rpc.sessions.compact.
type SessionCompact struct {
	Key      string `json:"key" max:"512" doc:"The session's key."`
	MaxLines int    `json:"maxLines,omitempty" min:"1" doc:"How many of the last messages stay; unset: 400."`
}

// SessionCompacted is its answer.
type SessionCompacted struct {
	OK        bool   `json:"ok"`
	Key       string `json:"key"`
	Compacted bool   `json:"compacted"` // false: there was nothing to remove
	Kept      uint64 `json:"kept"`      // messages
	Removed   uint64 `json:"removed"`   // messages, for good
}

// SessionResolve is asked of rpc.sessions.resolve, with exactly one of the key,
// the id and the label.
type SessionResolve struct {
	Key            string `json:"key,omitempty" max:"512" doc:"A key, in its short or its whole form."`
	SessionID      string `json:"sessionId,omitempty" max:"64" doc:"A session's id."`
	Label          string `json:"label,omitempty" max:"64" doc:"A session's label."`
	AgentID        string `json:"agentId,omitempty" max:"256" doc:"Only a session of this agent."`
	SpawnedBy      string `json:"spawnedBy,omitempty" max:"512" doc:"Only a session that this one began."`
	IncludeGlobal  bool   `json:"includeGlobal,omitempty" doc:"Also the global session; there is none with the scope per-sender."`
	IncludeUnknown bool   `json:"includeUnknown,omitempty" doc:"Also the session unknown; there is none here."`
}

// SessionResolved is its answer.
type SessionResolved struct {
	OK  bool   `json:"ok"`
	Key string `json:"key"`
}
