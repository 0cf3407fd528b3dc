package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"clawdbot/bus/msg"
	"clawdbot/profile"
)

// incident colours the state of one.
func (p pen) incident(s msg.IncidentState) string {
	switch s {
	case msg.IncidentResolved:
		return p.good(string(s))
	case msg.IncidentHeld:
		return p.warn(string(s))
	}
	return p.bad(string(s))
}

// printIncidents prints a row for each, and its summary below.
func (a *app) printIncidents(p profile.Profile, list []msg.Incident) {
	if len(list) == 0 {
		a.printf("Profile %s has seen no incident.\n", p.Name)
		a.printTestimonies(testimonies(p)) // who failed most likely asks in vain
		return
	}
	const roomy = 96 // columns, for the longest words
	pen, narrow := a.pen(a.Out), a.columns() < roomy
	row := func(id, when string, rest ...string) []string {
		if narrow { // the id tells the time as well
			return append([]string{id}, rest...)
		}
		return append([]string{id, when}, rest...)
	}
	t := table{heads(pen, row("ID", "WHEN", "PEER", "KIND", "STATE", "DETECTED", "RECOVERED")...)}
	for _, i := range list {
		recovered := "-"
		if i.Ended != 0 {
			recovered = elapsed(i.RecoverMs)
		}
		t.row(row(i.ID, clock(i.Began), i.Peer, string(i.Kind), pen.incident(i.State), elapsed(i.DetectMs), recovered)...)
	}
	// The summaries stand between the rows, so the columns are lined up before.
	var rows strings.Builder
	t.print(&rows)
	n := -1
	for line := range strings.Lines(rows.String()) {
		a.printf("%s\n", a.fitted(strings.TrimSuffix(line, "\n"), 0))
		if n >= 0 {
			a.printf("  %s\n", pen.dim(a.fitted(printable(list[n].Summary), 2)))
		}
		n++
	}
}

// fitted cuts text that stands behind an indent to the width of a terminal.
func (a *app) fitted(text string, indent int) string {
	if !isTerminal(a.Out) {
		return text
	}
	return ansi.Truncate(text, a.columns()-indent, "…")
}

// clock is a time of day, with the date when that is not today's.
func clock(ms int64) string {
	t, now := time.UnixMilli(ms), time.Now()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("01-02 15:04")
}

// elapsed is a span of milliseconds, exact where that tells something.
func elapsed(ms int64) string {
	if ms < time.Minute.Milliseconds() {
		return spell(ms)
	}
	return duration(ms)
}

// since is a moment as seen from the beginning of an incident.
func since(i msg.Incident, at int64) string {
	if at < i.Began {
		return "-" + elapsed(i.Began-at)
	}
	return "+" + elapsed(at-i.Began)
}

// printIncident prints all that is known of one, the sentence that tells most first.
func (a *app) printIncident(p profile.Profile, i msg.Incident) {
	pen := a.pen(a.Out)
	dot := strings.Replace(pen.incident(i.State), string(i.State), "●", 1)
	a.wrapped(dot+" ", pen.bold(printable(i.Summary)))
	a.wrapped("  ", pen.dim(fmt.Sprintf("%s of %s, %s, seen by %s", i.Kind, i.Peer, i.ID, i.Observer)))
	a.printf("\n")
	field := func(name, text string) {
		if text != "" {
			a.wrapped(pen.dim(fmt.Sprintf("  %-10s ", name)), text)
		}
	}
	field("state", pen.incident(i.State))
	field("began", time.UnixMilli(i.Began).Format("2006-01-02 15:04:05.000"))
	field("detected", fmt.Sprintf("after %s: %s", elapsed(i.DetectMs), pen.state(string(i.Verdict))))
	if i.Ended != 0 {
		field("recovered", "after "+elapsed(i.RecoverMs))
	}
	field("result", printable(i.Result))
	field("exit", exitLine(i.Exit))
	field("stacks", a.short(i.Stacks))
	a.printWitnesses(i.Witnesses)
	a.printConfigState(i.Config)
	a.printActions(i)
	a.printTimeline(i)
	if len(i.LastLog) > 0 {
		a.title("Its last log lines")
		for _, line := range i.LastLog {
			a.wrapped("  ", pen.logLine(line))
		}
	}
	a.incidentHints(p, i)
}

// title begins a section of a page.
func (a *app) title(text string) { a.printf("\n%s\n", a.pen(a.Out).bold(text)) }

// exitLine is how a process ended, in the words of who waited for it.
func exitLine(e *msg.Exit) string {
	if e == nil {
		return ""
	}
	how := fmt.Sprintf("status %d", e.Status)
	if e.Signal != "" {
		how = e.Signal
	} else if e.Status < 0 {
		how = "nobody knows how"
	}
	if of := strings.TrimSpace(e.Manager + " " + e.Unit); of != "" {
		how += ", says " + of
	}
	if e.State != "" {
		how += ": " + e.State
	}
	if e.Restart > 0 {
		how += ", " + count(e.Restart, "restart")
	}
	return printable(how)
}

func (a *app) printWitnesses(list []msg.Witness) {
	if len(list) == 0 {
		return
	}
	pen := a.pen(a.Out)
	a.title("What each witness said")
	for _, w := range list {
		a.wrapped(pen.dim(fmt.Sprintf("  %-10s ", w.Name)), printable(w.Said))
	}
}

// printConfigState prints what the peer runs, the wrong lines of its file, and
// the difference to what was good.
func (a *app) printConfigState(c *msg.ConfigState) {
	if c == nil {
		return
	}
	pen := a.pen(a.Out)
	a.title("Its config")
	text := "safe mode: no generation"
	if c.Generation != 0 {
		text = fmt.Sprintf("generation %d from %s", c.Generation, c.Source)
		if c.Verdict != "" {
			text += ", " + pen.state(c.Verdict)
		}
	}
	if c.LastGood != 0 && c.LastGood != c.Generation {
		text += fmt.Sprintf("; the good one to go back to is %d", c.LastGood)
	}
	a.wrapped("  ", text)
	for _, issue := range c.Issues {
		a.wrapped("  "+pen.bad("✗ "), pen.bad(printable(issue)))
	}
	if len(c.Issues) == 0 && c.Reason != "" {
		a.wrapped("  ", printable(c.Reason))
	}
	if c.Diff == "" {
		return
	}
	a.printf("\n")
	var plain strings.Builder
	for line := range strings.Lines(c.Diff) {
		if strings.HasPrefix(line, "diff ") { // the next lines name both as well
			continue
		}
		plain.WriteString(printable(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    ")) + "\n")
	}
	a.printDiff(plain.String())
}

func (a *app) printActions(i msg.Incident) {
	if len(i.Actions) == 0 {
		return
	}
	pen := a.pen(a.Out)
	a.title("What was done")
	for _, act := range i.Actions {
		took := ""
		if act.TookMs > 0 {
			took = pen.dim(" in " + elapsed(act.TookMs))
		}
		if act.DryRun {
			took += pen.dim(", only rehearsed")
		}
		text := fmt.Sprintf("%s by %s%s: %s %s", pen.bold(act.What), act.By, took, printable(act.Result), pen.dim("("+printable(act.Why)+")"))
		a.wrapped(pen.dim(fmt.Sprintf("  %-10s ", since(i, act.At))), text)
	}
}

func (a *app) printTimeline(i msg.Incident) {
	if len(i.Timeline) == 0 {
		return
	}
	a.title("Timeline")
	for _, m := range i.Timeline {
		a.wrapped(a.pen(a.Out).dim(fmt.Sprintf("  %-10s ", since(i, m.At))), printable(m.What))
	}
}

// incidentHints are what a person can do about it.
func (a *app) incidentHints(p profile.Profile, i msg.Incident) {
	hints := []string{p.Command("postmortem " + i.Peer)}
	if i.State == msg.IncidentHeld {
		hints = append([]string{p.Command("rescue resume " + i.Peer)}, hints...)
	}
	if peer, err := findPeer(p, i.Peer); err == nil && i.Config != nil && len(i.Config.Issues) > 0 { // else resuming is no use
		hints = append([]string{profile.Profile{Name: peer.Profile}.Command("config validate")}, hints...)
	}
	a.printf("\n")
	for _, try := range hints {
		a.printf("%s %s\n", a.pen(a.Out).dim("try:"), try)
	}
}

// incidentTeller tells of incidents as they go on. Told counts the moments that
// were printed of each.
type incidentTeller struct {
	*app
	told map[string]int
}

func (t incidentTeller) tell(i msg.Incident) {
	pen := t.pen(t.Out)
	n, known := t.told[i.ID]
	if !known {
		t.printf("%s %s %s\n", pen.bad("●"), pen.bold(fmt.Sprintf("%s of %s", i.Kind, i.Peer)), pen.dim(i.ID))
	}
	for _, m := range i.Timeline[min(n, len(i.Timeline)):] {
		t.wrapped(pen.dim(fmt.Sprintf("  %s %-9s ", time.UnixMilli(m.At).Format("15:04:05.000"), since(i, m.At))), printable(m.What))
	}
	if i.State != msg.IncidentOpen && n < len(i.Timeline) {
		t.wrapped("  "+pen.incident(i.State)+" ", printable(cmp.Or(i.Result, i.Summary)))
	}
	t.told[i.ID] = len(i.Timeline)
}
