package msg

import "time"

// ConfigFile is the answer of rpc.config.get, secrets left out.
type ConfigFile struct {
	Path         string   `json:"path"`
	Exists       bool     `json:"exists"`
	Parsed       any      `json:"parsed"`
	Config       any      `json:"config"` // with the defaults
	Valid        bool     `json:"valid"`
	Hash         string   `json:"hash"`
	Issues       []string `json:"issues"`
	Warnings     []string `json:"warnings"`
	LegacyIssues []string `json:"legacyIssues"`
}

// StateQuery is asked of rpc.state.ls (prefix, limit) and rpc.state.get (key).
type StateQuery struct {
	Prefix string `json:"prefix,omitempty"`
	Limit  int    `json:"limit,omitempty"` // 0 means 1000
	Key    string `json:"key,omitempty"`
}

// BusInfo is the answer of rpc.bus.info.
type BusInfo struct {
	Name          string   `json:"name"`
	Port          int      `json:"port"`
	LinkAddr      string   `json:"linkAddr"`
	Context       string   `json:"context"` // of the NATS tools
	Clients       int      `json:"clients"`
	Links         int      `json:"links"`
	Peers         []string `json:"peers"`
	InMsgs        int64    `json:"inMsgs"`
	OutMsgs       int64    `json:"outMsgs"`
	InBytes       int64    `json:"inBytes"`
	OutBytes      int64    `json:"outBytes"`
	SlowConsumers int64    `json:"slowConsumers"`
}

// BusGrant is the answer of rpc.bus.grant, with what a client needs to connect.
type BusGrant struct {
	User        string   `json:"user"`
	Password    string   `json:"password"`
	InboxPrefix string   `json:"inboxPrefix"`
	Port        int      `json:"port"`
	Publish     []string `json:"publish"`
	Subscribe   []string `json:"subscribe"`
}

// LogQuery is asked of rpc.logs.tail.
type LogQuery struct {
	Cursor   int64 `json:"cursor,omitempty"` // where the last answer ended; 0 means the end of the file
	Limit    int   `json:"limit,omitempty"`  // lines; 0 means 500
	MaxBytes int64 `json:"maxBytes,omitempty"`
}

// LogTail is its answer.
type LogTail struct {
	File      string   `json:"file"`
	Cursor    int64    `json:"cursor"`
	Size      int64    `json:"size"`
	Lines     []string `json:"lines"`
	Truncated bool     `json:"truncated"` // there was more than asked for
	Reset     bool     `json:"reset"`     // the file was rotated since the cursor
}

// ComponentInfo is a row of rpc.component.list.
type ComponentInfo struct {
	Component
	Since      time.Time `json:"since,omitzero"`       // when its present life began
	Restarts   int       `json:"restarts"`             // of it alone, since the gateway started
	Probe      Probe     `json:"probe"`                // its last answer when asked for a piece of its work
	ProbedAt   time.Time `json:"probedAt,omitzero"`    // when it was asked last
	ProbeError string    `json:"probeError,omitempty"` // why there was no answer then
}
