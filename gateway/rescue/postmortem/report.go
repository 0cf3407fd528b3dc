// Package postmortem tells all that a host knows of one gateway, dead or alive:
// one archive with a page for people and the same for programs, without secrets.
//
// Every source may be missing; the report names those that are, and goes on. It
// takes nothing from the gateway: no lock, no port and no byte in its folders,
// but for the checkpoint that a live one is asked to make.
package postmortem

import (
	"context"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/gateway/rescue/patient"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/service"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

// Config says whose post-mortem to make. All but Checkpoint are required.
type Config struct {
	Own     profile.Profile  // who asks
	Peer    profile.Instance // of whom
	Version string           // of this program
	// Checkpoint has the running gateway copy its store and returns the copy's
	// folder; nil when it does not run.
	Checkpoint func(ctx context.Context, peer profile.Profile) (dir string, err error)
}

// Report is what was found out. It holds no secrets. The zero value of a part
// means that it is missing, and then Missing says why, or that there was none.
type Report struct {
	Profile string    `json:"profile"`
	Own     string    `json:"own"` // the profile that asked
	Made    time.Time `json:"made"`
	Finding string    `json:"finding"` // one sentence: what happened, as far as one can tell
	Alive   bool      `json:"alive"`

	Instance    profile.Instance   `json:"instance"`
	Incidents   []msg.Incident     `json:"incidents"`         // that Own saw of it, the newest first
	Seen        []msg.Incident     `json:"seen"`              // that it saw of others, the newest first
	Config      *msg.ConfigState   `json:"config,omitempty"`  // what it ran, and its file as it is now
	Generations []Generation       `json:"generations"`       // the newest first
	Beats       []Beat             `json:"beats"`             // its last ones, the oldest first
	Traffic     []tape.Entry       `json:"traffic"`           // the last that its recorder kept, the oldest first
	Log         []msg.LogLine      `json:"log"`               // its last lines, the oldest first
	Service     *service.Status    `json:"service,omitempty"` // as its service manager has it
	Journal     []string           `json:"journal"`           // of the service manager, the oldest line first
	Ports       []profile.PortInfo `json:"ports"`
	Host        *Host              `json:"host,omitempty"`
	Versions    Versions           `json:"versions"`
	Store       *Store             `json:"store,omitempty"`
	Goroutines  *Goroutines        `json:"goroutines,omitempty"`
	Missing     []Missing          `json:"missing"`
}

// Missing is a source that gave nothing, or not all.
type Missing struct {
	Source string `json:"source"`
	Why    string `json:"why"`
}

// Generation is a config that ran, without its text.
type Generation struct {
	N       uint64         `json:"n"`
	Time    time.Time      `json:"time"`
	Source  config.Source  `json:"source"`
	Verdict config.Verdict `json:"verdict"`
	Reason  string         `json:"reason,omitempty"`
	Hash    string         `json:"hash"`
}

// Beat is one beat as the recorder kept it, when it came.
type Beat struct {
	At time.Time `json:"at"`
	msg.Beat
}

// Store tells how the store was read, and what lies beside it.
type Store struct {
	From        string        `json:"from"`             // the folder that was read
	Damage      string        `json:"damage,omitempty"` // why that is not the whole store
	Report      *store.Report `json:"report,omitempty"` // nil when damage was found
	Checkpoints []string      `json:"checkpoints"`
	Quarantined []string      `json:"quarantined"` // damaged stores that were replaced
}

// Goroutines is the newest crash output.
type Goroutines struct {
	Path string    `json:"path"`
	At   time.Time `json:"at"`
	Text string    `json:"text"` // at most 1 MiB
}

// partTime bounds how long one source may take.
const partTime = 10 * time.Second

// Collect asks every source in turn. It returns an error only when ctx ends, or for an instance whose name is no profile's.
func Collect(ctx context.Context, cfg Config) (Report, error) {
	c := collector{cfg: cfg, report: Report{
		Profile: cfg.Peer.Profile, Own: cfg.Own.Name, Made: time.Now(), Alive: cfg.Peer.Alive(), Instance: cfg.Peer,
		Incidents: []msg.Incident{}, Seen: []msg.Incident{}, Generations: []Generation{}, Beats: []Beat{}, Traffic: []tape.Entry{},
		Log: []msg.LogLine{}, Journal: []string{}, Ports: []profile.PortInfo{}, Missing: []Missing{},
	}}
	var err error
	if c.owner, err = patient.Owner(cfg.Own.Env(), cfg.Peer); err != nil {
		return Report{}, err
	}
	for _, part := range []struct {
		source  string
		collect func(context.Context) error
	}{
		{"incidents", c.incidents}, {"store", c.store}, {"config", c.config}, {"traffic", c.traffic}, {"log", c.log},
		{"service", c.service}, {"journal", c.journal}, {"ports", c.ports}, {"host", c.host}, {"versions", c.versions}, {"goroutines", c.goroutines},
	} {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, partTime)
			defer cancel()
			return part.collect(ctx)
		}()
		if ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		c.missing(part.source, err)
	}
	c.report.Finding = finding(c.report)
	secrets := append(secretsOf(c.owner), secretsOf(cfg.Own)...)
	return tape.Safe(tape.NewRedactor(append(secrets, c.secrets...)), c.report)
}

// collector fills in a report.
type collector struct {
	cfg     Config
	owner   profile.Profile // the peer's
	report  Report
	secrets []string // that were met on the way
}

func (c *collector) missing(source string, err error) {
	if err != nil {
		c.report.Missing = append(c.report.Missing, Missing{source, strings.ReplaceAll(err.Error(), "\n", "; ")})
	}
}
