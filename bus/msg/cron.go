package msg

// CronSchedule says when a job runs. The kind tells which fields count.
type CronSchedule struct {
	Kind     string `json:"kind" enum:"at|every|cron" doc:"at runs once, every again and again, cron by an expression."`
	AtMs     int64  `json:"atMs,omitempty" min:"0" doc:"at: the time, in Unix milliseconds."`
	At       string `json:"at,omitempty" max:"64" doc:"at: the time as RFC 3339, in place of atMs."`
	EveryMs  int64  `json:"everyMs,omitempty" min:"1000" max:"31622400000" doc:"every: the time between two runs, from a second to a year."`
	AnchorMs int64  `json:"anchorMs,omitempty" min:"0" doc:"every: a time at which a run falls; unset: when the job was made."`
	Expr     string `json:"expr,omitempty" max:"512" doc:"cron: minute, hour, day of month, month and day of week, with seconds before them where there are six."`
	TZ       string `json:"tz,omitempty" max:"64" doc:"cron: an IANA time zone such as Europe/Vienna; unset: the gateway's."`
}

// The kinds of a schedule.
const (
	CronAt    = "at"
	CronEvery = "every"
	CronExpr  = "cron"
)

// CronPayload is what a job does. The kind tells which fields count.
type CronPayload struct {
	Kind              string `json:"kind" enum:"systemEvent|agentTurn" doc:"systemEvent tells the main session a text; agentTurn has the agent answer a message in a session of the job's own."`
	Text              string `json:"text,omitempty" max:"8192" doc:"systemEvent: the text."`
	Message           string `json:"message,omitempty" max:"65536" doc:"agentTurn: the message."`
	Model             string `json:"model,omitempty" max:"256" doc:"agentTurn: the model; unset: the agent's."`
	Thinking          string `json:"thinking,omitempty" max:"64" doc:"agentTurn: the thinking level; unset: the agent's."`
	TimeoutSeconds    int64  `json:"timeoutSeconds,omitempty" min:"0" max:"86400" doc:"agentTurn: how long the turn may take; 0 means 10 minutes."`
	Deliver           *bool  `json:"deliver,omitempty" doc:"agentTurn: whether the answer goes to a channel."`
	Channel           string `json:"channel,omitempty" max:"64" doc:"agentTurn: that channel; last means the one used last."`
	To                string `json:"to,omitempty" max:"1024" doc:"agentTurn: whom the channel sends it to."`
	BestEffortDeliver bool   `json:"bestEffortDeliver,omitempty" doc:"agentTurn: a failed delivery does not fail the run."`
}

// The kinds of a payload.
const (
	CronSystemEvent = "systemEvent"
	CronAgentTurn   = "agentTurn"
)

// CronIsolation says what the main session is told of an isolated run.
type CronIsolation struct {
	PostToMainPrefix   string `json:"postToMainPrefix,omitempty" max:"256" doc:"What stands before the text; unset: Cron."`
	PostToMainMode     string `json:"postToMainMode,omitempty" enum:"summary|full" doc:"summary posts the run's summary, full its whole answer."`
	PostToMainMaxChars int    `json:"postToMainMaxChars,omitempty" min:"0" doc:"full: the longest text; 0 means 8000, which is also the most."`
}

// CronState is how a job's runs went. Times are Unix milliseconds.
type CronState struct {
	NextRunAtMs    int64  `json:"nextRunAtMs,omitempty"`
	RunningAtMs    int64  `json:"runningAtMs,omitempty"` // since when it runs
	LastRunAtMs    int64  `json:"lastRunAtMs,omitempty"`
	LastStatus     string `json:"lastStatus,omitempty"` // ok, error, skipped
	LastError      string `json:"lastError,omitempty"`
	LastDurationMs int64  `json:"lastDurationMs,omitempty"`
}

// The results of a run.
const (
	CronOK      = "ok"
	CronError   = "error"
	CronSkipped = "skipped" // its time passed while the gateway did not run
)

// CronJob is the answer of cron.add and cron.update, and a row of cron.list.
type CronJob struct {
	ID             string         `json:"id"`
	AgentID        string         `json:"agentId,omitempty"`
	Name           string         `json:"name"`
	Description    string         `json:"description,omitempty"`
	Enabled        bool           `json:"enabled"`
	DeleteAfterRun bool           `json:"deleteAfterRun,omitempty"`
	CreatedAtMs    int64          `json:"createdAtMs"`
	UpdatedAtMs    int64          `json:"updatedAtMs"`
	Schedule       CronSchedule   `json:"schedule"`
	SessionTarget  string         `json:"sessionTarget"` // main, isolated
	WakeMode       string         `json:"wakeMode"`      // now, next-heartbeat
	Payload        CronPayload    `json:"payload"`
	Isolation      *CronIsolation `json:"isolation,omitempty"`
	State          CronState      `json:"state"`
}

// CronAdd is asked of cron.add.
type CronAdd struct {
	Name           string         `json:"name" max:"256" doc:"What people call the job."`
	AgentID        *string        `json:"agentId,omitempty" max:"64" doc:"The agent that takes an agentTurn; unset: the default one, which every systemEvent is for."`
	Description    string         `json:"description,omitempty" max:"4096" doc:"More about the job."`
	Enabled        *bool          `json:"enabled,omitempty" doc:"Whether it runs; unset: true."`
	DeleteAfterRun bool           `json:"deleteAfterRun,omitempty" doc:"Remove the job when a run went well."`
	Schedule       CronSchedule   `json:"schedule" doc:"When it runs."`
	SessionTarget  string         `json:"sessionTarget" enum:"main|isolated" doc:"main for a systemEvent, isolated for an agentTurn."`
	WakeMode       string         `json:"wakeMode" enum:"now|next-heartbeat" doc:"Whether the main session hears of it at once or with its next heartbeat."`
	Payload        CronPayload    `json:"payload" doc:"What it does."`
	Isolation      *CronIsolation `json:"isolation,omitempty" doc:"What the main session is told of an isolated run."`
}

// CronPatch is what cron.update changes: only what is there. A schedule is
// replaced as a whole, a payload of the same kind key by key.
type CronPatch struct {
	Name           string         `json:"name,omitempty" max:"256" doc:"What people call the job."`
	AgentID        *string        `json:"agentId,omitempty" max:"64" doc:"The agent that takes an agentTurn; null: the default one, which every systemEvent is for."`
	Description    *string        `json:"description,omitempty" max:"4096" doc:"More about the job."`
	Enabled        *bool          `json:"enabled,omitempty" doc:"Whether it runs."`
	DeleteAfterRun *bool          `json:"deleteAfterRun,omitempty" doc:"Remove the job when a run went well."`
	Schedule       *CronSchedule  `json:"schedule,omitempty" doc:"When it runs."`
	SessionTarget  string         `json:"sessionTarget,omitempty" enum:"main|isolated" doc:"main for a systemEvent, isolated for an agentTurn."`
	WakeMode       string         `json:"wakeMode,omitempty" enum:"now|next-heartbeat" doc:"Whether the main session hears of it at once or with its next heartbeat."`
	Payload        *CronPayload   `json:"payload,omitempty" doc:"What it does."`
	Isolation      *CronIsolation `json:"isolation,omitempty" doc:"What the main session is told of an isolated run."`
}

// CronUpdate is asked of cron.update. One of ID and JobID names the job.
type CronUpdate struct {
	ID    string    `json:"id,omitempty" max:"128" doc:"The job."`
	JobID string    `json:"jobId,omitempty" max:"128" doc:"The job, in place of id."`
	Patch CronPatch `json:"patch" doc:"What changes."`
}

// CronRemove is asked of cron.remove. One of ID and JobID names the job.
type CronRemove struct {
	ID    string `json:"id,omitempty" max:"128" doc:"The job."`
	JobID string `json:"jobId,omitempty" max:"128" doc:"The job, in place of id."`
}

// CronRemoved is its answer.
type CronRemoved struct {
	OK      bool `json:"ok"`
	Removed bool `json:"removed"`
}

// CronRun is asked of cron.run. One of ID and JobID names the job.
type CronRun struct {
	ID    string `json:"id,omitempty" max:"128" doc:"The job."`
	JobID string `json:"jobId,omitempty" max:"128" doc:"The job, in place of id."`
	Mode  string `json:"mode,omitempty" enum:"due|force" doc:"due runs it only if its time has come; unset: force."`
}

// CronRan is its answer, which comes when the run begins: how it went is told
// by the event cron and by cron.runs.
type CronRan struct {
	OK     bool   `json:"ok"`
	Ran    bool   `json:"ran"`
	Reason string `json:"reason,omitempty"` // why it did not run: not-due, already-running
}

// CronRuns is asked of cron.runs. One of ID and JobID names the job.
type CronRuns struct {
	ID    string `json:"id,omitempty" max:"128" doc:"The job."`
	JobID string `json:"jobId,omitempty" max:"128" doc:"The job, in place of id."`
	Limit int    `json:"limit,omitempty" min:"1" max:"5000" doc:"How many of the newest runs; unset: 200."`
}

// CronHistory is its answer, the oldest run first.
type CronHistory struct {
	Entries []CronEvent `json:"entries"`
}

// CronEvent is the event cron and, with the action finished, a run in the history.
// Times are Unix milliseconds.
type CronEvent struct {
	TS          int64  `json:"ts,omitempty"`
	JobID       string `json:"jobId"`
	Action      string `json:"action"`           // added, updated, removed, started, finished
	Status      string `json:"status,omitempty"` // of finished: ok, error, skipped
	Error       string `json:"error,omitempty"`
	Summary     string `json:"summary,omitempty"`
	RunAtMs     int64  `json:"runAtMs,omitempty"` // when it began; of a skipped run, when it was due
	DurationMs  int64  `json:"durationMs,omitempty"`
	NextRunAtMs int64  `json:"nextRunAtMs,omitempty"`
}

// CronList is asked of cron.list.
type CronList struct {
	IncludeDisabled bool `json:"includeDisabled,omitempty" doc:"With the jobs that are switched off."`
}

// CronJobs is its answer, the next to run first.
type CronJobs struct {
	Jobs []CronJob `json:"jobs"`
}

// CronStatus is the answer of cron.status.
type CronStatus struct {
	Enabled      bool   `json:"enabled"`
	StorePath    string `json:"storePath"`
	Jobs         int    `json:"jobs"`
	NextWakeAtMs *int64 `json:"nextWakeAtMs"` // null: no job waits
}
