// Package gateway is the control plane on the base port: HTTP for probes and
// WebSocket protocol 3 (package frame) for clients. It is a thin edge: it
// authenticates, authorises, checks and forwards. A method is a request on
// rpc.<method>, whoever serves it; what comes in under event. goes out to the
// clients whose scopes allow it.
//
// # Connections
//
// Host and Origin are checked before the upgrade, the credential in the
// connect request; a failed handshake ends the connection. Strangers, who have
// not said yet who they are, are at most maxStrangers: one more closes the
// oldest. A client has at most maxInFlight requests under way, which may
// overtake each other, and Limits.Rate of them a second, on loopback too.
//
// Each connection has one goroutine, which reads. It authorises a request,
// checks its params by the table of bus/rpc, publishes it and goes on; all
// answers come to one subscription (calls), so a request costs no goroutine. A
// method whose row names another one to follow gets two responses on one id.
//
// What outsiders can cause is logged once and then once a minute with the
// count, and what one connection does wrong once for that connection.
//
// # Who is let in
//
// The shared credential (token or password) lets in by itself, with all scopes
// unless fewer are asked for. A device proves its key over the challenge. It has
// to be paired (package pairing) for the role and the scopes that it asks for:
// with the shared credential on plain loopback it pairs itself, from anywhere else
// it waits for an operator (NOT_PAIRED "pairing required"). A paired device needs
// no shared credential: its key lets it in, and the first time it gets a token,
// which from then on it may present beside the key. The role node is for devices
// only. Nobody approves or rotates a token to scopes that he has not got himself.
//
// What is taken back (a token rotated, a role revoked, a device removed) ends the
// connections that lived by it before the answer is sent.
//
// # Nodes
//
// A node's connection answers on node.<nodeId>.invoke like those of the bridge, and
// one more connection of a node ends the one before. A command goes to a node only
// if the node declared it, gateway.nodes does not deny it, and gateway.nodes or the
// node's platform allows it.
//
// # Events
//
// An event is encoded once; a connection adds its own sequence number, which
// has no gap. What goes to a client gathers in its outbox while a goroutine,
// which is there only then, writes what came before in one system call. A client
// for which more than Limits.MaxBuffered bytes wait is dropped: all that waits is
// forgotten, it gets a close frame if it reads on within closeGrace, and nobody
// waits for it.
//
// Presence is told at most once in presencePace for each client. The events
// bus.message and bus.rates go only to the connection that asked for them with
// bus.tail. What comes in under client. is for one connection, such as the
// pictures of a tab that it watches; when half of MaxBuffered waits for it already,
// it does without.
//
// # Stop
//
// Answers that are on their way go out first. Then clients get the event shutdown
// and the close code 1012. One that does not answer within closeGrace is cut off.
// The next life of the component may serve the same port already; what one life
// ends is no news for the other's clients.
package gateway
