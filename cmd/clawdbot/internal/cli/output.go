package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

// pen colours text, or leaves it alone when it is false.
type pen bool

func (p pen) good(s string) string { return p.paint("32", s) }
func (p pen) warn(s string) string { return p.paint("33", s) }
func (p pen) bad(s string) string  { return p.paint("31", s) }
func (p pen) bold(s string) string { return p.paint("1", s) }
func (p pen) dim(s string) string  { return p.paint("2", s) }

func (p pen) paint(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// state colours the word that says how something is.
func (p pen) state(word string) string {
	switch word {
	case "ok", "held", "good", "running":
		return p.good(word)
	case "starting", "degraded", "suspect", "probation", "taken":
		return p.warn(word)
	case "down", "hung", "failed", "bad", "refused":
		return p.bad(word)
	}
	return p.dim(word)
}

// pen is the one for w: it colours on a terminal, unless NO_COLOR
// (no-color.org), --no-color or TERM=dumb says not to; CLICOLOR_FORCE colours a pipe.
func (a *app) pen(w io.Writer) pen {
	if a.noColor || a.env.Get("NO_COLOR") != "" {
		return false
	}
	return pen(a.env.Get("CLICOLOR_FORCE") != "" || isTerminal(w) && a.env.Get("TERM") != "dumb")
}

func isTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(f.Fd())
}

// printf writes to the output; a reader that went away is no concern of ours.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.Out, format, args...) }

// printJSON prints v, indented for people to read as well.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// short is the path as people write it, with ~ for the home folder.
func (a *app) short(path string) string { return a.env.Short(path) }

// table lines up columns. A row without cells is an empty line, one of a single
// cell a line of its own.
type table [][]string

func (t *table) row(cells ...string) { *t = append(*t, cells) }

func (t table) print(w io.Writer) {
	var widths []int
	for _, row := range t {
		if len(row) < 2 {
			continue
		}
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	for _, row := range t {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(cell)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// printFitted prints each line cut to the width of the terminal.
func (t table) printFitted(a *app) {
	var text strings.Builder
	t.print(&text)
	for line := range strings.Lines(text.String()) {
		a.printf("%s\n", a.fitted(strings.TrimSuffix(line, "\n"), 0))
	}
}

// heads is a table's first row.
func heads(p pen, names ...string) []string {
	for i, n := range names {
		names[i] = p.dim(n)
	}
	return names
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// printDiff prints a unified difference.
func (a *app) printDiff(diff string) {
	pen := a.pen(a.Out)
	for line := range strings.Lines(diff) {
		text := printable(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
		switch {
		case strings.HasPrefix(text, "+"):
			text = pen.good(text)
		case strings.HasPrefix(text, "-"):
			text = pen.bad(text)
		case strings.HasPrefix(text, "@"):
			text = pen.dim(text)
		}
		a.printf("%s\n", text)
	}
}
