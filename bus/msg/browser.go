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
