package browser

// Answered is part of every answer.
type Answered struct {
	GatewayProfile string `json:"gatewayProfile"` // bus name of the profile that answered
}

func (a *Answered) answeredBy(profile string) { a.GatewayProfile = profile }

// answer is a pointer to a struct that embeds Answered.
type answer interface{ answeredBy(profile string) }

// Failure is the answer of a call that did not succeed.
type Failure struct {
	Answered
	Error string `json:"error"`
}

// Status is the answer of GET / (status) about one browser profile. Fields
// that are pointers are null while unknown, as in the original.
type Status struct {
	Answered
	Enabled                bool     `json:"enabled"`
	ControlURL             string   `json:"controlUrl"`
	Profile                string   `json:"profile"`
	Running                bool     `json:"running"` // same as CDPReady
	CDPReady               bool     `json:"cdpReady"`
	CDPHTTP                bool     `json:"cdpHttp"` // its /json/version answers
	PID                    *int     `json:"pid"`     // null unless we started it
	CDPPort                int      `json:"cdpPort"` // 0 until one is chosen
	CDPURL                 string   `json:"cdpUrl"`  // without credentials; "" until a port is chosen
	ChosenBrowser          *string  `json:"chosenBrowser"`
	DetectedBrowser        *string  `json:"detectedBrowser"` // chrome, brave, edge, chromium or custom
	DetectedExecutablePath *string  `json:"detectedExecutablePath"`
	DetectError            *string  `json:"detectError"`
	UserDataDir            *string  `json:"userDataDir"` // null for a browser of others
	Color                  string   `json:"color"`
	Headless               bool     `json:"headless"`
	NoSandbox              bool     `json:"noSandbox"`
	ExecutablePath         *string  `json:"executablePath"` // as configured
	AttachOnly             bool     `json:"attachOnly"`
	Notes                  []string `json:"notes"` // why it runs without a window or a sandbox, a sentence each
}

// Started is the answer of POST /start (start).
type Started struct {
	Answered
	OK      bool   `json:"ok"`
	Profile string `json:"profile"`
}

// Stopped is the answer of POST /stop (stop). Stopped is false when no
// Chromium of ours ran.
type Stopped struct {
	Answered
	OK      bool   `json:"ok"`
	Stopped bool   `json:"stopped"`
	Profile string `json:"profile"`
}

// Done is the answer of POST /tabs/focus (focus) and DELETE /tabs/{targetId}
// (close).
type Done struct {
	Answered
	OK bool `json:"ok"`
}

// Tab is one page of a browser.
type Tab struct {
	TargetID string `json:"targetId"`
	Title    string `json:"title"`
	URL      string `json:"url"`
	WSURL    string `json:"wsUrl"` // the page's own CDP address
	Type     string `json:"type"`  // always page
}

// Tabs is the answer of GET /tabs (tabs).
type Tabs struct {
	Answered
	Running bool  `json:"running"`
	Tabs    []Tab `json:"tabs"`
}

// Opened is the answer of POST /tabs/open (open), with title and URL as the
// page that loaded has them. After 3 s it comes without a title. A page that
// cannot be had is a failure with net::ERR_*, as in the original's navigate.
type Opened struct {
	Answered
	Tab
}

// ProfileInfo is one browser profile.
type ProfileInfo struct {
	Name      string `json:"name"`
	CDPPort   int    `json:"cdpPort"` // 0 until one is chosen
	CDPURL    string `json:"cdpUrl"`  // without credentials; "" until a port is chosen
	Color     string `json:"color"`
	Running   bool   `json:"running"`
	TabCount  int    `json:"tabCount"`
	IsDefault bool   `json:"isDefault"`
	IsRemote  bool   `json:"isRemote"`
}

// Profiles is the answer of GET /profiles (profiles).
type Profiles struct {
	Answered
	Profiles []ProfileInfo `json:"profiles"`
}

// ProfileRequest chooses the browser profile of any call; "" means the default.
type ProfileRequest struct {
	Profile string `json:"profile,omitempty"`
}

// OpenRequest is what POST /tabs/open (open) takes. The URL is one of http,
// https or data, or about:blank.
type OpenRequest struct {
	ProfileRequest
	URL string `json:"url"`
}

// TargetRequest is what POST /tabs/focus (focus) and close take. TargetID may
// be a prefix, in either case, that fits only one tab.
type TargetRequest struct {
	ProfileRequest
	TargetID string `json:"targetId"`
}

// orNull returns nil for the zero value.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// ScreenshotRequest is what POST /screenshot (screenshot) takes. Without a
// TargetID it is the first tab.
type ScreenshotRequest struct {
	ProfileRequest
	TargetID string `json:"targetId,omitempty"`
	Type     string `json:"type,omitempty"`     // png or jpeg; "" means png
	FullPage bool   `json:"fullPage,omitempty"` // beyond what is in view
	Inline   bool   `json:"inline,omitempty"`   // in the answer, not in a file; ours
}

// Screenshot is its answer: the path of a file on the gateway's host, or Data.
type Screenshot struct {
	Answered
	OK          bool   `json:"ok"`
	TargetID    string `json:"targetId"`
	URL         string `json:"url"`
	Path        string `json:"path,omitempty"`
	Data        []byte `json:"data,omitempty"`
	ContentType string `json:"contentType"`
}

// SnapshotRequest is what GET /snapshot (snapshot) takes.
type SnapshotRequest struct {
	ProfileRequest
	TargetID string `json:"targetId,omitempty"`
	Format   string `json:"format,omitempty"` // aria
	Limit    int    `json:"limit,omitempty"`  // nodes; 0 means 500
}

// Snapshot is its answer.
type Snapshot struct {
	Answered
	OK        bool       `json:"ok"`
	Format    string     `json:"format"`
	TargetID  string     `json:"targetId"`
	URL       string     `json:"url"`
	Nodes     []AriaNode `json:"nodes"`
	Truncated bool       `json:"truncated,omitempty"` // there are more nodes than were asked for
}

// AriaNode is one node of the accessibility tree.
type AriaNode struct {
	Ref              string `json:"ref"` // ax1, ax2 … of this snapshot
	Role             string `json:"role"`
	Name             string `json:"name"`
	Value            string `json:"value,omitempty"`
	Description      string `json:"description,omitempty"`
	BackendDOMNodeID int64  `json:"backendDOMNodeId,omitempty"`
	Depth            int    `json:"depth"`
}
