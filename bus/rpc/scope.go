package rpc

import (
	"slices"
	"strings"
)

// Scopes of an operator. Admin holds all others, and who may write may read.
const (
	Admin     = "operator.admin"
	Read      = "operator.read"
	Write     = "operator.write"
	Pairing   = "operator.pairing"
	Approvals = "operator.approvals"
)

// Node stands in place of a scope for what only the role node may call.
const Node = "node"

// Anyone stands in place of a scope for what every client may have.
const Anyone = ""

// family is what names with a common beginning need when they are not in the
// table, by the original's rules.
type family struct{ prefix, scope string }

// ScopeOf is the scope that a method needs, Admin for one that nobody here knows.
func ScopeOf(method string) string {
	if m, ok := Find(method); ok {
		return m.Scope
	}
	return scopeIn([]family{
		{"usage.", Read}, {"tts.", Write}, {"node.pair.", Pairing}, {"device.", Pairing}, {"exec.approval.", Approvals},
	}, method, Admin)
}

// EventScope is the scope that an event needs, Anyone for none. One that nobody
// here knows needs Read.
func EventScope(event string) string {
	if e, ok := FindEvent(event); ok {
		return e.Scope
	}
	return scopeIn([]family{
		{"node.pair.", Pairing}, {"device.pair.", Pairing}, {"exec.approval.", Approvals},
	}, event, Read)
}

func scopeIn(families []family, name, otherwise string) string {
	for _, f := range families {
		if strings.HasPrefix(name, f.prefix) {
			return f.scope
		}
	}
	return otherwise
}

// Holds says whether an operator with these scopes has the one needed.
func Holds(scopes []string, need string) bool {
	switch {
	case need == Anyone:
		return true
	case need == Node:
		return false
	case slices.Contains(scopes, Admin), slices.Contains(scopes, need):
		return true
	}
	return need == Read && slices.Contains(scopes, Write)
}
