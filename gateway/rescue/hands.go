package rescue

import (
	"context"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/service"
)

// Hands are what the rescue does to a peer outside the bus, and what it learns
// of it there. The instance is the registry's entry as it was when the verdict
// fell: its Process is the one that failed, and only that one may be touched.
// Every call ends with its context. They come from many goroutines.
type Hands interface {
	// Status is what the peer's own service manager says. A peer that has none
	// is service.ErrNoManager.
	Status(ctx context.Context, peer profile.Instance) (service.Status, error)
	// Restart has the manager end and start the peer, and Start start it when it
	// does not run, also after the manager gave it up. They return when the
	// manager calls it ready, or with the reason why not.
	Restart(ctx context.Context, peer profile.Instance) error
	Start(ctx context.Context, peer profile.Instance) error
	// Abort ends the peer's process so that it leaves its goroutine stacks behind,
	// and kills it when it does not end by itself. It returns the path of the
	// stacks, "" when there are none. A process whose program, start time or
	// profile is not the peer's is left alone, with an error; one that is gone
	// already is no error. Kill is the same without stacks.
	Abort(ctx context.Context, peer profile.Instance) (stacks string, err error)
	Kill(ctx context.Context, peer profile.Instance) error
	// HasGeneration returns config.ErrNoGeneration when the peer's store, which may
	// be another's that is open, does not have the generation.
	HasGeneration(peer profile.Instance, n uint64) error
	// Evidence collects what the host knows of a failure that began at since,
	// from the manager, the log file and the store of the peer. What cannot be
	// had is left out and named in Notes; it is no error.
	Evidence(ctx context.Context, peer profile.Instance, since time.Time) Evidence
}

// Evidence is what the host knows of a peer's failure.
type Evidence struct {
	Exit     *msg.Exit        // nil when nobody waited for it
	LastLog  []msg.LogLine    // at most 20, the oldest first
	Config   *msg.ConfigState // from the store and the file as they are on disk; nil when neither can be read
	FileHash string           // of the config file as it is now; "" when it cannot be read
	Stacks   string           // path of a crash output written after the failure began, "" when there is none
	Foreign  []PortHolder     // who else holds the peer's ports
	Notes    []string         // what could not be learned, a sentence each
}

// PortHolder is a process that is not the peer's on a port that is.
type PortHolder struct {
	Port int
	Name string // of the program; "" when the system does not tell
	PID  int    // 0 when the system does not tell
}
