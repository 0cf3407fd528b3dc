// Package store keeps what a profile must not lose, in one Pebble database under the profile's state folder.
//
// # Keys
//
// A key is <component>/<kind>/<id>, and a value is JSON. Component and kind are lower-case words of a-z, 0-9 and "-".
// An id is one of two things, and a keyspace holds only one of them:
//
//   - a string ([Keyspace]): 1 to 512 bytes of valid UTF-8 without control characters. It may hold "/" anywhere.
//   - a sequence number ([Log]): 8 bytes, big-endian, from 1 to 2^56-1, so that key order is number order. The first
//     byte is therefore always zero, which no string begins with. People see and type it as a decimal number.
//
// Who owns what:
//
//	config/generation       config   every config that ran: text, hash, time, source, verdict
//	config/running          config   the generation that runs unproven, until the gateway ends in order
//	agent/in                agent    messages that came in; the sender has its answer only after the write
//	agent/out               agent    replies that wait for their channel's acknowledgement
//	agent/seen              agent    ids of handled messages, against a second delivery
//	agent/session           agent    sessions: settings, and which messages there are
//	agent/message           agent    <session id>/<number>, the messages of the sessions
//	agent/run               agent    runs by id, until some time after their end
//	agent/event             agent    system events that wait for their session's next run
//	agent/heartbeat         agent    whether heartbeats are on, and the last one
//	agent/desk              agent    preferences of voicewake, tts and talk.mode
//	cron/job                cron     jobs by id, each with the run that was claimed
//	cron/run                cron     the newest runs of all jobs
//	browser/profile         browser  browser profiles that calls have created, by name
//	browser/owner           browser  Chromiums that the gateway started, by browser profile
//	bus/grant               bus      named services and the subjects each may use
//	gateway/device          gateway  paired devices by id, with the SHA-256 of their tokens
//	gateway/device-request  gateway  devices that wait for an operator, by request id
//	gateway/node            gateway  paired nodes by id, with the SHA-256 of their tokens
//	gateway/node-request    gateway  nodes that wait for an operator, by request id
//	rescue/incident         rescue   incidents, one record each
//	rescue/hold             rescue   peers that an operator or too many repairs put on hold
//	rescue/notice           rescue   messages to the operator that no channel has taken yet
//	…/receipt               each its own: answers of what is to be done once, see [Receipts]
//	store/…                 store    reserved: commit/last counts the commits, seq/<component>/<kind> the numbers of a log
//
// Beside the database lie the rings (<dir>.ring/<component>-<kind>/, see [Ring]): the newest of what may be lost, as
// the flight recorder keeps it, in files of their own.
//
// # Durability
//
// A write returns after its bytes were synced to disk; writers that wait at the same time share one sync. An [Update]
// is atomic, and runs alone: what it reads does not change before its writes are in. It returns only when what it read
// is on disk too, so an answer given after it stands on nothing that a crash can take away. A read outside an update
// may see a write whose sync is still under way.
//
// When the disk refuses a write (full, read-only, broken), the store stands still: nothing more reaches its folder, as
// if the process had been killed at that moment, every write returns the reason ([ErrFull], [ErrReadOnly] or the
// system's error), and reads go on. Whether the refused write, and those waiting beside it, are there shows only when
// the store is opened again, which is the way on after the cause is gone; until then reads may see them. No error ends
// the process.
//
// # The end mark
//
// Pebble opens without a word when the newest part of its log or of its manifest (the list of tables) is missing: to it,
// that looks like a crash before the write. So every commit carries a running number, and after each sync a small file
// beside the folder (<dir>.end) is told, without a sync of its own, the number of the last commit and the manifest's
// name, size and checksum. Open compares: fewer commits, or another manifest, than the mark tells is [ErrCorrupt], and
// no file of the damaged store has been removed by then.
//
// Noticed: the log deleted, cut short or overwritten; the manifest deleted, cut short or changed; the folder gone,
// emptied or replaced by an older one. After kill -9 this is exact to the last acknowledged commit. After a power cut
// the mark may be as old as the system's write-back (on Linux about half a minute); it is synced when the store is
// opened and closed.
//
// Not noticed by the mark: a store and its mark put back together from the same older copy; a lost older log while the
// newest is there, which takes a crash between a log's rotation and its flush; a loss while the mark itself is deleted
// or damaged (which is told in [Recovery] or the log, and it is made anew). Flipped bits inside tables are found by checksums when they are
// read, and by [Store.Verify], which reads them all.
//
// # Recovery
//
// [Recover] opens the store, and if that says [ErrCorrupt], moves it aside to <dir>.corrupt-<time>, puts a copy in its
// place, and tells both. The copy is of the newest checkpoint that verifies or, if only its newest commits are missing
// and it holds more, of the damaged store itself: a log damaged in its middle still gives all that lies before. It never does so for a store that is locked, not writable, newer than this
// program or on a full disk. Checkpoints are full copies, not links, so that they do not rot along with the store.
package store
