package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/gateway/client"
	"clawdbot/profile"
)

func newGatewayProbeCmd(a *app) *cobra.Command {
	var o lookOptions
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Try every way to a gateway: reachable, authenticated, whose, how fast",
		Long: `probe connects to the profile's own gateway, to gateway.remote when the config
has one, and to --url, and asks each four questions over one connection. It
exits with 0 when the gateway that commands talk to answered, else with 3.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.failed(a.runProbe(cmd.Context(), o), false) },
	}
	o.register(a, cmd)
	return cmd
}

// probeReport is gateway probe --json; its keys are the original's as far as
// they mean the same here. OK speaks of the active target.
type probeReport struct {
	OK         bool          `json:"ok"`
	TS         int64         `json:"ts"`
	DurationMs int64         `json:"durationMs"`
	TimeoutMs  int64         `json:"timeoutMs"`
	Primary    string        `json:"primaryTargetId"`
	Targets    []probeTarget `json:"targets"`
}

// probeTarget is one way to a gateway. Reachable says that something spoke
// WebSocket there, authenticated that it took the credential.
type probeTarget struct {
	ID            string          `json:"id"`
	Kind          string          `json:"kind"` // localLoopback, configRemote, explicit
	URL           string          `json:"url"`
	Active        bool            `json:"active"` // commands talk to it
	Reachable     bool            `json:"reachable"`
	Authenticated bool            `json:"authenticated"`
	Connect       probeStep       `json:"connect"`
	Self          *probeSelf      `json:"self"` // null when nobody answered
	Config        *msg.ConfigFile `json:"config,omitempty"`
	Health        *msg.Health     `json:"health,omitempty"`
	Summary       json.RawMessage `json:"summary,omitempty"` // status, as it came
	Presence      []msg.Presence  `json:"presence,omitempty"`
	Calls         []probeStep     `json:"calls"`

	try string
}

// probeStep is one question, or the handshake.
type probeStep struct {
	Method    string  `json:"method"`
	OK        bool    `json:"ok"`
	LatencyMs float64 `json:"latencyMs"`
	Error     string  `json:"error,omitempty"`
}

// probeSelf is who answered.
type probeSelf struct {
	Profile string `json:"profile"`
	Host    string `json:"host"`
	Version string `json:"version"`
}

func (a *app) runProbe(ctx context.Context, o lookOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	began := time.Now()
	r := probeReport{TS: began.UnixMilli(), TimeoutMs: o.timeout.Milliseconds(), Targets: a.probeTargets(p)}
	var wg sync.WaitGroup
	for i := range r.Targets {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, o.timeout)
			defer cancel()
			a.probeOne(ctx, p, &r.Targets[i])
		})
	}
	wg.Wait()
	r.DurationMs = time.Since(began).Milliseconds()
	var active probeTarget
	for _, t := range r.Targets {
		if t.Active {
			active, r.Primary, r.OK = t, t.ID, t.Connect.OK
		}
	}
	if o.json {
		err = a.printJSON(r)
	} else {
		a.printProbe(r)
	}
	if err != nil || r.OK {
		return err
	}
	return &exitError{exitUnreachable, errors.New(active.Connect.Error), active.try}
}

// Kinds of targets, as the original calls them.
const (
	ownTarget    = "localLoopback"
	remoteTarget = "configRemote"
	givenTarget  = "explicit"
)

// probeTargets are the ways that there are, the active one first.
func (a *app) probeTargets(p profile.Profile) []probeTarget {
	cfg, err := clientConfig(p)
	target := func(kind string) probeTarget { return probeTarget{ID: kind, Kind: kind, Calls: []probeStep{}} }
	list := []probeTarget{target(ownTarget)}
	if cfg.Remote.URL != "" || err != nil {
		list = append(list, target(remoteTarget))
	}
	if cfg.Mode == "remote" || err != nil {
		list[0], list[1] = list[1], list[0]
	}
	if a.reach.url != "" {
		list = append([]probeTarget{target(givenTarget)}, list...)
	}
	list[0].Active = true
	return list
}

// probeOne fills in what there is to find out about one target.
func (a *app) probeOne(ctx context.Context, p profile.Profile, r *probeTarget) {
	r.Connect.Method = "connect"
	t, err := a.targetOf(p, r.Kind)
	r.URL = t.URL
	if err != nil {
		r.fail(err)
		return
	}
	t.Mode, t.ClientID = "probe", "clawdbot-probe"
	began := time.Now()
	c, err := t.dial(ctx)
	r.Connect.LatencyMs = millis(time.Since(began))
	if err != nil {
		r.fail(err)
		return
	}
	defer c.Close()
	r.Reachable, r.Authenticated, r.Connect.OK = true, true, true
	server := c.Hello().Server
	r.Self = &probeSelf{server.Profile, server.Host, server.Version}
	r.ask(ctx, c)
}

// targetOf is the target of a kind, whichever the flags choose.
func (a *app) targetOf(p profile.Profile, kind string) (target, error) {
	cfg, err := clientConfig(p)
	switch {
	case err != nil:
		return target{}, err
	case kind == givenTarget:
		return a.given(p, cfg)
	}
	b := *a
	if a.reach.url != "" { // the credential of the flags is for that one
		b.reach = reach{insecure: a.reach.insecure}
	}
	if kind == remoteTarget {
		return b.remote(p, cfg)
	}
	return b.own(p)
}

func (t *probeTarget) fail(err error) {
	e := asExit(err)
	t.Connect.Error, t.try = oneLine(e.Error()), e.Try
	t.Reachable = anyIs(err, client.ErrUnauthorized, client.ErrOtherProfile)
	t.Authenticated = errors.Is(err, client.ErrOtherProfile)
}

// ask asks everything at once over the one connection.
func (t *probeTarget) ask(ctx context.Context, c *conn) {
	questions := []struct {
		method string
		out    any
	}{{"health", &t.Health}, {"status", &t.Summary}, {"system-presence", &t.Presence}, {"config.get", &t.Config}}
	t.Calls = make([]probeStep, len(questions))
	var wg sync.WaitGroup
	for i, q := range questions {
		wg.Go(func() {
			began := time.Now()
			err := c.Call(ctx, q.method, nil, q.out)
			t.Calls[i] = probeStep{Method: q.method, OK: err == nil, LatencyMs: millis(time.Since(began))}
			if err != nil {
				t.Calls[i].Error = oneLine(plain(err).Error())
			}
		})
	}
	wg.Wait()
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (a *app) printProbe(r probeReport) {
	for n, t := range r.Targets {
		if n > 0 {
			a.printf("\n")
		}
		a.printProbeTarget(t)
	}
}

func (a *app) printProbeTarget(t probeTarget) {
	pen := a.pen(a.Out)
	what := map[string]string{ownTarget: "own gateway", remoteTarget: "gateway.remote", givenTarget: "--url"}[t.Kind]
	if t.Active {
		what += ", which commands talk to"
	}
	dot := pen.good("●")
	if !t.Connect.OK {
		dot = pen.bad("●")
	}
	a.wrapped(dot+" ", pen.bold(dash(t.URL))+pen.dim("  "+what))
	field := func(name, text string) { a.wrapped(pen.dim(fmt.Sprintf("  %-15s ", name)), text) }
	field("reachable", yesNo(pen, t.Reachable))
	field("authenticated", yesNo(pen, t.Authenticated))
	if t.Self != nil {
		field("profile", fmt.Sprintf("%s, version %s, on %s", pen.bold(printable(t.Self.Profile)), printable(t.Self.Version), printable(t.Self.Host)))
		field("connect", fmt.Sprintf("%.1f ms", t.Connect.LatencyMs))
	}
	if t.Connect.Error != "" {
		field("why", printable(t.Connect.Error))
	}
	for _, s := range t.Calls {
		text := fmt.Sprintf("%.1f ms", s.LatencyMs)
		if said := t.said(s.Method); said != "" {
			text += pen.dim("  " + printable(a.short(said)))
		}
		if s.Error != "" {
			text += "  " + pen.bad(printable(s.Error))
		}
		field(s.Method, text)
	}
}

// said is an answer in short.
func (t probeTarget) said(method string) string {
	switch {
	case method == "health" && t.Health != nil:
		how := verdictOf(*t.Health)
		if how.Reason != "" {
			return string(how.Verdict) + ": " + how.Reason
		}
		return string(how.Verdict)
	case method == "system-presence" && t.Presence != nil:
		return fmt.Sprintf("%d present", len(t.Presence))
	case method == "config.get" && t.Config != nil && !t.Config.Valid:
		return t.Config.Path + " is not valid"
	case method == "config.get" && t.Config != nil:
		return t.Config.Path
	}
	return ""
}

func yesNo(p pen, yes bool) string {
	if yes {
		return p.good("yes")
	}
	return p.bad("no")
}
