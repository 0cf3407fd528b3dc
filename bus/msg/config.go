package msg

import "time"

// ConfigFile is the answer of rpc.config.get, secrets left out.
type ConfigFile struct {
	Path         string   `json:"path"`
	Exists       bool     `json:"exists"`
	Raw          *string  `json:"raw"` // null when what is secret in it cannot be told
	Parsed       any      `json:"parsed"`
	Config       any      `json:"config"` // with the defaults
	Valid        bool     `json:"valid"`
	Hash         string   `json:"hash"`
	Issues       []string `json:"issues"`
	Warnings     []string `json:"warnings"`
	LegacyIssues []string `json:"legacyIssues"`
}

// ConfigSchema is the answer of rpc.config.schema. The original's apps insist on
// UIHints and GeneratedAt; what a form shows is in the schema.
type ConfigSchema struct {
	Schema      any      `json:"schema"`
	UIHints     struct{} `json:"uiHints"`
	Version     string   `json:"version"`
	GeneratedAt string   `json:"generatedAt"` // RFC 3339
}

// ConfigWrite is asked of rpc.config.set and config.patch. What rpc.config.get
// shows in place of a secret stands for that secret. SessionKey, Note and
// RestartDelayMs are the original's; they change nothing here.
type ConfigWrite struct {
	Raw            string `json:"raw" doc:"JSON5: the whole text for set, a merge patch (RFC 7396) for patch"`
	BaseHash       string `json:"baseHash,omitempty" doc:"hash that config.get told; required when the file exists"`
	SessionKey     string `json:"sessionKey,omitempty"`
	Note           string `json:"note,omitempty"`
	RestartDelayMs int64  `json:"restartDelayMs,omitempty" min:"0"`
}

// ConfigWritten is the answer of rpc.config.set and config.patch.
type ConfigWritten struct {
	OK       bool     `json:"ok"`
	Path     string   `json:"path"`
	Hash     string   `json:"hash"`
	Config   any      `json:"config"` // with the defaults, secrets left out
	Valid    bool     `json:"valid"`  // false when the file was wrong before and still is
	Issues   []string `json:"issues"`
	Warnings []string `json:"warnings"`
	Effect   string   `json:"effect"`         // on the running gateway: hot, component, restart; "" for none
	Note     string   `json:"note,omitempty"` // why the running gateway does not take it up by itself
}

// ConfigPlan is asked of rpc.config.plan.
type ConfigPlan struct {
	Raw      string `json:"raw,omitempty" doc:"JSON5, the whole text"`
	Patch    string `json:"patch,omitempty" doc:"in place of raw: a merge patch (RFC 7396) for the file"`
	BaseHash string `json:"baseHash,omitempty"`
}

// ConfigPlanned is the answer of rpc.config.plan: what a config would do.
type ConfigPlanned struct {
	Valid   bool            `json:"valid"`
	Raw     *string         `json:"raw"` // the text that was planned, as config.get shows it
	Issues  []ConfigIssue   `json:"issues"`
	Effect  string          `json:"effect"` // hot, component, restart, refused; "" for none
	Changes []PlannedChange `json:"changes"`
	Against uint64          `json:"against"` // the generation that runs
}

// ConfigIssue is one thing that is wrong in a config, or worth a word.
type ConfigIssue struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1
	Path    string `json:"path"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// PlannedChange is one value that a config changes.
type PlannedChange struct {
	Path       string   `json:"path"`
	Effect     string   `json:"effect"`
	Components []string `json:"components,omitempty"` // that are built anew
	Why        string   `json:"why"`                  // with the old and the new value, secrets hidden
}

// ConfigApply is asked of rpc.config.apply.
type ConfigApply struct {
	ConfigWrite
	ProbationMs int64 `json:"probationMs,omitempty" doc:"how long it must do well; the gateway's own time without it" min:"0" max:"3600000"`
	Try         bool  `json:"try,omitempty" doc:"only run it, and leave the file as it is"`
}

// ConfigApplied is the answer of rpc.config.apply and generations.rollback: the
// config is on probation. generations.list tells how it went.
type ConfigApplied struct {
	OK          bool   `json:"ok"`
	Path        string `json:"path"`
	Hash        string `json:"hash"` // of the file as it is now
	Written     bool   `json:"written"`
	Generation  uint64 `json:"generation"`
	Effect      string `json:"effect"`
	ProbationMs int64  `json:"probationMs"`
	Running     uint64 `json:"running"` // the generation that runs still
}

// GenerationsList is the answer of rpc.generations.list.
type GenerationsList struct {
	Generations []GenerationInfo `json:"generations"` // the oldest first
	Running     uint64           `json:"running"`     // 0 in safe mode
	Source      string           `json:"source"`      // file, fallback, safe
	Reason      string           `json:"reason"`      // why what runs is not the file; "" when it is
	Refused     string           `json:"refused"`     // why the file as it is now is not used; "" when it is
	Tightened   []string         `json:"tightened"`   // what a fallback was not allowed to weaken
	Boot        string           `json:"boot"`
}

// GenerationInfo is one config that ran.
type GenerationInfo struct {
	N       uint64    `json:"n"`
	Hash    string    `json:"hash"`
	Path    string    `json:"path"`
	Time    time.Time `json:"time"` // when it first ran
	Source  string    `json:"source"`
	Verdict string    `json:"verdict"` // probation, good, bad, refused
	Reason  string    `json:"reason,omitempty"`
}

// GenerationQuery is asked of rpc.generations.show.
type GenerationQuery struct {
	N uint64 `json:"n" doc:"the generation" min:"1"`
}

// GenerationShown is the answer of rpc.generations.show, secrets left out.
type GenerationShown struct {
	Generation GenerationInfo `json:"generation"`
	Raw        *string        `json:"raw"`  // null when what is secret in it cannot be told
	Diff       string         `json:"diff"` // from it to the file, unified
}

// GenerationRollback is asked of rpc.generations.rollback.
type GenerationRollback struct {
	N        uint64 `json:"n" doc:"the generation whose text becomes the config file again" min:"1"`
	BaseHash string `json:"baseHash,omitempty" doc:"hash of the file that config.get told"`
}
