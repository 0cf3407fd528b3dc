package msg

// IncidentKind says what went wrong with a peer.
type IncidentKind string

// The kinds. One incident has one kind; a better-proven one replaces the first guess.
const (
	KindCrash          IncidentKind = "crash"           // its process is gone
	KindHang           IncidentKind = "hang"            // its process is there and does nothing
	KindCrashLoop      IncidentKind = "crash-loop"      // it died again in the same way within 15 min
	KindBadConfig      IncidentKind = "bad-config"      // it does not run the config file: the file, or what came of it, was refused
	KindComponentStuck IncidentKind = "component-stuck" // it beats, but a component does not work
	KindPortStolen     IncidentKind = "port-stolen"     // another program has one of its ports
	KindStoreCorrupt   IncidentKind = "store-corrupt"   // its store was damaged and replaced
	KindDiskFull       IncidentKind = "disk-full"       // its store cannot write
	KindServiceGaveUp  IncidentKind = "service-gave-up" // its service manager does not start it again
	KindLinkOnly       IncidentKind = "link-only"       // only the link is broken: it works
)

// IncidentState is where an incident is.
type IncidentState string

// The states. Held waits for a human.
const (
	IncidentOpen     IncidentState = "open"
	IncidentResolved IncidentState = "resolved"
	IncidentHeld     IncidentState = "held"
)

// Incident is clawdbot.<p>.event.incident: all that one gateway knows of one
// trouble of a peer. It is sent whole on each change.
type Incident struct {
	ID          string        `json:"id"`       // sorts by time: 20260102-150405.123-main-3f2a
	Observer    string        `json:"observer"` // bus name of the gateway that saw it
	Peer        string        `json:"peer"`     // bus name
	Kind        IncidentKind  `json:"kind"`
	State       IncidentState `json:"state"`
	Summary     string        `json:"summary"`             // one sentence for people, with the line of a bad config
	Fingerprint string        `json:"fingerprint"`         // equal for failures of the same cause
	Began       int64         `json:"began"`               // first sign of trouble
	Detected    int64         `json:"detected"`            // when the verdict stood
	Ended       int64         `json:"ended,omitempty"`     // when the peer served again
	DetectMs    int64         `json:"detectMs"`            // Detected - Began
	RecoverMs   int64         `json:"recoverMs,omitempty"` // Ended - Began
	Verdict     Verdict       `json:"verdict"`             // the worst one so far
	Witnesses   []Witness     `json:"witnesses"`           // what each said when the verdict stood
	Exit        *Exit         `json:"exit,omitempty"`      // how its process ended, as far as somebody knows
	Config      *ConfigState  `json:"config,omitempty"`    // what it ran and runs
	LastLog     []LogLine     `json:"lastLog,omitempty"`   // its newest lines before the trouble, the oldest first
	Stacks      string        `json:"stacks,omitempty"`    // path of the goroutine dump
	Actions     []Action      `json:"actions"`             // what the observer did
	Timeline    []Moment      `json:"timeline"`
	Result      string        `json:"result,omitempty"` // one sentence: how it ended
}

// Exit is how a process ended, in the words of who waited for it.
type Exit struct {
	Manager string `json:"manager,omitempty"` // systemd, launchd, schtasks, up
	Unit    string `json:"unit,omitempty"`
	State   string `json:"state,omitempty"`  // the manager's own word for the unit
	Status  int    `json:"status"`           // exit status; -1 when a signal ended it or nobody knows
	Signal  string `json:"signal,omitempty"` // SIGKILL …
	Restart int    `json:"restarts"`         // how often the manager started it again
}

// ConfigState is what a gateway runs, and how that differs from its last good generation.
type ConfigState struct {
	Generation uint64   `json:"generation"`
	Source     string   `json:"source"` // file, fallback, safe
	Verdict    string   `json:"verdict,omitempty"`
	LastGood   uint64   `json:"lastGood,omitempty"`
	Reason     string   `json:"reason,omitempty"` // why it is not the file
	Issues     []string `json:"issues,omitempty"` // of the file, with line and column
	Diff       string   `json:"diff,omitempty"`   // last good → file, unified, secrets hidden
}

// Action is one thing that an observer did to a peer, or held back from.
type Action struct {
	At     int64  `json:"at"`
	What   string `json:"what"` // restart, abort, kill, directive, safe-mode, hold, wait, notify
	Why    string `json:"why"`  // one sentence
	By     string `json:"by"`   // rescue, or operator
	DryRun bool   `json:"dryRun,omitempty"`
	TookMs int64  `json:"tookMs"`
	Result string `json:"result"` // done, or what went wrong
}

// Moment is one line of an incident's timeline.
type Moment struct {
	At   int64  `json:"at"`
	What string `json:"what"`
}

// Diagnosis is the answer of clawdbot.<p>.rescue.diagnose: what a live gateway
// says of itself to a peer. Secrets are hidden.
type Diagnosis struct {
	Profile    string      `json:"profile"`
	Config     ConfigState `json:"config"`
	Components []Component `json:"components"`
	LastLog    []LogLine   `json:"lastLog"`
}

// Probe is the answer of clawdbot.<p>.probe.<component>.
type Probe struct {
	Did    string `json:"did"` // the piece of work, for people: "served a file of its own over HTTP"
	TookUs int64  `json:"tookUs"`
}
