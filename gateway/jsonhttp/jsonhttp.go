// Package jsonhttp is JSON over HTTP as every endpoint of the base port speaks
// it: bodies are read within a bound and refused with the place of what is wrong,
// answers are never kept by a cache, and an error of the bus has one HTTP status.
package jsonhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"clawdbot/bus"
)

// Error is why a request is not done, with the status that says so.
type Error struct {
	Status     int
	Message    string
	RetryAfter time.Duration // 0 says nothing of it
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an *Error with the status and the formatted message.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

// Of gives an error of the bus its status. An *Error stays as it is.
func Of(err error) *Error {
	var own *Error
	var failed *bus.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &failed):
		return ofBus(failed)
	case errors.Is(err, nats.ErrMaxPayload):
		return Errorf(http.StatusRequestEntityTooLarge, "the request is longer than the bus takes")
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(http.StatusGatewayTimeout, "no answer in time: %v", err)
	}
	return Errorf(http.StatusServiceUnavailable, "%v", err)
}

func ofBus(failed *bus.Error) *Error {
	e := &Error{Status: http.StatusServiceUnavailable, Message: failed.Message}
	switch failed.Code {
	case bus.CodeInvalidRequest:
		e.Status = http.StatusBadRequest
	case bus.CodeNotPaired:
		e.Status = http.StatusForbidden
	case bus.CodeNotLinked:
		e.Status = http.StatusConflict
	case bus.CodeAgentTimeout:
		e.Status = http.StatusGatewayTimeout
	}
	if failed.Retryable {
		e.RetryAfter = max(time.Duration(failed.RetryAfterMs)*time.Millisecond, time.Second)
	}
	return e
}

// Body reads a request's body, which must be JSON of at most limit bytes, with
// no key twice in one object. From then on the request may take as long as it
// needs: the server's deadline for reading it no longer holds. Errors are *Error.
func Body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return nil, Errorf(http.StatusUnsupportedMediaType, "send JSON, with Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, Errorf(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", limit)
	case err != nil:
		return nil, Errorf(http.StatusRequestTimeout, "the body did not come: %v", err)
	case len(body) == 0:
		return nil, Errorf(http.StatusBadRequest, "the body is empty: send JSON")
	}
	var whole jsontext.Value
	if err := Decode(body, &whole); err != nil {
		return nil, err
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a server without one has none to lift
	return body, nil
}

// Decode reads a body into v and passes over keys that v does not have. What
// does not fit is an *Error that names the place as a JSON pointer.
func Decode(body []byte, v any) error {
	err := jsonv2.Unmarshal(body, v)
	var semantic *jsonv2.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return At(string(syntactic.JSONPointer), "repeated key")
	case errors.As(err, &syntactic):
		return At(string(syntactic.JSONPointer), "not JSON at byte %d", syntactic.ByteOffset)
	case errors.As(err, &semantic):
		return At(string(semantic.JSONPointer), "must be %s", kindOf(semantic.GoType))
	}
	return At("", "not JSON")
}

// At is an *Error about one place of the body, "" for all of it.
func At(pointer, format string, args ...any) error {
	where := "the body"
	if pointer != "" {
		where = "at " + pointer
	}
	return Errorf(http.StatusBadRequest, "%s: %s", where, fmt.Sprintf(format, args...))
}

// kindOf names what a Go type is read from.
func kindOf(t reflect.Type) string {
	if t == nil {
		return "another type"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// Write answers with v as JSON.
func Write(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only when the client is gone
}

// Refuse answers with e's status and body, the shape that the endpoint has for
// errors.
func Refuse(w http.ResponseWriter, e *Error, body any) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	Write(w, e.Status, body)
}
