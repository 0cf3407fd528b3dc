// Package tape is the form of a recording: its entries, how they are read from
// the ring beside a store, how they travel in a file, and what is hidden in them.
package tape

import (
	"encoding/json"
	"strings"
	"time"

	"clawdbot/profile/store"
)

// The ring of a recording, in the words of store.NewRing.
const (
	Component = "record"
	Kind      = "traffic"
)

// Entry is one recorded message, or a note on what is missing.
type Entry struct {
	At      time.Time           `json:"at"` // UTC, whole microseconds; each entry of a recording has another
	Subject string              `json:"subject"`
	Request bool                `json:"request,omitempty"` // somebody waited for a reply
	Header  map[string][]string `json:"header,omitempty"`
	Size    int                 `json:"size,omitempty"` // of the body as it was sent, in bytes
	Body    json.RawMessage     `json:"body,omitempty"` // a JSON body
	Raw     []byte              `json:"raw,omitempty"`  // any other body, and one that was cut
	Cut     bool                `json:"cut,omitempty"`  // Raw is only the beginning
	// Gap is a sentence that says what is missing from the recording on the
	// subject, which may hold wildcards. Such an entry is no message.
	Gap string `json:"gap,omitempty"`
}

// maxBody is how much of a body is kept, in bytes.
const maxBody = 16 << 10

// NewEntry returns a message as it is kept: without its secrets, and with as much
// of its body as an entry holds.
func (r *Redactor) NewEntry(at time.Time, subject string, header map[string][]string, body []byte) Entry {
	e := Entry{At: at, Subject: subject, Header: r.RedactHeader(header), Size: len(body)}
	safe, isJSON := r.redact(body)
	switch {
	case len(body) == 0:
	case len(safe) > maxBody:
		e.Raw, e.Cut = safe[:maxBody], true
	case isJSON:
		e.Body = safe
	default:
		e.Raw = safe
	}
	return e
}

// Of returns the kind of the entry's subject: in, event, log …; "" for what is
// no subject of a profile.
func (e Entry) Of() string { return KindOf(e.Subject) }

// KindOf returns the word behind the profile in a subject, or "".
func KindOf(subject string) string {
	parts := strings.SplitN(subject, ".", 4)
	if len(parts) < 4 || parts[0] != "clawdbot" {
		return ""
	}
	return parts[2]
}

// Closed returns the entry without its body if that may hold what people wrote:
// only log lines, beats, component states and config changes keep theirs.
func (e Entry) Closed() Entry {
	switch e.Of() {
	case "log", "health", "config":
		return e
	}
	e.Body, e.Raw, e.Cut = nil, nil, false
	return e
}

// Message is the body as it was sent, but for what is hidden, or as much of it
// as was kept.
func (e Entry) Message() []byte {
	if e.Body != nil {
		return e.Body
	}
	return e.Raw
}

// Usage is what the recording of the store in storeDir takes on the disk.
func Usage(storeDir string) (store.RingUse, error) {
	return store.MeasureRing(storeDir, Component, Kind)
}
