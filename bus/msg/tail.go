package msg

import "encoding/json"

// Tail is asked of rpc.bus.tail by a client, whose connection then gets
// BusMessages and BusRates until Untail or its end.
type Tail struct {
	Subjects []string `json:"subjects" min:"1" max:"16" doc:"Patterns, with or without clawdbot.<profile>. before them."`
}

// TailID names a tail: the answer of rpc.bus.tail, and what is asked of
// rpc.bus.untail.
type TailID struct {
	ID string `json:"id"`
}

// BusMessages is event.bus.message: what came since the last one.
type BusMessages struct {
	ID       string       `json:"id"` // of the tail
	Messages []BusMessage `json:"messages"`
	Dropped  int          `json:"dropped"` // that came as well and are not shown
}

// BusMessage is one message on the bus without its secrets.
type BusMessage struct {
	Subject   string          `json:"subject"`
	TS        int64           `json:"ts"`             // Unix milliseconds
	Bytes     int             `json:"bytes"`          // of the whole payload
	Data      json.RawMessage `json:"data,omitempty"` // the payload, when it is JSON
	Text      string          `json:"text,omitempty"` // the payload, when it is not
	Truncated bool            `json:"truncated,omitempty"`
}

// BusRates is event.bus.rates: messages per second by subject.
type BusRates struct {
	ID       string         `json:"id"` // of the tail
	Subjects map[string]int `json:"subjects"`
}

// BusPublish is asked of rpc.bus.publish.
type BusPublish struct {
	Subject string          `json:"subject" doc:"With or without clawdbot.<profile>. before it."`
	Data    json.RawMessage `json:"data,omitempty" doc:"The payload."`
}

// BusPublished is its answer.
type BusPublished struct {
	Subject string `json:"subject"`
}

// Features is event.features: what a client may ask for, and what it may hear.
type Features struct {
	Methods []string `json:"methods"`
	Events  []string `json:"events"`
}

// ClientEvent is client.<conn>: an event for one client alone.
type ClientEvent struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}
