// Package msg holds the payload of every subject: plain JSON structs, times in
// Unix milliseconds, durations in milliseconds. Keys are those of the original's
// wire protocol where it has them.
package msg

import "encoding/json"

// Phase is where a gateway is in its life.
type Phase string

// The phases, in their order.
const (
	PhaseStarting Phase = "starting"
	PhaseReady    Phase = "ready"
	PhaseStopping Phase = "stopping"
)

// State is how one component is.
type State string

// The states of a component. Degraded works in part; failed does not work.
const (
	StateStarting State = "starting"
	StateOK       State = "ok"
	StateDegraded State = "degraded"
	StateFailed   State = "failed"
	StateOff      State = "off" // switched off by the config
	StateStopped  State = "stopped"
)

// Component is clawdbot.<p>.health.<component>.
type Component struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"` // one line for people
}

// Beat is clawdbot.<p>.health.beat and the answer to health.ping.
type Beat struct {
	Profile    string      `json:"profile"`
	Boot       string      `json:"boot"`   // random, one per process
	Seq        uint64      `json:"seq"`    // from 1, per boot
	MonoMs     int64       `json:"monoMs"` // the sender's monotonic time since its start
	TS         int64       `json:"ts"`
	PID        int         `json:"pid"`
	Version    string      `json:"version"`
	Phase      Phase       `json:"phase"`
	Detail     string      `json:"detail,omitempty"` // what it is doing while starting or stopping
	Components []Component `json:"components,omitempty"`
	Generation uint64      `json:"generation"`
	Source     string      `json:"source"` // where the config came from: file, fallback, safe
}

// Verdict is what an observer says of a peer.
type Verdict string

// The verdicts. What was not observed is unknown, never ok.
const (
	VerdictUnknown  Verdict = "unknown"
	VerdictStarting Verdict = "starting"
	VerdictOK       Verdict = "ok"
	VerdictDegraded Verdict = "degraded"
	VerdictSuspect  Verdict = "suspect"
	VerdictDown     Verdict = "down"
	VerdictHung     Verdict = "hung"
	VerdictStopped  Verdict = "stopped"
)

// Witness is one source of evidence and what it said.
type Witness struct {
	Name string `json:"name"` // link, beats, process, ping, healthz, observer
	Said string `json:"said"`
}

// Peer is clawdbot.<p>.health.peer.<name>, and a row of status.
type Peer struct {
	Profile    string    `json:"profile"`
	Verdict    Verdict   `json:"verdict"`
	Reason     string    `json:"reason"`
	LastBeatMs int64     `json:"lastBeatMs"` // age of the last beat when sent; -1 when there was none
	Generation uint64    `json:"generation"`
	Since      int64     `json:"since"`    // when this verdict began
	DetectMs   int64     `json:"detectMs"` // suspect, down, hung: from the first sign of trouble to this verdict
	Evidence   []Witness `json:"evidence,omitempty"`
	PID        int       `json:"pid,omitempty"`
	Version    string    `json:"version,omitempty"`
	Repair     string    `json:"repair,omitempty"` // what is done to it now, and by whom
}

// In is clawdbot.<p>.in.<channel>.
type In struct {
	ID     string          `json:"id,omitempty"` // the sender's own id; the same one again is accepted once
	From   string          `json:"from,omitempty"`
	To     string          `json:"to,omitempty"` // where an answer goes, in the channel's own terms
	Text   string          `json:"text"`
	Thread string          `json:"thread,omitempty"`
	Meta   json.RawMessage `json:"meta,omitempty"`
}

// Accepted is the answer to In: the message is on disk.
type Accepted struct {
	Seq       uint64 `json:"seq"`
	Duplicate bool   `json:"duplicate,omitempty"` // this id had been accepted before
}

// Out is clawdbot.<p>.out.<channel>.
type Out struct {
	Seq     uint64 `json:"seq"` // stays the same when sent again
	InReply uint64 `json:"inReply,omitempty"`
	To      string `json:"to,omitempty"`
	Thread  string `json:"thread,omitempty"`
	Text    string `json:"text"`
}

// Invoke is clawdbot.<p>.node.<nodeId>.invoke.
type Invoke struct {
	Command   string          `json:"command"`
	Params    json.RawMessage `json:"params,omitempty"`
	TimeoutMs int64           `json:"timeoutMs,omitempty"` // 0 means 15 s

	IdempotencyKey string `json:"idempotencyKey,omitempty"` // for a node that keeps such keys itself
}

// InvokeResult is a node's answer.
type InvokeResult struct {
	Payload json.RawMessage `json:"payload,omitempty"`
}

// NodeEvent is clawdbot.<p>.node.<nodeId>.event.
type NodeEvent struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// LogLine is clawdbot.<p>.log.<level>, and a line of the log file.
type LogLine struct {
	Time      string         `json:"time"` // RFC 3339 with milliseconds
	Level     string         `json:"level"`
	Profile   string         `json:"profile"`
	Component string         `json:"component,omitempty"`
	Msg       string         `json:"msg"`
	Attrs     map[string]any `json:"attrs,omitempty"`
}

// ConfigChange is clawdbot.<p>.config.<what>.
type ConfigChange struct {
	Generation uint64   `json:"generation"`
	Source     string   `json:"source"`
	Verdict    string   `json:"verdict"`
	Reason     string   `json:"reason,omitempty"`
	Issues     []string `json:"issues,omitempty"` // with file, line and column
}

// Tick is clawdbot.<p>.event.tick.
type Tick struct {
	TS int64 `json:"ts"`
}

// Shutdown is clawdbot.<p>.event.shutdown.
type Shutdown struct {
	Reason            string `json:"reason"`
	RestartExpectedMs int64  `json:"restartExpectedMs,omitempty"`
}
