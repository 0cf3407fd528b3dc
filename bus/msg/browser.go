package msg

import "encoding/json"

// BrowserRequest is asked of rpc.browser.request: one call of browser control, as
// over HTTP. The answer is the body that HTTP would have.
type BrowserRequest struct {
	Method    string            `json:"method" enum:"GET|POST|DELETE" doc:"Method of the route."`
	Path      string            `json:"path" max:"2048" doc:"The route, as /tabs or /tabs/open."`
	Query     map[string]string `json:"query,omitempty" doc:"What stands in the route's query, such as profile."`
	Body      json.RawMessage   `json:"body,omitempty" doc:"The route's body, an object."`
	TimeoutMs int64             `json:"timeoutMs,omitempty" min:"1" max:"120000" doc:"How long it may take. Unset: as long as the route takes."`
}

// BrowserWatch is asked of rpc.browser.watch and rpc.browser.unwatch by a client,
// whose connection gets BrowserFrames of the tab in between.
type BrowserWatch struct {
	Profile  string `json:"profile,omitempty" doc:"The browser profile. Unset: the default one."`
	TargetID string `json:"targetId,omitempty" max:"256" doc:"The tab, or the beginning of its id. Unset: the one used last."`
}

// BrowserWatched is the answer of rpc.browser.watch.
type BrowserWatched struct {
	Profile  string `json:"profile"`
	TargetID string `json:"targetId"`
	LeaseMs  int64  `json:"leaseMs"` // ask again within this time, or the frames end
}

// BrowserFrame is event.browser.frame: what a watched tab shows, when that has
// changed, or why nothing is to be seen of it.
type BrowserFrame struct {
	Profile     string `json:"profile"`
	TargetID    string `json:"targetId"`
	TS          int64  `json:"ts"`                    // Unix milliseconds
	ContentType string `json:"contentType,omitempty"` // image/jpeg
	Data        []byte `json:"data,omitempty"`        // base64; the picture
	Width       int    `json:"width,omitempty"`       // of the tab's window, in CSS pixels
	Height      int    `json:"height,omitempty"`
	Hidden      bool   `json:"hidden,omitempty"` // the tab is behind another one or minimised: no picture comes until it is not
	Ended       string `json:"ended,omitempty"`  // why no more frames come
}
