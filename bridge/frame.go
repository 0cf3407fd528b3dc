package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"clawdbot/bus"
)

// codeUnauthorized is the bridge's own code beside those of the bus.
const codeUnauthorized = "UNAUTHORIZED"

// inbound are the frame types that a node may send; outbound are ours.
var (
	inbound  = []string{"hello", "pair-request", "req", "event", "invoke-res", "ping"}
	outbound = []string{"error", "pair-ok", "hello-ok", "res", "invoke", "pong"}
)

// frame is what a node sends, as far as this version reads it.
type frame struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	NodeID string `json:"nodeId"`
	Token  string `json:"token"`
}

// reply is what the bridge sends.
type reply struct {
	Type    string     `json:"type"`
	ID      string     `json:"id,omitempty"`
	OK      *bool      `json:"ok,omitempty"` // of a res
	Code    string     `json:"code,omitempty"`
	Message string     `json:"message,omitempty"`
	Error   *wireError `json:"error,omitempty"` // of a res
}

type wireError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// parse reads one line. Its error is for the node, with code INVALID_REQUEST.
func parse(line []byte) (frame, *bus.Error) {
	var f frame
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return f, bus.Errorf(bus.CodeInvalidRequest, "a frame is one JSON object on one line")
	}
	if err := json.Unmarshal(line, &f); err != nil {
		var typeErr *json.UnmarshalTypeError
		if errors.As(err, &typeErr) {
			return f, bus.Errorf(bus.CodeInvalidRequest, "%s: must be a string, not %s", typeErr.Field, typeErr.Value)
		}
		return f, bus.Errorf(bus.CodeInvalidRequest, "not JSON: %v", err)
	}
	switch {
	case f.Type == "":
		return f, bus.Errorf(bus.CodeInvalidRequest, "type: missing")
	case slices.Contains(inbound, f.Type):
		return f, nil
	case slices.Contains(outbound, f.Type):
		return f, bus.Errorf(bus.CodeInvalidRequest, "type: %s is sent by the bridge, not to it", f.Type)
	}
	return f, bus.Errorf(bus.CodeInvalidRequest, "type: unknown frame type %s", quote(f.Type))
}

// quote shows a word from outside, shortened.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%.*q…", most, s)
	}
	return fmt.Sprintf("%q", s)
}
