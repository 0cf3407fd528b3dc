package msg

import (
	"encoding/json"
	"time"
)

// RecordQuery is asked of rpc.record.show.
type RecordQuery struct {
	LastMs  int64  `json:"lastMs,omitempty" doc:"how far back; 10 min without it" min:"0"`
	Subject string `json:"subject,omitempty" doc:"in.> or clawdbot.main.in.>; all without it"`
	Limit   int    `json:"limit,omitempty" doc:"entries, the newest; 500 without it" min:"0"`
	Bodies  bool   `json:"bodies,omitempty" doc:"with what people wrote"`
}

// RecordShown is its answer.
type RecordShown struct {
	Entries   []json.RawMessage `json:"entries"` // tape.Entry, the oldest first
	Truncated bool              `json:"truncated"`
}

// RecordExport is asked of rpc.record.export.
type RecordExport struct {
	LastMs  int64     `json:"lastMs,omitempty" doc:"how far back; everything without it" min:"0"`
	Subject string    `json:"subject,omitempty" doc:"in.> or clawdbot.main.in.>; all without it"`
	After   time.Time `json:"after,omitzero" doc:"the next of the page before"`
	Bodies  bool      `json:"bodies,omitempty" doc:"with what people wrote"`
}

// RecordPage is its answer: the whole recording, in pages that the bus takes.
// Asking with After until Next is zero gives it all.
type RecordPage struct {
	Header  RecordHeader      `json:"header"`
	Entries []json.RawMessage `json:"entries"` // tape.Entry, the oldest first
	Next    time.Time         `json:"next,omitzero"`
}

// RecordHeader is the first line of a recording.
type RecordHeader struct {
	Format   string    `json:"format"`
	Version  string    `json:"version"` // of the program that wrote it
	Profile  string    `json:"profile"` // bus name of the gateway that was recorded
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Subject  string    `json:"subject,omitempty"` // what was chosen; "" for all
	Redacted bool      `json:"redacted"`          // always true
	Bodies   bool      `json:"bodies"`            // what people wrote is in it
}

// RecordStats is the answer of rpc.record.stats.
type RecordStats struct {
	Since    int64            `json:"since"` // of the oldest file; 0 for an empty recording
	Files    int              `json:"files"`
	Bytes    int64            `json:"bytes"`
	Messages map[string]int64 `json:"messages"` // by kind, since the recorder began
	Gaps     int64            `json:"gaps"`     // floods of which only a part was recorded
	Lost     int64            `json:"lost"`     // entries that the disk refused
}

// EventsQuery is asked of rpc.events.since.
type EventsQuery struct {
	Since  int64    `json:"since,omitempty" doc:"Unix milliseconds of the first moment; a cursor goes before it" min:"0"`
	Cursor string   `json:"cursor,omitempty" doc:"of the last event that is known" max:"32"`
	Limit  int      `json:"limit,omitempty" doc:"the oldest so many; 500 without it" min:"1" max:"5000"`
	Names  []string `json:"names,omitempty" doc:"only these events; all but tick without it" max:"64"`
}

// EventsSince is its answer: what the caller may see of the events that were
// sent, the oldest first.
type EventsSince struct {
	Events   []PastEvent `json:"events"`
	Cursor   string      `json:"cursor"`   // asks for what comes after
	More     bool        `json:"more"`     // there were more than the limit
	Complete bool        `json:"complete"` // nothing is missing up to the cursor, and no payload was changed
}

// PastEvent is one event that was sent.
type PastEvent struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload,omitempty"` // secrets hidden; absent when it was too long to be kept
	TS      int64           `json:"ts"`
	Cursor  string          `json:"cursor"`
}
