package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Answer is what a call answers with: a pointer to a struct that embeds
// Answered.
type Answer interface{ AnsweredBy(profile string) }

// Answered is part of every answer.
type Answered struct {
	GatewayProfile string `json:"gatewayProfile"` // bus name of the profile that answered
}

// AnsweredBy names the gateway profile that answers.
func (a *Answered) AnsweredBy(profile string) { a.GatewayProfile = profile }

// Done is the answer of a call that has nothing else to say.
type Done struct {
	Answered
	OK bool `json:"ok"`
}

// OnTab is part of the answers of calls that act on one tab.
type OnTab struct {
	Answered
	OK       bool   `json:"ok"`
	TargetID string `json:"targetId"`
}

// DidOnTab tells which tab was acted on.
func (o *OnTab) DidOnTab(targetID string) { o.OK, o.TargetID = true, targetID }

// ProfileRequest chooses the browser profile of any call; "" means the default.
type ProfileRequest struct {
	Profile string `json:"profile,omitempty"`
}

// TabRequest chooses the tab of a call: by its id, or a prefix of it in either
// case that fits only one. "" means the tab used last, else the first.
type TabRequest struct {
	ProfileRequest
	TargetID string `json:"targetId,omitempty"`
}

// Failure is the answer of a call that did not succeed.
type Failure struct {
	Answered
	Error string `json:"error"`
}

// failure is an error with the HTTP status it is answered with.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }
func (f *failure) Status() int   { return f.status }

// Errorf returns an error that is answered with the HTTP status.
func Errorf(status int, format string, a ...any) error {
	return &failure{status, fmt.Errorf(format, a...)}
}

// StatusOf returns the status of an error that has one, by a method Status; one
// without is our own failure.
func StatusOf(err error) int {
	var e interface {
		error
		Status() int
	}
	if errors.As(err, &e) {
		return e.Status()
	}
	return http.StatusInternalServerError
}

// OrNull returns nil for the zero value.
func OrNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
