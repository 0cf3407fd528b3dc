package api

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

// NavigateRequest is what POST /navigate (navigate) takes: an address as that of
// OpenRequest.
type NavigateRequest struct {
	TabRequest
	URL string `json:"url"`
}

// Navigated is its answer, with the address that the tab came to.
type Navigated struct {
	OnTab
	URL string `json:"url"`
}
