// Package record is the flight recorder: it keeps the last traffic of the
// profile's bus, its log lines, events, config changes and beats, so that what
// came before a trouble can be read after it, of a dead gateway as well.
//
// # What is kept
//
// Messages are kept whole up to 16 KiB, secrets hidden on the way in (see
// tape.Redactor), in a ring of files beside the store, 64 MiB and 24 h at most.
// Writing is batched and not synced: a crash of the process loses at most the
// last 200 ms, a power cut some seconds more. Replies are not kept, they have no
// subject of their own; nor are pings and probes.
//
// A beat that says the same as the one before keeps its number only, and every
// fortieth is kept whole.
//
// # Events that a client missed
//
// events.since reads the events among it again, as far as the caller's scopes
// allow. Its answer is complete only when the recording reaches back far enough,
// has no gap in between, and kept each payload whole, with nothing hidden in it.
//
// # What the bus pays
//
// Every kind of message has a credit for 100 ms. The server itself ends the
// subscription when it is used up, so that a flood costs the bus nothing beyond
// it, and the recorder never holds more than the credit of all kinds. Then comes
// an entry that says since when messages may be missing, for nobody counts them.
//
// # Nobody serves
//
// To the NATS server a recorder is a listener like any other, and who listens
// counts as one that may answer. So for a request that reached nobody else the
// recorder gives the server's own answer, no responders. It knows for 200 ms who
// listens: a request to a service that has just gone, or one of a flood of them on
// ever new subjects, may wait for its time-out instead.
package record
