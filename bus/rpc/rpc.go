// Package rpc is the table of the control plane: every method that clients may
// call and every event that they may get, with its scope and its shapes. What
// the gateway checks, what rpc.schema tells and what docs/rpc.md says all come
// from it. The structs are those of package msg.
//
// A method that is not in the table may still be served by anyone on the bus: it
// needs the scope Admin, and its params are its owner's to check.
package rpc

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// None is the params or the result of a method that has none.
type None struct{}

// Method is one method of the control plane.
type Method struct {
	Name    string
	Scope   string
	Doc     string // one sentence
	Params  reflect.Type
	Result  reflect.Type
	Timeout time.Duration // how long its owner may take; 0 means a minute
	Then    string        // a method, asked with the result's runId, whose answer is a second response to the same request
}

// Event is one event that clients get.
type Event struct {
	Name    string
	Scope   string
	Doc     string // one sentence
	Payload reflect.Type
}

// index is the table as it is looked up. It is made when it is first asked for.
type index struct {
	methods []Method // sorted by name
	events  []Event
}

var indexed = sync.OnceValue(func() *index {
	i := &index{
		methods: slices.Concat(
			gatewayMethods(), pairingMethods(), coreMethods(), agentMethods(), deskMethods(), cronMethods(), approvalMethods(),
			recordMethods(), rescueMethods(), partMethods(),
		),
		events: slices.Concat(gatewayEvents(), pairingEvents(), agentEvents(), deskEvents(), cronEvents(), approvalEvents(), rescueEvents(), partEvents()),
	}
	slices.SortFunc(i.methods, func(a, b Method) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(i.events, func(a, b Event) int { return strings.Compare(a.Name, b.Name) })
	return i
})

// Methods is the whole table, sorted by name.
func Methods() []Method { return slices.Clone(indexed().methods) }

// Events is the whole table, sorted by name.
func Events() []Event { return slices.Clone(indexed().events) }

// Find is the row of a method. It is false for one that is not in the table.
func Find(name string) (Method, bool) {
	list := indexed().methods
	i, ok := slices.BinarySearchFunc(list, name, func(m Method, name string) int { return strings.Compare(m.Name, name) })
	if !ok {
		return Method{}, false
	}
	return list[i], true
}

// FindEvent is the row of an event. It is false for one that is not in the table.
func FindEvent(name string) (Event, bool) {
	list := indexed().events
	i, ok := slices.BinarySearchFunc(list, name, func(e Event, name string) int { return strings.Compare(e.Name, name) })
	if !ok {
		return Event{}, false
	}
	return list[i], true
}

func method[Params, Result any](name, scope, doc string, more ...func(*Method)) Method {
	m := Method{Name: name, Scope: scope, Doc: doc, Params: reflect.TypeFor[Params](), Result: reflect.TypeFor[Result]()}
	for _, set := range more {
		set(&m)
	}
	return m
}

func event[Payload any](name, scope, doc string) Event {
	return Event{Name: name, Scope: scope, Doc: doc, Payload: reflect.TypeFor[Payload]()}
}

// within gives the owner of a method its time.
func within(d time.Duration) func(*Method) { return func(m *Method) { m.Timeout = d } }

// then makes the answer of another method follow.
func then(name string) func(*Method) { return func(m *Method) { m.Then = name } }
