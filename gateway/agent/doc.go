// Package agent takes messages for the agent from chat channels and other
// services, and sees the answers delivered.
//
// # Messages in
//
// A message is a request on clawdbot.<p>.in.<channel> (msg.In). The reply
// (msg.Accepted) comes when the message is on disk, and not before. An id that
// the channel has used before is accepted again with the first one's sequence
// number, and answered only once; so a sender that got no reply sends the same
// message again. Ids are remembered across restarts, until they are older than
// Limits.SeenAge or Limits.MaxSeen newer messages have come.
//
// What cannot be kept is refused and never half accepted: INVALID_REQUEST for
// what is no message, UNAVAILABLE when the queue is full or the store does not
// take writes.
//
// # Order
//
// Each channel's messages are answered, and its answers delivered, in the order
// of their sequence numbers; channels do not wait for each other. A sender that
// waits for each reply before its next request has its own order kept.
//
// # Answers
//
// An answer (msg.Out) is stored in the same update that takes its message off
// the list, and is then requested on clawdbot.<p>.out.<channel> until a connector
// replies without an error. Nobody listening counts as not delivered. Between
// attempts pass 250 ms, doubling to 30 s; they go on after a restart. Delivery is
// at least once: a connector that sees a Seq again has had that answer before.
//
// A channel holds at most Limits.MaxPending messages and answers together. At
// the cap new messages are refused; what was accepted is never dropped.
//
// # In the store
//
//	agent/in    messages that are not answered yet
//	agent/out   answers that are not delivered yet
//	agent/seen  <channel>/<id> → sequence number and time
//	agent/probe what a probe writes and takes away again
package agent
