package msg

// CanvasStatus is the answer of canvas.status.
type CanvasStatus struct {
	URL        string `json:"url"` // needs the token or a cookie; canvas.url returns one that does not
	Root       string `json:"root"`
	LiveReload bool   `json:"liveReload"`
	Pages      int    `json:"pages"` // open sockets
}

// CanvasQuery is asked of canvas.url.
type CanvasQuery struct {
	Path string `json:"path,omitempty" doc:"in the root; its index.html without it" max:"4096"`
}

// CanvasLink is its answer: a URL that lets a browser in.
type CanvasLink struct {
	URL         string `json:"url"`
	ExpiresAtMs int64  `json:"expiresAtMs"`
}
