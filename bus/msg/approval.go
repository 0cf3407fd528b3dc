package msg

// ExecCommand is a command that somebody wants to run. The gateway shows it; it
// does not run it.
type ExecCommand struct {
	Command      string `json:"command" max:"65536" doc:"The command line."`
	CWD          string `json:"cwd,omitempty" max:"4096" doc:"The folder that it runs in."`
	Host         string `json:"host,omitempty" max:"256" doc:"Where it runs: gateway, sandbox, node."`
	Security     string `json:"security,omitempty" max:"64" doc:"The security that holds there."`
	Ask          string `json:"ask,omitempty" max:"64" doc:"When people are asked there."`
	AgentID      string `json:"agentId,omitempty" max:"64" doc:"The agent that wants to run it; unset: main."`
	ResolvedPath string `json:"resolvedPath,omitempty" max:"4096" doc:"The program's file; allow-always puts it on the agent's allowlist."`
	SessionKey   string `json:"sessionKey,omitempty" max:"512" doc:"The session that it is for."`
}

// ExecRequest is asked of exec.approval.request.
type ExecRequest struct {
	ExecCommand
	ID        string `json:"id,omitempty" max:"128" doc:"A name for the request that nobody else uses; unset: one is made."`
	TimeoutMs int64  `json:"timeoutMs,omitempty" min:"1" max:"1800000" doc:"How long it waits for a decision; unset: 2 minutes."`
}

// The decisions about a command.
const (
	AllowOnce   = "allow-once"
	AllowAlways = "allow-always"
	Deny        = "deny"
)

// ExecAnswer is its answer.
type ExecAnswer struct {
	ID          string  `json:"id"`
	Decision    *string `json:"decision"` // allow-once, allow-always, deny; null: nobody decided in time
	CreatedAtMs int64   `json:"createdAtMs"`
	ExpiresAtMs int64   `json:"expiresAtMs"`
}

// ExecPending is the event exec.approval.requested: somebody has to decide.
type ExecPending struct {
	ID          string      `json:"id"`
	Request     ExecCommand `json:"request"`
	CreatedAtMs int64       `json:"createdAtMs"`
	ExpiresAtMs int64       `json:"expiresAtMs"`
}

// ExecResolve is asked of exec.approval.resolve.
type ExecResolve struct {
	ID       string `json:"id" max:"128" doc:"The request."`
	Decision string `json:"decision" enum:"allow-once|allow-always|deny" doc:"The decision."`
}

// ExecResolved is the event exec.approval.resolved: somebody has decided.
type ExecResolved struct {
	ID         string `json:"id"`
	Decision   string `json:"decision"`
	ResolvedBy string `json:"resolvedBy,omitempty"` // the client's id
	TS         int64  `json:"ts"`
}

// ExecPolicy says what may run, and when people are asked.
type ExecPolicy struct {
	Security        string `json:"security,omitempty" enum:"deny|allowlist|full" doc:"What may run."`
	Ask             string `json:"ask,omitempty" enum:"off|on-miss|always" doc:"When people are asked."`
	AskFallback     string `json:"askFallback,omitempty" enum:"deny|allowlist|full" doc:"What may run when nobody can be asked."`
	AutoAllowSkills *bool  `json:"autoAllowSkills,omitempty" doc:"Whether the programs of skills may run."`
}

// ExecAllowed is one line of an allowlist.
type ExecAllowed struct {
	ID               string `json:"id,omitempty" max:"128" doc:"Names the line."`
	Pattern          string `json:"pattern" max:"4096" doc:"The program's file; * and ** stand for any name and any folders."`
	LastUsedAt       int64  `json:"lastUsedAt,omitempty" min:"0" doc:"When it let a command run last, in Unix milliseconds."`
	LastUsedCommand  string `json:"lastUsedCommand,omitempty" max:"65536" doc:"That command."`
	LastResolvedPath string `json:"lastResolvedPath,omitempty" max:"4096" doc:"That command's program."`
}

// ExecAgent is the policy of one agent.
type ExecAgent struct {
	ExecPolicy
	Allowlist []ExecAllowed `json:"allowlist,omitempty" max:"1000" doc:"The programs that may run."`
}

// ExecSocket is where a desktop app asks people. Its token is never told.
type ExecSocket struct {
	Path  string `json:"path,omitempty" max:"4096" doc:"The socket's file."`
	Token string `json:"token,omitempty" max:"512" doc:"Its secret; unset: the one that is there stays."`
}

// ExecFile is the document of approvals.
type ExecFile struct {
	Version  int                  `json:"version" min:"1" max:"1" doc:"1."`
	Socket   *ExecSocket          `json:"socket,omitempty" doc:"Where a desktop app asks people."`
	Defaults *ExecPolicy          `json:"defaults,omitempty" doc:"The policy of every agent that has none of its own."`
	Agents   map[string]ExecAgent `json:"agents,omitempty" doc:"Policies of single agents, by id."`
}

// ExecApprovals is the answer of exec.approvals.get and set, and of a node.
type ExecApprovals struct {
	Path   string   `json:"path"`
	Exists bool     `json:"exists"`
	Hash   string   `json:"hash"` // SHA-256 of the file, in hex
	File   ExecFile `json:"file"`
}

// ExecSet is asked of exec.approvals.set.
type ExecSet struct {
	File     ExecFile `json:"file" doc:"The new document."`
	BaseHash string   `json:"baseHash,omitempty" max:"128" doc:"The hash of the document that it replaces; required when there is one."`
}

// ExecNodeGet is asked of exec.approvals.node.get.
type ExecNodeGet struct {
	NodeID string `json:"nodeId" max:"128" doc:"The node, as the list has it."`
}

// ExecNodeSet is asked of exec.approvals.node.set.
type ExecNodeSet struct {
	NodeID string `json:"nodeId" max:"128" doc:"The node, as the list has it."`
	ExecSet
}
