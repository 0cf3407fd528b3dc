package api

// The states of a Process.
const (
	ProcessRunning  = "running"
	ProcessStarting = "starting"
	ProcessHung     = "hung"    // it runs, but does not answer
	ProcessLeft     = "left"    // of an earlier gateway
	ProcessEnded    = "ended"   // nothing of it runs any more
	ProcessBlocked  = "blocked" // none runs, and none could be started
)

// Process is one Chromium of this gateway, or why there can be none.
type Process struct {
	Profile     string `json:"profile"` // browser profile
	State       string `json:"state"`
	PID         int    `json:"pid"`         // 0 for a blocked one
	CDPPort     int    `json:"cdpPort"`     // 0 until one is chosen
	UserDataDir string `json:"userDataDir"` // its own
	Since       int64  `json:"since"`       // Unix milliseconds; 0 for a blocked one
	Tabs        int    `json:"tabs"`
	Note        string `json:"note,omitempty"` // what is wrong, and what to do
}

// Processes is the answer of GET /ps (ps): by browser profile. It is ours.
type Processes struct {
	Answered
	Processes []Process `json:"processes"`
}
