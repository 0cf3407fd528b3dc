package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

// maxWidth is the widest line of a report, in columns.
const maxWidth = 80

// width is how wide a report may be: that of the terminal, at most maxWidth.
func (a *app) width() int { return min(a.columns(), maxWidth) }

// columns is how wide the terminal is; what is none has room for a table.
func (a *app) columns() int {
	const table = 100
	f, ok := a.Out.(interface{ Fd() uintptr })
	if !ok {
		return table
	}
	w, _, err := term.GetSize(f.Fd())
	if err != nil || w < 30 {
		return table
	}
	return w
}

// wrapped prints text behind a first column, wrapped into the lines under it.
func (a *app) wrapped(first, text string) {
	indent := ansi.StringWidth(first)
	lines := strings.Split(ansi.Wrap(text, max(a.width()-indent, 20), ""), "\n")
	for n, line := range lines {
		if n > 0 {
			first = strings.Repeat(" ", indent)
		}
		a.printf("%s\n", strings.TrimRight(first+line, " "))
	}
}

// dot is a point in the colour of the state.
func (p pen) dot(state string) string {
	colour := p.state(state)
	return strings.Replace(colour, state, "●", 1)
}

// printHead begins a report: how the profile is, and why. More is what else
// stands on the first line.
func (a *app) printHead(name string, how condition, more string) {
	pen, verdict, reason := a.pen(a.Out), printable(string(how.Verdict)), printable(how.Reason)
	line := pen.bold(name) + " is " + pen.state(verdict)
	if how.Verdict == msg.VerdictDegraded { // the reason is short
		line += ": " + reason
		reason = ""
	}
	a.wrapped(pen.dot(verdict)+" ", line+pen.dim(more))
	if reason != "" {
		a.wrapped("  ", reason)
	}
}

// sayRefused tells that a gateway runs, but not on its config file.
func (a *app) sayRefused(p profile.Profile, g msg.Generation) {
	a.sayNotInUse(g, p.Command("config validate"))
}

// sayNotInUse is sayRefused with the command that is the way out.
func (a *app) sayNotInUse(g msg.Generation, try string) {
	if onFile(g) {
		return
	}
	pen := a.pen(a.Out)
	if g.Source == string(config.FromSafeMode) {
		a.wrapped(pen.bad("! "), pen.bad("safe mode: nothing but the bus, health, logs, config and repair runs"))
	}
	a.wrapped(pen.bad("! "), "the config file is not in use: "+printable(cmp.Or(g.Reason, strings.Join(g.Warnings, "; "))))
	a.printf("%s %s\n", pen.dim("try:"), try)
}

// wayOut is the command that leads back to the config file.
func (v statusView) wayOut(p profile.Profile) string {
	switch {
	case v.changed != "":
		return restartCommand(p, v.report.Service.Active)
	case v.usable: // it was tried, and was bad
		return p.Command("config generations")
	}
	return p.Command("config validate")
}

func (a *app) printStatus(p profile.Profile, v statusView) {
	pen, r := a.pen(a.Out), v.report
	more := ""
	if r.Gateway.PID != 0 {
		more = fmt.Sprintf("  up %s, pid %d, version %s", duration(r.Gateway.UptimeMs), r.Gateway.PID, printable(r.Version))
	}
	a.printHead(r.Profile, v.why.condition, more)
	if r.Gateway.Reachable {
		a.sayNotInUse(r.Config, v.wayOut(p))
	}
	a.printMaintenance(r.Maintenance)
	a.printf("\n")
	for _, l := range portLines(r.Gateway.URL, r.Ports) {
		a.wrapped(pen.dim(fmt.Sprintf("  %-11s", l[0])), l[1])
	}
	if r.Gateway.TLSFingerprint != "" {
		a.printf("%s sha256:%s\n", pen.dim("  certificate"), r.Gateway.TLSFingerprint)
	}
	a.printComponents(r.Components)
	a.printPeers(r.Peers)
	a.printf("\n")
	a.printIncidentStatus(r.Incidents)
	a.wrapped(pen.dim("  service    "), serviceLine(r.Service))
	a.printConfig(r, v.changed)
	a.wrapped(pen.dim("  state      "), a.short(r.StateDir))
	a.wrapped(pen.dim("  workspace  "), printable(a.short(r.Workspace)))
	if len(v.others) > 0 {
		a.printf("\n")
		a.printTestimonies(v.others)
	}
	if !r.Gateway.Reachable {
		return // the error says what to try
	}
	for _, try := range a.statusHints(p, v) {
		a.printf("%s %s\n", pen.dim("try:"), try)
	}
}

// portLines names the ports, those of a person's own programs first.
func portLines(url string, set ports.Ports) [][2]string {
	if set.Gateway == 0 {
		return [][2]string{{"ports", "none planned"}}
	}
	lines := [][2]string{
		{"gateway", url},
		{"ports", fmt.Sprintf("bridge %d, browser %d, relay %d, canvas %d", set.Bridge, set.Browser, set.Relay, set.Canvas)},
		{"", fmt.Sprintf("bus %d, link %d, cdp %d-%d", set.Bus, set.Link, set.CDP.From, set.CDP.To)},
	}
	for _, off := range []struct {
		name string
		port int
	}{{"monitor", set.Monitor}, {"websocket", set.WebSocket}} {
		if off.port != 0 {
			lines = append(lines, [2]string{"", fmt.Sprintf("bus %s %d", off.name, off.port)})
		}
	}
	return lines
}

func (a *app) printComponents(list []componentStatus) {
	pen := a.pen(a.Out)
	if len(list) > 0 {
		a.printf("\n")
	}
	for _, c := range list {
		detail, state := printable(c.Detail), printable(string(c.State))
		if c.State == msg.StateOK || c.State == msg.StateOff {
			detail = pen.dim(detail)
		}
		a.wrapped(fmt.Sprintf("%s %-10s %s ", pen.dot(state), printable(c.Name), padded(pen, state)), detail)
	}
}

func (a *app) printPeers(list []peerStatus) {
	pen := a.pen(a.Out)
	if len(list) > 0 {
		a.printf("\n")
	}
	for _, p := range list {
		text, verdict := printable(p.Reason), printable(string(p.Verdict))
		if p.Verdict == msg.VerdictOK { // the beat says it all
			text = ""
		}
		if p.LastBeatMs >= 0 {
			beat := pen.dim(fmt.Sprintf("last beat %s ago, ", duration(p.LastBeatMs)))
			if p.Generation == 0 && (p.Verdict == msg.VerdictOK || p.Verdict == msg.VerdictDegraded) {
				beat += pen.bad("safe mode")
			} else {
				beat += pen.dim(fmt.Sprintf("generation %d", p.Generation))
			}
			text = strings.TrimPrefix(text+"; "+beat, "; ")
		}
		if care := pen.care(p); care != "" {
			text += "; " + care
		}
		a.wrapped(fmt.Sprintf("%s peer %-5s %s ", pen.dot(verdict), printable(p.Profile), padded(pen, verdict)), text)
	}
}

// padded is a state's word as a column of its own.
func padded(p pen, word string) string {
	return p.state(word) + strings.Repeat(" ", max(0, 8-len(word)))
}

func serviceLine(s serviceStatus) string {
	switch {
	case !s.Installed:
		return "not installed"
	case s.Active:
		return printable(s.Unit) + ", active"
	}
	return printable(s.Unit) + ", not active"
}

func (a *app) printConfig(r statusReport, changed string) {
	pen := a.pen(a.Out)
	text := a.short(r.ConfigPath)
	switch g := r.Config; {
	case g.Generation != 0 && onFile(g):
		text += fmt.Sprintf(", generation %d, %s", g.Generation, pen.state(printable(g.Verdict)))
	case g.Generation != 0:
		text += fmt.Sprintf(", %s: generation %d from %s, %s", pen.bad("not in use"), g.Generation, printable(g.Source), pen.state(printable(g.Verdict)))
	case g.Source == string(config.FromSafeMode):
		text += ", " + pen.bad("not in use: safe mode")
	default:
		text += ", has not run yet"
	}
	a.wrapped(pen.dim("  config     "), text)
	if r.Config.Reason != "" && onFile(r.Config) && changed == "" { // which tells it as well
		a.wrapped("  "+pen.bad("!")+"          ", printable(r.Config.Reason))
	}
	for _, w := range r.Config.Warnings {
		a.wrapped("  "+pen.warn("!")+"          ", printable(w))
	}
}

// statusHints are the commands that help a gateway that answers.
func (a *app) statusHints(p profile.Profile, v statusView) []string {
	var hints []string
	r := v.report
	if onFile(r.Config) && v.changed == "" && (len(r.Config.Warnings) > 0 || r.Config.Reason != "") { // else it is said above
		hints = append(hints, p.Command("config validate"))
	}
	if r.Gateway.Verdict == msg.VerdictDegraded || r.Gateway.Verdict == msg.VerdictHung {
		hints = append(hints, p.Command("doctor"))
	}
	if r.Version != a.version || v.changed != "" && onFile(r.Config) { // the program or the config was replaced since the gateway started
		hints = append(hints, restartCommand(p, r.Service.Active))
	}
	if r.Incidents.Open > 0 {
		hints = append(hints, p.Command("incidents show "+printable(r.Incidents.Newest.ID)))
	}
	known, _ := p.Registry.List() // a peer that is not there cannot be asked
	for _, peer := range r.Peers {
		for _, i := range known {
			if i.Bus == peer.Profile && alarming(peer.Verdict) {
				hints = append(hints, profile.Profile{Name: i.Profile}.Command("status"))
			}
		}
	}
	return hints
}

// alarming says whether a verdict on a peer calls for a look.
func alarming(v msg.Verdict) bool {
	return slices.Contains([]msg.Verdict{msg.VerdictSuspect, msg.VerdictDegraded, msg.VerdictDown, msg.VerdictHung}, v)
}

// duration is a span of milliseconds in words.
func duration(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
