package msg

import (
	"encoding/json"
	"time"

	"clawdbot/profile/ports"
)

// OK is the answer of a method that has nothing else to say.
type OK struct {
	OK bool `json:"ok"`
}

// StateList is asked of rpc.state.ls.
type StateList struct {
	Prefix string `json:"prefix,omitempty" doc:"of the keys, such as config/"`
	Limit  int    `json:"limit,omitempty" doc:"how many; 1000 without it" min:"0"`
}

// StateKeys is its answer.
type StateKeys struct {
	Keys []StateKey `json:"keys"`
}

// StateKey is a key of the store.
type StateKey struct {
	Key  string `json:"key"`
	Size int    `json:"size"` // of the value, in bytes
}

// StateGet is asked of rpc.state.get.
type StateGet struct {
	Key string `json:"key"`
}

// StateValue is its answer.
type StateValue struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// StateCheckpoint is the answer of rpc.state.checkpoint.
type StateCheckpoint struct {
	Path string `json:"path"`
}

// StateReport is the answer of rpc.state.verify.
type StateReport struct {
	Commits   uint64       `json:"commits"`
	Tables    int          `json:"tables"` // table files whose checksums were proved
	Keyspaces []StateUsage `json:"keyspaces"`
}

// StateUsage is the size of one keyspace.
type StateUsage struct {
	Keyspace string `json:"keyspace"` // <component>/<kind>
	Keys     int    `json:"keys"`
	Bytes    int64  `json:"bytes"` // keys and values
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

// BusUsers is the answer of rpc.bus.users.
type BusUsers struct {
	Users []BusUser `json:"users"`
}

// BusUser is who may use the bus from outside, and asked of rpc.bus.grant.
type BusUser struct {
	Name      string   `json:"name" doc:"one subject token"`
	Publish   []string `json:"publish,omitempty" doc:"subjects it may publish on"`
	Subscribe []string `json:"subscribe,omitempty" doc:"subjects it may read"`
}

// BusRevoke is asked of rpc.bus.revoke.
type BusRevoke struct {
	Name string `json:"name"`
}

// BusRevoked is its answer.
type BusRevoked struct {
	Revoked string `json:"revoked"`
}

// LogQuery is asked of rpc.logs.tail.
type LogQuery struct {
	Cursor   int64 `json:"cursor,omitempty" doc:"where the last answer ended; the end of the file without it" min:"0"`
	Limit    int   `json:"limit,omitempty" doc:"lines; 500 without it" min:"1" max:"5000"`
	MaxBytes int64 `json:"maxBytes,omitempty" doc:"250000 without it" min:"1" max:"1000000"`
}

// LogTail is its answer.
type LogTail struct {
	File      string   `json:"file"`
	Cursor    int64    `json:"cursor"`
	Size      int64    `json:"size"`
	Lines     []string `json:"lines"`     // as the file has them, and with what the original's clients read of one
	Truncated bool     `json:"truncated"` // there was more than asked for
	Reset     bool     `json:"reset"`     // the file was rotated since the cursor
}

// ComponentList is the answer of rpc.component.list.
type ComponentList struct {
	Components []ComponentInfo `json:"components"`
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

// ComponentRestart is asked of rpc.component.restart.
type ComponentRestart struct {
	Name string `json:"name"`
}

// ComponentRestarted is its answer: Restarting is the one through which the
// answer comes.
type ComponentRestarted struct {
	Restarted  string `json:"restarted,omitempty"`
	Restarting string `json:"restarting,omitempty"`
}

// PortsList is the answer of rpc.ports.list.
type PortsList struct {
	Profiles []ProfilePorts `json:"profiles"`
	NextFree int            `json:"nextFree"` // base of the block that the next setup takes
}

// ProfilePorts is one profile of the host, each port with who holds it.
type ProfilePorts struct {
	Profile string      `json:"profile"`
	Running bool        `json:"running"`
	Ports   ports.Ports `json:"ports"`
	Holders []PortUse   `json:"holders"`
}

// PortUse is one port of a profile.
type PortUse struct {
	Port      int    `json:"port"`
	Component string `json:"component"`
	State     string `json:"state"`         // free, reserved, held, taken
	PID       int    `json:"pid,omitempty"` // who listens
	Program   string `json:"program,omitempty"`
	Summary   string `json:"summary"` // one sentence
	Try       string `json:"try,omitempty"`
}

// ProfilesList is the answer of rpc.profiles.list.
type ProfilesList struct {
	Profiles []ProfileInfo `json:"profiles"`
}

// ProfileInfo is one profile of the host, as its registry knows it. Its verdict
// is in rpc.peers.list.
type ProfileInfo struct {
	Profile    string      `json:"profile"`
	Bus        string      `json:"bus"`
	Own        bool        `json:"own"` // the profile that answers
	Running    bool        `json:"running"`
	PID        int         `json:"pid"` // 0 when it does not run
	Version    string      `json:"version,omitempty"`
	Ports      ports.Ports `json:"ports"`
	ConfigPath string      `json:"configPath"`
	StateDir   string      `json:"stateDir"`
	Workspace  string      `json:"workspace"`
	Unit       string      `json:"unit,omitempty"`
	StartedAt  time.Time   `json:"startedAt,omitzero"`
}

// UpdateRun is asked of rpc.update.run, which refuses it.
type UpdateRun struct {
	SessionKey     string `json:"sessionKey,omitempty"`
	Note           string `json:"note,omitempty"`
	RestartDelayMs int64  `json:"restartDelayMs,omitempty" min:"0"`
	TimeoutMs      int64  `json:"timeoutMs,omitempty" min:"1"`
}
