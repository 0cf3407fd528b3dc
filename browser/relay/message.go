package relay

import (
	"encoding/json"
	"fmt"
)

// message is what the relay and the extension send each other, one JSON object a
// WebSocket message: the original's protocol. The relay sends ping, which is
// answered with pong, and forwardCDPCommand with an id, which is answered with
// that id and a result or an error. The extension sends forwardCDPEvent.
type message struct {
	ID     int64           `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

const (
	methodPing    = "ping"
	methodPong    = "pong"
	methodCommand = "forwardCDPCommand"
	methodEvent   = "forwardCDPEvent"
	// Ours: see handshake.
	methodChallenge = "challenge"
	methodProof     = "proof"
)

// command is a command of CDP in flat mode. Without a session it is for the
// browser itself.
type command struct {
	ID        int64           `json:"id"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
}

// answer ends a command.
type answer struct {
	ID        int64           `json:"id"`
	SessionID string          `json:"sessionId,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *cdpError       `json:"error,omitempty"`
}

// event is an event of CDP, and the params of forwardCDPEvent.
type event struct {
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	SessionID string          `json:"sessionId,omitempty"`
}

// forwarded is the params of forwardCDPCommand.
type forwarded struct {
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
}

// cdpError is CDP's error, with the codes of JSON-RPC.
type cdpError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *cdpError) Error() string { return e.Message }

// Codes of cdpError.
const (
	codeServer    = -32000
	codeSession   = -32001
	codeNoMethod  = -32601
	codeBadParams = -32602
)

func failf(code int, format string, a ...any) *cdpError {
	return &cdpError{code, fmt.Sprintf(format, a...)}
}

// errorOf reads the extension's error: chrome.debugger puts CDP's into the text.
func errorOf(text string) *cdpError {
	var e cdpError
	if json.Unmarshal([]byte(text), &e) == nil && e.Message != "" {
		return &e
	}
	return &cdpError{codeServer, text}
}

// targetInfo is CDP's Target.TargetInfo of a page.
type targetInfo struct {
	TargetID         string `json:"targetId"`
	Type             string `json:"type"`
	Title            string `json:"title"`
	URL              string `json:"url"`
	Attached         bool   `json:"attached"`
	CanAccessOpener  bool   `json:"canAccessOpener"`
	OpenerID         string `json:"openerId,omitempty"`
	BrowserContextID string `json:"browserContextId,omitempty"`
}

// attachment is what Target.attachedToTarget and Target.detachedFromTarget say.
type attachment struct {
	SessionID          string      `json:"sessionId"`
	TargetInfo         *targetInfo `json:"targetInfo,omitempty"`
	WaitingForDebugger *bool       `json:"waitingForDebugger,omitempty"`
	TargetID           string      `json:"targetId,omitempty"`
	Reason             string      `json:"reason,omitempty"`
}

// encode is for what always encodes.
func encode(v any) json.RawMessage {
	body, _ := json.Marshal(v)
	return body
}
