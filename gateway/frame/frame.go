package frame

import (
	"encoding/json"

	"clawdbot/bus/rpc"
)

// Protocol is the only version that is spoken.
const Protocol = 3

// Types of frames.
const (
	TypeRequest  = "req"
	TypeResponse = "res"
	TypeEvent    = "event"
)

// MethodConnect is the method of the first request.
const MethodConnect = "connect"

// InvalidID stands in a response for an id that could not be read.
const InvalidID = "invalid"

// Error codes.
const (
	CodeInvalidRequest = "INVALID_REQUEST"
	CodeUnavailable    = "UNAVAILABLE"
	CodeNotPaired      = "NOT_PAIRED"
	CodeNotLinked      = "NOT_LINKED"
	CodeAgentTimeout   = "AGENT_TIMEOUT"
)

// Close codes of the WebSocket.
const (
	CloseProtocol = 1002 // no common protocol version
	ClosePolicy   = 1008 // a handshake that was refused
	CloseTooBig   = 1009 // a message over maxPayload
	CloseRestart  = 1012 // the gateway stops
)

// Request asks for a method. Params is nil when there are none.
type Request struct {
	Type   string          `json:"type" enum:"req"`
	ID     string          `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
}

// Response answers a request.
type Response struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	OK      bool            `json:"ok"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// Event tells something. Seq is 0 on the challenge, which comes before the
// sequence starts.
type Event struct {
	Type         string          `json:"type"`
	Event        string          `json:"event"`
	Payload      json.RawMessage `json:"payload,omitempty"`
	Seq          uint64          `json:"seq,omitempty"`
	StateVersion *StateVersion   `json:"stateVersion,omitempty"`
}

// StateVersion counts the changes of presence and health since the start.
type StateVersion struct {
	Presence uint64 `json:"presence"`
	Health   uint64 `json:"health"`
}

// Error is why a request failed.
type Error struct {
	Code         string         `json:"code"`
	Message      string         `json:"message"`
	Details      map[string]any `json:"details,omitempty"`
	Retryable    bool           `json:"retryable,omitempty"`
	RetryAfterMs int64          `json:"retryAfterMs,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// DecodeRequest reads a request frame. It returns a *rpc.PathError for anything
// else; then the Request holds only the ID for the answer, InvalidID when there
// is none to be read.
func DecodeRequest(b []byte) (Request, error) {
	var r Request
	if err := rpc.Decode(b, &r); err != nil {
		return Request{ID: salvageID(b)}, err
	}
	return r, nil
}

// salvageID finds the id of a frame that is no request.
func salvageID(b []byte) string {
	var any struct {
		ID json.RawMessage `json:"id"`
	}
	var id string
	if json.Unmarshal(b, &any) != nil || json.Unmarshal(any.ID, &id) != nil || id == "" {
		return InvalidID
	}
	return id
}
