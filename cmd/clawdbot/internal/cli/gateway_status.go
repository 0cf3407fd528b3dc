package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/service"
)

func newServiceStatusCmd(a *app) *cobra.Command {
	var o serviceStatusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "What the service manager says, and whether the gateway answers",
		Args:  takes(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.runServiceStatus(cmd.Context(), o) },
	}
	o.register(a, cmd)
	cmd.Flags().BoolVar(&o.noProbe, "no-probe", false, "do not try a call over the socket")
	return cmd
}

type serviceStatusOptions struct {
	lookOptions
	noProbe bool
}

// serviceReport is gateway status --json. Error is why the manager could not
// be asked, Outdated that an install would change the unit.
type serviceReport struct {
	Profile  string         `json:"profile"`
	Service  service.Status `json:"service"`
	Outdated bool           `json:"outdated"`
	Error    string         `json:"error,omitempty"`
	Gateway  gatewayStatus  `json:"gateway"`
	Config   msg.Generation `json:"config"`
	RPC      *rpcProbe      `json:"rpc,omitempty"` // nil with --no-probe
}

// rpcProbe is one call over the socket of the gateway that commands talk to.
type rpcProbe struct {
	OK        bool    `json:"ok"`
	URL       string  `json:"url"`
	LatencyMs float64 `json:"latencyMs"`
	Error     string  `json:"error,omitempty"`
}

func (a *app) probeRPC(ctx context.Context, p profile.Profile) *rpcProbe {
	t, err := a.target(p)
	r := &rpcProbe{URL: t.URL}
	if err == nil {
		var c *conn
		if c, err = t.dial(ctx); err == nil {
			defer c.Close()
			began := time.Now()
			err = c.ask(ctx, "health", nil, nil)
			r.LatencyMs = millis(time.Since(began))
		}
	}
	if r.OK = err == nil; !r.OK {
		r.Error = oneLine(err.Error())
	}
	return r
}

func (a *app) runServiceStatus(ctx context.Context, o serviceStatusOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	view := a.status(ctx, p)
	r := serviceReport{Profile: p.Name, Service: view.unit, Gateway: view.report.Gateway, Config: view.report.Config}
	cause := view.unitErr
	if !view.unit.Installed { // then nobody has asked the manager yet
		if cause = a.managed(ctx, p); cause != nil {
			r.Service.Manager = ""
		}
	}
	if cause != nil {
		r.Error = oneLine(cause.Error())
	}
	if view.unit.Installed && view.unit.Manager != service.Up {
		if r.Outdated, err = a.outdated(p); err != nil {
			return err
		}
	}
	if !o.noProbe {
		r.RPC = a.probeRPC(ctx, p)
	}
	if o.json {
		err = a.printJSON(r)
	} else {
		a.printService(p, r, view.why.condition)
	}
	if err != nil || r.Gateway.Reachable {
		return err
	}
	return view.why.unreachable(p)
}

func (a *app) outdated(p profile.Profile) (bool, error) {
	host, err := a.serviceHost()
	if err != nil {
		return false, err
	}
	changed, _, err := host.Outdated(serviceSpec(p))
	return changed, err
}

func (a *app) printService(p profile.Profile, r serviceReport, how condition) {
	pen, s, more := a.pen(a.Out), r.Service, ""
	if r.Gateway.PID != 0 {
		more = fmt.Sprintf("  up %s, pid %d", duration(r.Gateway.UptimeMs), r.Gateway.PID)
	}
	a.printHead(r.Profile, how, more)
	a.wrapped(pen.dim("  service  "), serviceLine(serviceStatus{s.Manager, s.Unit, s.Installed, s.Active}))
	switch {
	case r.Error != "":
		a.wrapped(pen.dim("  manager  "), printable(r.Error))
	case s.Installed:
		a.wrapped(pen.dim("  manager  "), printable(managerLine(s)))
	}
	if r.RPC != nil {
		a.wrapped(pen.dim("  rpc      "), rpcLine(pen, r.RPC))
	}
	if r.Gateway.Reachable && s.Installed && r.Error == "" && s.PID != r.Gateway.PID {
		a.wrapped(pen.warn("! "), "the gateway that answers was not started by the service")
	}
	if r.Outdated {
		a.wrapped(pen.warn("! "), "the unit is not as this version would write it")
		a.printf("%s %s\n", pen.dim("try:"), p.Command("gateway install"))
	}
	if r.Gateway.Reachable {
		a.sayRefused(p, r.Config)
	}
}

func rpcLine(p pen, r *rpcProbe) string {
	if r.OK {
		return fmt.Sprintf("%s, %s, health in %.1f ms", p.good("ok"), r.URL, r.LatencyMs)
	}
	return p.bad("failed") + ": " + printable(r.Error)
}

// managerLine is what the manager knows of an installed unit.
func managerLine(s service.Status) string {
	line := string(s.Manager) + ": " + s.State
	if s.SubState != "" {
		line += " (" + s.SubState + ")"
	}
	if s.Text != "" {
		line += ", " + s.Text
	}
	switch s.ExecMainCode {
	case "":
	case "exited":
		line += fmt.Sprintf(", last exit status %d", s.ExecMainStatus)
	default:
		line += fmt.Sprintf(", last run %s by %s", s.ExecMainCode, s.Signal)
	}
	if s.Restarts > 0 {
		line += fmt.Sprintf(", %s since the start", count(s.Restarts, "restart"))
	}
	if !s.Enabled && s.Manager != service.Up {
		line += ", does not start with your session"
	}
	return line
}
