package frame

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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
	Type   string         `json:"type"`
	ID     string         `json:"id"`
	Method string         `json:"method"`
	Params jsontext.Value `json:"params,omitempty"`
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

// InvalidError says what is wrong with a frame, and where.
type InvalidError struct {
	Path string // JSON pointer; "" is the whole frame
	Rule string
}

func (e *InvalidError) Error() string {
	if e.Path == "" {
		return e.Rule
	}
	return "at " + e.Path + ": " + e.Rule
}

// DecodeRequest reads a request frame. It returns an *InvalidError for
// anything else; then the Request holds only the ID for the answer, InvalidID
// when there is none to be read.
func DecodeRequest(b []byte) (Request, error) {
	var r Request
	if err := decode(b, &r); err != nil {
		return Request{ID: salvageID(b)}, err
	}
	var err error
	switch {
	case r.Type != TypeRequest:
		err = &InvalidError{"/type", fmt.Sprintf("must be %q", TypeRequest)}
	case r.ID == "":
		err = &InvalidError{"/id", "must be a string that is not empty"}
	case r.Method == "":
		err = &InvalidError{"/method", "must be a string that is not empty"}
	}
	if err != nil {
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

// decode reads strict JSON into v and names the place of what does not fit.
func decode(b []byte, v any) error {
	err := jsonv2.Unmarshal(b, v, jsonv2.RejectUnknownMembers(true))
	var semantic *jsonv2.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsonv2.ErrUnknownName) && errors.As(err, &semantic):
		return &InvalidError{string(semantic.JSONPointer), "unknown key"}
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return &InvalidError{string(syntactic.JSONPointer), "repeated key"}
	case errors.As(err, &semantic):
		return &InvalidError{string(semantic.JSONPointer), "must be " + kindOf(semantic.GoType)}
	case errors.As(err, &syntactic):
		return &InvalidError{string(syntactic.JSONPointer), fmt.Sprintf("not JSON at byte %d", syntactic.ByteOffset)}
	}
	return &InvalidError{"", "not JSON"}
}

// kindOf names what a Go type wants in the words of JSON.
func kindOf(t reflect.Type) string {
	switch {
	case t == nil:
		return "another type"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "an array"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return "a whole number"
	}
	return "an object"
}

// oneOf returns an error unless v is one of the words.
func oneOf(path, v string, words []string) error {
	for _, w := range words {
		if v == w {
			return nil
		}
	}
	return &InvalidError{path, "must be one of " + strings.Join(words, ", ")}
}
