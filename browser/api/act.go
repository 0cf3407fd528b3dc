package api

import "encoding/json"

// ActRequest is what POST /act takes. Kind says what to do, and which of the
// other fields are used; the comments name the kinds.
type ActRequest struct {
	TabRequest
	Kind      string `json:"kind"`
	Ref       string `json:"ref,omitempty"`       // element of a snapshot; all that act on one
	TimeoutMs int    `json:"timeoutMs,omitempty"` // 0 means the kind's own; taken into 500..60000, for wait and evaluate 500..120000

	DoubleClick bool     `json:"doubleClick,omitempty"` // click
	Button      string   `json:"button,omitempty"`      // click: left (also ""), right or middle
	Modifiers   []string `json:"modifiers,omitempty"`   // click: Alt, Control, ControlOrMeta, Meta, Shift

	Text   string `json:"text,omitempty"`   // type: replaces what is there, or follows it with slowly; wait: appears
	Submit bool   `json:"submit,omitempty"` // type: Enter after it
	Slowly bool   `json:"slowly,omitempty"` // type: after a click, key by key, 75 ms apart

	Key     string `json:"key,omitempty"`     // press: Enter, a, Control+A …
	DelayMs int    `json:"delayMs,omitempty"` // press: how long the key is down

	StartRef string `json:"startRef,omitempty"` // drag
	EndRef   string `json:"endRef,omitempty"`   // drag

	Values []string    `json:"values,omitempty"` // select: values or labels of options
	Fields []FormField `json:"fields,omitempty"` // fill

	Width  int `json:"width,omitempty"`  // resize, CSS pixels
	Height int `json:"height,omitempty"` // resize

	TimeMs    int    `json:"timeMs,omitempty"`    // wait, before the other conditions
	TextGone  string `json:"textGone,omitempty"`  // wait
	Selector  string `json:"selector,omitempty"`  // wait: a CSS selector of what appears
	URL       string `json:"url,omitempty"`       // wait: a glob, or a part of the address
	LoadState string `json:"loadState,omitempty"` // wait: load, domcontentloaded or networkidle
	Fn        string `json:"fn,omitempty"`        // evaluate: an expression or a function, of the element when there is a ref; wait: one that becomes true
}

// FormField is one field of a form to fill. Type checkbox or radio takes a
// boolean Value; any other type, or none, a text or number.
type FormField struct {
	Ref   string `json:"ref"`
	Type  string `json:"type,omitempty"`
	Value any    `json:"value"`
}

// Acted is the answer of POST /act (act). Click, resize and evaluate tell the
// page's address; evaluate tells the result too, unless that is undefined.
type Acted struct {
	OnTab
	URL    string          `json:"url,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// TabsActionRequest is what POST /tabs/action (tabs_action) takes: Action is
// list, new, close or select. Index counts the tabs of the list from 0; close
// without one closes the first.
type TabsActionRequest struct {
	ProfileRequest
	Action string `json:"action"`
	Index  *int   `json:"index,omitempty"`
}

// TabsActed is its answer: Tabs for list, Tab for new, TargetID for the others.
type TabsActed struct {
	Answered
	OK       bool   `json:"ok"`
	Tabs     []Tab  `json:"tabs,omitzero"`
	Tab      *Tab   `json:"tab,omitempty"`
	TargetID string `json:"targetId,omitempty"`
}
