// Package bridge is the TCP listener for nodes: phones, tablets and headless
// hosts that offer the gateway their camera, canvas or shell.
//
// # Framing
//
// Both sides send one JSON object a line, ended by "\n" ("\r\n" is taken too),
// in UTF-8. A line is at most Limits.MaxLine bytes without its end. Blank lines
// are ignored, and unknown keys too; what a node leaves behind its last "\n" is
// no frame. Every object has a "type":
//
//	from a node      hello pair-request req event invoke-res ping
//	from the bridge  error pair-ok hello-ok res event invoke pong
//
// Frames of one connection are handled in order, and answered before the next
// one is read: who sends faster than it reads is slowed down by TCP.
//
// # What a node gets
//
//	ping {id}                    pong {id}, at any time
//	hello without a nodeId       error INVALID_REQUEST
//	hello of an unknown node     error NOT_PAIRED, or UNAUTHORIZED when it presents a token
//	pair-request                 error UNAVAILABLE: this version does not pair
//	req before a good hello      res {id, ok:false, error UNAUTHORIZED}
//	event, invoke-res before it  error UNAUTHORIZED
//	a frame of the bridge's own  error INVALID_REQUEST
//	what is no frame             error INVALID_REQUEST
//
// The connection stays open after each of them, except for a line that is too
// long or never ends: what follows it cannot be told from its rest.
//
// # Limits
//
// A connection costs at most MaxLine bytes beside its socket, and there are at
// most MaxConns of them. One is closed, after an error frame that says why, when
// its first line takes longer than FirstFrame or a later one longer than Idle,
// both counted to the end of the line, so that sending a byte now and then does
// not help; and when it has had more than Refusals error answers, one of which
// is forgiven each second. A peer that does not read is closed after Write.
//
// # On the bus
//
// The micro service "bridge" serves its probe. The methods node.* are the
// gateway's, which asks on node.<nodeId>.invoke whoever has a node's connection;
// no node can be connected here yet.
package bridge
