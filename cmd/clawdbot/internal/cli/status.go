package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/service"
)

// lookTimeout is how long a command that looks waits for the gateway.
const lookTimeout = 3 * time.Second

type lookOptions struct {
	json    bool
	timeout time.Duration
}

// register adds the flags of every command that talks to a gateway.
func (o *lookOptions) register(a *app, cmd *cobra.Command) { o.registerIn(a, cmd.Flags()) }

func (o *lookOptions) registerIn(a *app, flags *pflag.FlagSet) {
	o.timeout = lookTimeout
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	addTimeout(flags, &o.timeout, "how long to wait for the gateway")
	a.reach.register(flags)
}

func newStatusCmd(a *app) *cobra.Command {
	var o lookOptions
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "How a profile is: gateway, parts, peers, config",
		GroupID: groupLook,
		Long: `status tells how a profile's gateway is, whatever port it was started with, and
never speaks of another profile's. When the gateway cannot be reached it exits
with 3, says why, and tells from disk what there is to tell.`,
		Example: `  clawdbot status
  clawdbot --profile rescue status --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runStatus(cmd.Context(), o) },
	}
	o.register(a, cmd)
	return cmd
}

// statusReport is status --json. Its shape is stable: keys may come, but none
// changes or goes.
type statusReport struct {
	Profile    string            `json:"profile"`
	Version    string            `json:"version"` // of the gateway; of this program when it is not reachable
	ConfigPath string            `json:"configPath"`
	StateDir   string            `json:"stateDir"`
	Workspace  string            `json:"workspace"`
	Gateway    gatewayStatus     `json:"gateway"`
	Ports      ports.Ports       `json:"ports"` // those in use, or those that a start would take
	Components []componentStatus `json:"components"`
	Peers      []peerStatus      `json:"peers"`
	Service    serviceStatus     `json:"service"`
	Config     msg.Generation    `json:"config"`
	SafeMode   bool              `json:"safeMode"`
	Incidents  incidentStatus    `json:"incidents"`

	Maintenance *msg.Maintenance `json:"maintenance"` // announced to the peers, null when there is none
}

// gatewayStatus is the process. PID is 0 when none runs.
type gatewayStatus struct {
	URL       string      `json:"url"`
	Reachable bool        `json:"reachable"`
	PID       int         `json:"pid"`
	UptimeMs  int64       `json:"uptimeMs"`
	Verdict   msg.Verdict `json:"verdict"`

	TLSFingerprint string `json:"tlsFingerprint,omitempty"` // of its certificate; "" when it speaks plain
}

type componentStatus struct {
	Name   string    `json:"name"`
	State  msg.State `json:"state"`
	Detail string    `json:"detail"`
}

// peerStatus is another profile as this gateway sees it. LastBeatMs is -1 when
// no beat was heard.
type peerStatus struct {
	Profile    string      `json:"profile"`
	Verdict    msg.Verdict `json:"verdict"`
	Reason     string      `json:"reason"`
	LastBeatMs int64       `json:"lastBeatMs"`
	Generation uint64      `json:"generation"`
	Repair     string      `json:"repair,omitempty"` // what is done to it now, and by whom
	peerCare
}

type serviceStatus struct {
	Manager   service.Kind `json:"manager"`
	Unit      string       `json:"unit"`
	Installed bool         `json:"installed"`
	Active    bool         `json:"active"`
}

func (a *app) runStatus(ctx context.Context, o lookOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if t, err := a.target(p); t.elsewhere() {
		if err == nil {
			err = a.runStatusElsewhere(ctx, t, o.json)
		}
		return a.failed(err, o.json)
	}
	view := a.status(ctx, p)
	if o.json {
		err = a.printJSON(view.report)
	} else {
		a.printStatus(p, view)
	}
	if err != nil || view.report.Gateway.Reachable {
		return err
	}
	return view.why.unreachable(p)
}

// outlook is why a gateway is not well. Try is the command that helps, or "".
type outlook struct {
	condition
	Try string
}

func (w outlook) unreachable(p profile.Profile) error {
	return &exitError{exitUnreachable, fmt.Errorf("the gateway of profile %s is not reachable: %s", p.Name, w.Reason), w.Try}
}

// statusView is the report with what is only for people. Changed says that a
// restart would take up another config, and is empty when it would not.
type statusView struct {
	report  statusReport
	why     outlook
	changed string
	usable  bool        // the file as it is now
	others  []testimony // of a gateway that is not reachable
	unit    service.Status
	unitErr error // why the service manager did not tell more of the unit
}

// status gathers everything at once; what it cannot find out is left out.
func (a *app) status(ctx context.Context, p profile.Profile) statusView {
	v := statusView{report: statusReport{
		Profile: p.Name, Version: a.version, ConfigPath: p.ConfigPath, StateDir: p.StateDir, Workspace: p.Workspace,
		Components: []componentStatus{}, Peers: []peerStatus{},
	}}
	var wg sync.WaitGroup
	var file configFile
	wg.Go(func() { v.unit, v.unitErr = a.serviceView(ctx, p) })
	wg.Go(func() { file.Loaded, file.err = p.Load() })
	seen, err := a.look(ctx, p)
	wg.Wait()
	r := &v.report
	r.Service = serviceStatus{v.unit.Manager, v.unit.Unit, v.unit.Installed, v.unit.Active}
	if file.err == nil && file.Config.Agents.Defaults.Workspace != "" {
		r.Workspace = p.ExpandHome(file.Config.Agents.Defaults.Workspace)
	}
	if err != nil {
		v.why = a.statusFromDisk(ctx, p, r, file, err)
		v.others = testimonies(p)
	} else {
		v.why, v.usable = r.take(seen), file.err == nil
		if v.changed = seen.changed(file); v.changed != "" {
			r.Config.Warnings = append(r.Config.Warnings, v.changed)
		} else if file.err != nil && onFile(r.Config) && r.Config.Reason == "" { // it was broken a moment ago
			r.Config.Warnings = append(r.Config.Warnings, "the file cannot be used any more: "+oneLine(file.err.Error()))
		}
	}
	if i, alive, err := running(p); err == nil && alive {
		r.Gateway.TLSFingerprint = i.TLS
	}
	return v
}

// configFile is the config as it is on disk now, and why it cannot be used.
type configFile struct {
	*config.Loaded
	err error
}

// sighting is what a gateway tells of itself, as far as its parts answered.
type sighting struct {
	url       string // "" when the health alone is known
	health    msg.Health
	ran       generationsAnswer
	rescue    msg.RescueStatus
	incidents msg.IncidentsList // the newest
}

// look asks the profile's gateway how it is.
func (a *app) look(ctx context.Context, p profile.Profile) (sighting, error) {
	c, err := a.dialOwn(ctx, p)
	if err != nil {
		return sighting{}, err
	}
	defer c.Close()
	return c.look(ctx), nil
}

func (c *conn) look(ctx context.Context) sighting {
	seen := sighting{url: c.URL, health: c.Hello().Snapshot.Health}
	if err := c.Call(ctx, "generations.list", nil, &seen.ran); err == nil {
		seen.askRescue(ctx, c.Client)
	}
	return seen
}

// changed tells of a file that can be used and is not what runs, or is "". Of
// one that is gone, or ran and was bad, the gateway itself tells.
func (s sighting) changed(file configFile) string {
	g, hash := s.health.Generation, s.ran.hash()
	switch {
	case file.err != nil, !file.Exists, s.ran.condemned(file.Hash):
	case !onFile(g):
		return "the file can be used again, restart to apply"
	case onFile(g) && hash != "" && hash != file.Hash:
		return fmt.Sprintf("file changed since generation %d; %s", g.Generation, cmp.Or(g.Reason, "restart to apply"))
	}
	return ""
}

// condemned says whether a config with the hash ran and is not tried again.
func (g generationsAnswer) condemned(hash string) bool {
	return slices.ContainsFunc(g.Generations, func(r generationRow) bool { return r.Hash == hash && r.Verdict == config.Bad })
}

// onFile says whether a gateway runs on its config file.
func onFile(g msg.Generation) bool { return g.Source == string(config.FromFile) }

// take fills the report with what the gateway says.
func (r *statusReport) take(seen sighting) outlook {
	h := seen.health
	r.Version, r.Ports, r.Config, r.SafeMode, r.Maintenance = h.Version, h.Ports, h.Generation, h.SafeMode, h.Maintenance
	why := verdictOf(h)
	r.Gateway = gatewayStatus{
		URL: cmp.Or(seen.url, gatewayURL(h.Ports)), Reachable: true, PID: h.Gateway.PID, UptimeMs: h.Gateway.UptimeMs, Verdict: why.Verdict,
	}
	for _, c := range h.Components {
		r.Components = append(r.Components, componentStatus(c))
	}
	for _, p := range h.Peers {
		r.Peers = append(r.Peers, peerStatus{p.Profile, p.Verdict, p.Reason, p.LastBeatMs, p.Generation, p.Repair, seen.care(p.Profile)})
	}
	r.Incidents = seen.openIncidents()
	return outlook{condition: why}
}

func gatewayURL(set ports.Ports) string { return fmt.Sprintf("ws://127.0.0.1:%d", set.Gateway) }

// instanceURL is where a gateway listens that runs, or ran last.
func instanceURL(i profile.Instance) string {
	if i.TLS != "" {
		return fmt.Sprintf("wss://127.0.0.1:%d", i.Ports.Gateway)
	}
	return gatewayURL(i.Ports)
}

// beatLate is the age of a gateway's own last beat that tells that its
// supervised loop, which beats every 250 ms, stands still.
const beatLate = time.Second

// verdictOf is what a gateway's own answer says of it.
func verdictOf(h msg.Health) condition {
	switch {
	case h.Gateway.Phase == msg.PhaseStopping:
		return condition{msg.VerdictStopped, "it is stopping: " + h.Gateway.Detail}
	case h.Gateway.LastBeatMs > beatLate.Milliseconds():
		return condition{msg.VerdictHung, fmt.Sprintf("its supervised loop stands still since %s", duration(h.Gateway.LastBeatMs))}
	case h.Gateway.Phase != msg.PhaseReady:
		return condition{msg.VerdictStarting, h.Gateway.Detail}
	}
	for _, c := range h.Components {
		if c.State == msg.StateFailed || c.State == msg.StateDegraded {
			return condition{msg.VerdictDegraded, c.Name + " is " + string(c.State)}
		}
	}
	switch config.Source(h.Generation.Source) {
	case config.FromSafeMode:
		return condition{msg.VerdictDegraded, "safe mode"}
	case config.FromFallback:
		return condition{msg.VerdictDegraded, fmt.Sprintf("runs on generation %d", h.Generation.Generation)}
	}
	return condition{msg.VerdictOK, ""}
}
