package rpc

import "strings"

// Headers that the gateway adds to each request that it forwards. They tell the
// owner of the method who asks. A request without them comes from a service on
// the bus, which the bus's own permissions let in.
const (
	HeaderClient = "Clawdbot-Client" // the client's id, such as cli
	HeaderConn   = "Clawdbot-Conn"   // the connection's id
	HeaderScopes = "Clawdbot-Scopes" // comma list of scopes; empty for a node
	HeaderDevice = "Clawdbot-Device" // the device's id, "" without one
	HeaderRole   = "Clawdbot-Role"   // operator or node
)

// header is what tells of a request's headers, such as micro.Headers and
// nats.Header.
type header interface{ Get(key string) string }

// Scopes are the scopes of who asks. A request that did not come through a
// gateway has them all: what a service on the bus may ask is the bus's business.
func Scopes(h header) []string {
	if h.Get(HeaderRole) == "" {
		return []string{Admin}
	}
	if list := h.Get(HeaderScopes); list != "" {
		return strings.Split(list, ",")
	}
	return nil
}
