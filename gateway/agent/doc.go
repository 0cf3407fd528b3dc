// Package agent takes messages for the agent from clients, chat channels and
// other services, keeps the sessions, has the messages answered, and sees the
// answers delivered.
//
// # Sessions
//
// A session has a key, agent:<agent>:<rest>, and keeps its messages until it is
// reset or deleted, or they are too many (Limits). main is the rest of an agent's
// main session; a sender on a channel has the session <channel>:<from> of the
// default agent. The least used sessions go when there are too many, but never
// main ones and those with runs.
//
// # Runs
//
// Each message that asks for an answer is a run: of chat.send and agent under
// the client's idempotencyKey, of a channel's message as in:<seq>, of wake as
// wake:<key>. A method answers when message and run are on disk, and not before.
// The same key again begins nothing and tells how the run is, also after a
// restart, until Limits.RunAge or Limits.MaxRuns newer ones have passed.
//
// The runs of one session go one after the other, in the order of their messages;
// those of others beside them, at most Limits.MaxParallel at once. A Responder
// answers; without one the commands do. The events agent and chat tell how a run
// goes. They may be lost; how it ended is in the session and in agent.wait.
//
// A restart finds a run in one of three ways. One that waited begins. One that
// was under way may have had effects: it ends as an error, "interrupted by a
// restart", in the session and in the events. One for a channel's message is
// answered anew in any case, for its sender will not ask again.
//
// # Messages of channels
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
// take writes. A sender that waits for each reply before its next request has its
// own order kept.
//
// # Answers
//
// An answer for a channel (msg.Out) is stored in the same update that ends its
// run, and is then requested on clawdbot.<p>.out.<channel> until a connector
// replies without an error. Nobody listening counts as not delivered. Between
// attempts pass 250 ms, doubling to 30 s; they go on after a restart. Delivery is
// at least once: a connector that sees a Seq again has had that answer before.
// What a channel is to deliver goes in the order of the sequence numbers;
// channels do not wait for each other. The method send puts texts into the same
// queue.
//
// A channel holds at most Limits.MaxPending messages and answers together. At
// the cap new messages are refused; what was accepted is never dropped. An abort
// ends a message without an answer, a failed run answers with the reason.
//
// # System events
//
// wake stores a text for the main session, which its next run is given; with the
// mode now, that is a run of its own, and counts as a heartbeat. There is no
// schedule of heartbeats. set-heartbeats off makes the mode now wait, too.
//
// # In the store
//
//	agent/in         messages of channels that are not answered yet
//	agent/out        answers that are not delivered yet
//	agent/seen       <channel>/<id> → sequence number and time
//	agent/session    key → settings, and which messages there are
//	agent/message    <session id>/<number>
//	agent/run        runs by id
//	agent/event      system events that wait
//	agent/heartbeat  the switch and the last heartbeat
//	agent/desk       preferences of voicewake, tts and talk.mode
//	agent/probe      what a probe writes and takes away again
package agent
