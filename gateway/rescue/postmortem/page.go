package postmortem

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/tape"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

// pageDump is how many bytes of the goroutine dump stand on the page.
const pageDump = 200 << 10

// page writes the report as one HTML page that needs no network and runs nothing.
func page(w io.Writer, r Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"clock": clock, "date": date, "millis": millis, "size": humanSize, "took": took,
		"used": used, "lines": diffLines, "attrs": attrs, "cut": cut, "short": short, "ill": ill, "newestBeats": newestFirst[Beat], "newest": newestFirst[tape.Entry],
		"bytes": func(text string) int64 { return int64(len(text)) },
	}).Parse(pageSource)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(pageStyle))
	return t.Execute(w, struct {
		Report
		Style  template.CSS
		Policy string
	}{r, template.CSS(pageStyle), "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"})
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

// render is page into memory.
func render(r Report) ([]byte, error) {
	var b bytes.Buffer
	err := page(&b, r)
	return b.Bytes(), err
}
