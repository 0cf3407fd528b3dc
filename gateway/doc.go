// Package gateway is the control plane on the base port: HTTP for probes and
// WebSocket protocol 3 (package frame) for clients. It is a thin edge: it
// authenticates, authorises, checks and forwards. A method is a request on
// rpc.<method>, whoever serves it; what comes in under event. goes out to the
// clients whose scopes allow it.
//
// # Connections
//
// Host and Origin are checked before the upgrade, the credential in the
// connect request; a failed handshake ends the connection. Each connection
// has one reader, one writer and one goroutine for its deadlines, and at most
// maxInFlight requests under way, which may overtake each other.
//
// # Events
//
// An event is encoded once; a connection adds its own sequence number, which
// has no gap. What a client has not read yet waits in memory up to
// Limits.MaxBuffered bytes. Past that the client is dropped at once, without a
// close frame, for there is no room to send one; nobody waits for it.
//
// # Stop
//
// Clients get the event shutdown and the close code 1012. One that does not
// answer within closeGrace is cut off. The next life of the component may serve
// the same port already; what one life ends is no news for the other's clients.
package gateway
