package postmortem

import (
	_ "embed" // the style
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/service"
)

//go:embed page.css
var pageStyle string

// pageDump is how many bytes of the goroutine dump stand on the page.
const pageDump = 200 << 10

// page is the report as one HTML page that needs no network and runs nothing.
func page(r Report) []byte {
	p := &sheet{}
	p.head(r)
	for _, s := range sections() {
		p.put("\n<section id=\"%v\"><h2>%v</h2>\n", s.id, s.title)
		s.write(p, r)
		p.put("</section>\n")
	}
	p.foot()
	return p.Bytes()
}

func clock(t time.Time) string { return t.Local().Format("15:04:05.000") }

func date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Local().Format("2006-01-02 15:04:05 -07:00")
}

// millis turns a time of the bus into one of Go.
func millis(ms int64) time.Time { return time.UnixMilli(ms) }

// took is a duration given in milliseconds.
func took(ms int64) string {
	if ms <= 0 {
		return "–"
	}
	return (time.Duration(ms) * time.Millisecond).String()
}

func humanSize(bytes int64) string {
	size, unit := float64(bytes), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if size < 1024 {
			break
		}
		size, unit = size/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}

// used is what is not free, in percent.
func used(free, total int64) int64 {
	if total == 0 {
		return 0
	}
	return 100 * (total - free) / total
}

// diffLine is one line of a unified difference, with the class that colours it.
type diffLine struct{ Class, Text string }

func diffLines(diff string) []diffLine {
	var lines []diffLine
	for text := range strings.Lines(diff) {
		class := map[byte]string{'+': "plus", '-': "minus", '@': "place"}[text[0]]
		if strings.HasPrefix(text, "+++ ") || strings.HasPrefix(text, "--- ") {
			class = "place"
		}
		lines = append(lines, diffLine{class, strings.TrimSuffix(text, "\n")})
	}
	return lines
}

// attrs are those of a log line as people read them.
func attrs(l msg.LogLine) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(l.Attrs)) {
		fmt.Fprintf(&b, " %s=%v", key, l.Attrs[key])
	}
	return b.String()
}

// ill are the components that do not work as they should.
func ill(b Beat) []msg.Component {
	return slices.DeleteFunc(slices.Clone(b.Components), func(c msg.Component) bool { return c.State == msg.StateOK || c.State == msg.StateOff })
}

// cut keeps the page small; the archive has the whole text beside it.
func cut(text string) string {
	if len(text) <= pageDump {
		return text
	}
	return strings.ToValidUTF8(text[:pageDump], "") + "\n… the rest stands in goroutines.txt"
}

func newestFirst[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func short(hash string) string { return hash[:min(12, len(hash))] }

// exit is how a process ended, and who says so.
func exit(e msg.Exit) string {
	how := "not known"
	switch {
	case e.Signal != "":
		how = e.Signal
	case e.Status >= 0:
		how = fmt.Sprintf("status %d", e.Status)
	}
	if e.Manager != "" {
		how += ", as " + e.Manager + " has it"
	}
	return how
}

// ran is the generation that ran last.
func ran(c msg.ConfigState) string {
	if c.Generation == 0 {
		return "not known"
	}
	return fmt.Sprintf("generation %d, %s%s", c.Generation, c.Verdict, about(c.Reason))
}

// result is how the service's last run ended, in the words of its manager.
func result(s service.Status) string {
	text := s.Result
	if s.ExecMainCode != "" {
		text += ", " + s.ExecMainCode
	}
	switch {
	case s.Signal != "":
		text += " by " + s.Signal
	case s.ExecMainCode != "":
		text += fmt.Sprintf(", status %d", s.ExecMainStatus)
	}
	return text
}

// about is what follows a word that it explains.
func about(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
