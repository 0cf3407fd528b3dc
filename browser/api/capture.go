package api

// ScreenshotRequest is what POST /screenshot (screenshot) takes: a picture of what
// is in view, unless FullPage, Ref or Element is set, of which there may be one.
type ScreenshotRequest struct {
	TabRequest
	Type     string `json:"type,omitempty"`     // png or jpeg; "" means png
	FullPage bool   `json:"fullPage,omitempty"` // the whole page
	Ref      string `json:"ref,omitempty"`      // of a snapshot
	Element  string `json:"element,omitempty"`  // CSS selector, in the main frame; the first that fits
	Inline   bool   `json:"inline,omitempty"`   // in the answer, not in a file; ours
}

// Screenshot is its answer: the path of a file on the gateway's host, or Data. No
// side is longer than 2000 pixels, and the picture has at most 5 MiB, or 700 KiB as
// Data: what is larger comes smaller, and as a JPEG when that does not do.
type Screenshot struct {
	OnTab
	URL         string `json:"url"`
	Path        string `json:"path,omitempty"`
	Data        []byte `json:"data,omitempty"`
	ContentType string `json:"contentType"` // image/png or image/jpeg
}

// PDF is the answer of POST /pdf (pdf): the page as it is printed, in a file on
// the gateway's host.
type PDF struct {
	OnTab
	Path string `json:"path"`
	URL  string `json:"url"`
}

// TraceStartRequest is what POST /trace/start (trace_start) takes. Snapshots and
// Sources are known to Playwright's traces alone, and change nothing: see doc.go.
type TraceStartRequest struct {
	TabRequest
	Screenshots bool `json:"screenshots,omitempty"` // frames of the page too
	Snapshots   bool `json:"snapshots,omitempty"`
	Sources     bool `json:"sources,omitempty"`
}

// TraceStopRequest is what POST /trace/stop (trace_stop) takes.
type TraceStopRequest struct {
	TabRequest
	Path string `json:"path,omitempty"` // of a new file, relative to the folder of pictures unless absolute; "" chooses one
}

// Trace is its answer: a zip with a Chrome trace in trace.json.
type Trace struct {
	OnTab
	Path string `json:"path"`
}

// HighlightRequest is what POST /highlight (highlight) takes.
type HighlightRequest struct {
	TabRequest
	Ref   string `json:"ref,omitempty"`   // of a snapshot
	Clear bool   `json:"clear,omitempty"` // instead of Ref: ends the highlight; ours
}
