package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"clawdbot/browser"
	"clawdbot/browser/chromium"
	"clawdbot/bus/msg"
	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/service"
)

func (s *patient) checkConfig(context.Context) []finding {
	var invalid *config.Error
	switch {
	case errors.As(s.file.err, &invalid):
		var found []finding
		for _, i := range invalid.Issues {
			found = append(found, finding{Severity: problem, Text: i.String(), Try: s.Command("config validate")})
		}
		return found
	case s.file.err != nil:
		return []finding{{Severity: problem, Text: oneLine(s.file.err.Error())}}
	case !s.file.Exists:
		hint, try := meant(s.Profile)
		found := finding{Severity: problem, Text: "the profile is not set up" + hint, Try: try}
		if hint == "" { // else another one may be meant
			found.fix = s.setUp
		}
		return []finding{found}
	}
	var found []finding
	for _, w := range s.file.Warnings {
		found = append(found, finding{Severity: note, Text: w.String()})
	}
	return found
}

func (s *patient) setUp(context.Context) (string, error) {
	done, err := setup.Run(s.Profile, setup.Options{})
	return fmt.Sprintf("set up with base port %d", done.Ports.Gateway), err
}

// checkRegistry looks for entries of profiles that are gone, and for a gateway
// of this one that died.
func (s *patient) checkRegistry(context.Context) []finding {
	var found []finding
	list, err := s.Registry.List()
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			found = append(found, finding{Severity: problem, Text: strings.TrimSpace(line) + "; remove the file, and setup of that profile makes it anew"})
		}
	}
	for _, i := range list {
		if i.Gone() {
			found = append(found, finding{
				Severity: problem, Text: fmt.Sprintf("profile %s is registered, but its state folder or config is gone: %s", i.Profile, s.short(i.ConfigPath)),
				Try: "clawdbot profiles remove " + i.Profile,
				fix: func(context.Context) (string, error) { return "forgotten", s.Registry.Remove(i.Profile) },
			})
		}
	}
	if s.now.Is(s.Profile) && s.now.Process.PID != 0 && !s.alive { // it stays: it is how the others know of the crash
		text := fmt.Sprintf("the gateway ended without a word: process %d is gone; the next start renews the entry", s.now.Process.PID)
		found = append(found, finding{Severity: note, Text: text, Try: s.Command("logs")})
	}
	return found
}

// checkIsolation tells what this profile shares; two others are theirs.
func (s *patient) checkIsolation(context.Context) []finding {
	known, err := s.Known()
	if err != nil {
		return []finding{{Severity: problem, Text: oneLine(err.Error())}}
	}
	var found []finding
	for _, o := range profile.Audit(known) {
		if o.A == s.Name || o.B == s.Name {
			found = append(found, finding{Severity: problem, Text: o.Detail, Try: o.Try})
		}
	}
	return found
}

func (s *patient) checkPorts(context.Context) []finding {
	set := s.now.Ports
	if !s.alive && s.file.err == nil {
		var err error
		if set, _, err = s.PlanPorts(s.file.Config, 0); err != nil {
			return []finding{{Severity: problem, Text: oneLine(err.Error()), Try: s.Command("ports")}}
		}
	}
	var found []finding
	first := map[int]int{} // the finding about each holder, by pid
	for _, l := range set.Listeners() {
		info, err := s.ExplainPort(l.Port)
		if err != nil {
			return append(found, finding{Severity: problem, Text: oneLine(err.Error())})
		}
		if info.State != profile.PortTaken {
			continue
		}
		if n, ok := first[info.PID]; ok {
			found[n].Text += fmt.Sprintf(", and also port %d (%s)", l.Port, l.Component)
			continue
		}
		first[info.PID] = len(found)
		found = append(found, finding{Severity: problem, Text: info.Summary, Try: info.Try})
	}
	return found
}

func (s *patient) checkBrowser(context.Context) []finding {
	if s.file.err != nil || !s.file.Config.Browser.Enabled {
		return nil
	}
	if at := s.RemoteControl(s.file.Config); at != nil {
		if s.file.Config.Browser.ControlToken != "" || s.env.Get("CLAWDBOT_BROWSER_CONTROL_TOKEN") != "" {
			return nil
		}
		return []finding{{
			Severity: problem, Text: "browser control at " + at.Host + " is used without its token", Try: s.Command("config set browser.controlToken <token>"),
		}}
	}
	_, err := browser.Detect(s.file.Config.Browser, chromium.Host{Path: s.env.Get("PATH"), Home: s.env.Home})
	if err == nil {
		return nil
	}
	return []finding{{Severity: problem, Text: err.Error(), Try: s.Command("config set browser.executablePath <path>")}}
}

func (s *patient) checkContext(context.Context) []finding {
	if !s.alive && (s.file.err != nil || !s.file.Exists) {
		return nil // the bus's port is in the config
	}
	c, err := natsContextOf(s.Profile)
	if err != nil {
		return []finding{{Severity: problem, Text: oneLine(err.Error()), Try: s.Command("setup")}}
	}
	wrong := c.wrong()
	if wrong == "" {
		return nil
	}
	return []finding{{
		Severity: problem, Text: fmt.Sprintf("context %s of the NATS tools: %s", c.name, wrong), Try: s.Command("bus context"),
		fix: func(context.Context) (string, error) { return "written", c.write(s.Profile) },
	}}
}

func (s *patient) checkService(ctx context.Context) []finding {
	unit, cause := s.view.unit, s.view.unitErr
	if !unit.Installed { // then nobody has asked the manager yet
		cause = s.managed(ctx, s.Profile)
	}
	switch {
	case errors.Is(cause, service.ErrNoManager):
		return []finding{{Severity: note, Text: cause.Error() + ", so nothing starts the gateway again", Try: "clawdbot up " + s.Name}}
	case cause != nil:
		return []finding{{Severity: problem, Text: oneLine(cause.Error())}}
	case !unit.Installed:
		return []finding{{Severity: note, Text: "not installed, so nothing starts the gateway again", Try: s.Command("gateway install")}}
	}
	var found []finding
	changed, err := s.outdated(s.Profile)
	switch {
	case err != nil:
		found = append(found, finding{Severity: problem, Text: oneLine(err.Error())})
	case changed:
		found = append(found, finding{
			Severity: problem, Text: unit.Unit + " is not as this version would write it", Try: s.Command("gateway install"), fix: s.renewUnit,
		})
	}
	if unit.State == "failed" {
		text := fmt.Sprintf("%s failed: %s, status %d", unit.Unit, unit.Result, unit.ExecMainStatus)
		found = append(found, finding{Severity: problem, Text: text, Try: s.Command("logs") + " && " + s.Command("gateway start")})
	}
	return found
}

func (s *patient) renewUnit(ctx context.Context) (string, error) {
	change, err := s.installService(ctx, s.Profile, false)
	return fmt.Sprintf("%s; it is taken up with: %s", change.Action, s.Command("gateway restart")), err
}

func (s *patient) checkGateway(context.Context) []finding {
	r := s.view.report
	if !r.Gateway.Reachable {
		return []finding{{Severity: problem, Text: "not reachable: " + s.view.why.Reason, Try: s.view.why.Try}}
	}
	var found []finding
	for _, c := range r.Components {
		if c.State == msg.StateDegraded || c.State == msg.StateFailed {
			found = append(found, finding{Severity: problem, Text: fmt.Sprintf("%s is %s: %s", c.Name, c.State, c.Detail), Try: s.Command("logs")})
		}
	}
	found = append(found, s.checkRunning()...)
	for _, p := range r.Peers {
		if alarming(p.Verdict) {
			found = append(found, finding{Severity: note, Text: fmt.Sprintf("peer %s is %s: %s", p.Profile, p.Verdict, p.Reason)})
		}
	}
	return found
}

// checkRunning compares the config that runs with the file. What is wrong with
// the file itself checkConfig has told.
func (s *patient) checkRunning() []finding {
	g, restart := s.view.report.Config, restartCommand(s.Profile, s.view.unit.Active)
	switch {
	case !onFile(g) && s.view.changed != "":
		return []finding{{Severity: problem, Text: "the config file is not in use: " + s.view.changed, Try: restart}}
	case !onFile(g) && s.file.err != nil:
		return []finding{{Severity: note, Text: s.view.why.Reason + ": the config file is not in use"}}
	case !onFile(g):
		return []finding{{Severity: problem, Text: "the config file is not in use: " + g.Reason, Try: s.Command("config generations")}}
	case s.view.changed != "":
		return []finding{{Severity: note, Text: s.view.changed, Try: restart}}
	case g.Reason != "" && s.file.err == nil:
		return []finding{{Severity: problem, Text: g.Reason, Try: s.Command("config generations")}}
	}
	return nil
}
