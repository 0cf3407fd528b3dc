package msg

// PeersList is the answer of rpc.peers.list.
type PeersList struct {
	TS    int64  `json:"ts"`
	Peers []Peer `json:"peers"`
}

// IncidentsQuery is asked of rpc.incidents.list.
type IncidentsQuery struct {
	Peer  string `json:"peer,omitempty" doc:"bus name of a peer; all of them without it"`
	Limit int    `json:"limit,omitempty" doc:"the newest so many; 50 without it" min:"0"`
}

// IncidentsList is the answer of rpc.incidents.list, the newest first, without
// the log lines and the difference of the configs.
type IncidentsList struct {
	Incidents []Incident `json:"incidents"`
}

// IncidentQuery is asked of rpc.incidents.show.
type IncidentQuery struct {
	ID string `json:"id" doc:"may be cut to what is unique; last is the newest"`
}

// IncidentShown is the answer of rpc.incidents.show.
type IncidentShown struct {
	Incident Incident `json:"incident"`
}

// RescueStatus is the answer of rpc.rescue.status.
type RescueStatus struct {
	Policy string       `json:"policy"` // of the config; "" when it says none
	Peers  []PeerStatus `json:"peers"`
}

// PeerStatus is what a gateway would do about a peer.
type PeerStatus struct {
	Profile         string  `json:"profile"`
	Verdict         Verdict `json:"verdict"`
	Policy          string  `json:"policy"`
	Why             string  `json:"why,omitempty"` // of the policy observe
	Managed         bool    `json:"managed"`
	Manager         string  `json:"manager,omitempty"`
	Held            bool    `json:"held"`
	HeldReason      string  `json:"heldReason,omitempty"`
	Maintenance     bool    `json:"maintenance"`
	RepairsInWindow int     `json:"repairsInWindow"`
	NextAction      string  `json:"nextAction,omitempty"`
	Incident        string  `json:"incident,omitempty"` // id of the open one
	Lease           string  `json:"lease,omitempty"`    // who works on it now
}

// RescueOrder is asked of rpc.rescue.repair, hold, resume and directive.
type RescueOrder struct {
	Peer       string `json:"peer" doc:"bus name of the peer"`
	Reason     string `json:"reason,omitempty" doc:"one sentence for the incident" max:"1000"`
	DryRun     bool   `json:"dryRun,omitempty" doc:"only tell what would be done"`
	Action     string `json:"action,omitempty" doc:"of a directive" enum:"generation|safe-mode"`
	Generation uint64 `json:"generation,omitempty" doc:"of a directive; the last good one without it"`
	ForMs      int64  `json:"forMs,omitempty" doc:"how long a directive holds; 10 min without it" min:"0"`
}

// RescueOutcome is the answer to a RescueOrder: what is done, or would be.
type RescueOutcome struct {
	Peer     string `json:"peer"`
	Incident string `json:"incident,omitempty"` // where what comes of it is told
	Action   Action `json:"action"`
}
