package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// pretty is a message's body for people, indented by two. JSON is folded to
// the width; what could steer a terminal is replaced.
func (a *app) pretty(body []byte) string {
	if !utf8.Valid(body) {
		return fmt.Sprintf("  %q", body)
	}
	text := string(body)
	var compact bytes.Buffer
	if json.Compact(&compact, body) == nil {
		text = fold(compact.Bytes(), a.width()-2, 0)
	}
	lines := strings.Split(text, "\n")
	for n, l := range lines {
		lines[n] = "  " + printable(l)
	}
	return strings.Join(lines, "\n")
}

// oneLiner is a message's body on one line.
func oneLiner(body []byte) string {
	var compact bytes.Buffer
	switch {
	case !utf8.Valid(body):
		return fmt.Sprintf("%q", body)
	case json.Compact(&compact, body) == nil:
		return printable(compact.String())
	}
	return printable(string(body))
}

// fold writes compact JSON with as much on a line as fits into width, of which
// the first line has used some already. Objects keep the order of their keys.
func fold(value json.RawMessage, width, used int) string {
	line := spaced(value)
	if value[0] != '{' && value[0] != '[' || used+ansi.StringWidth(line) < width {
		return line
	}
	d := json.NewDecoder(bytes.NewReader(value))
	_, _ = d.Token() // the bracket: the value is known to be JSON
	var items []string
	for d.More() {
		key := ""
		if value[0] == '{' {
			name, _ := d.Token()
			quoted, _ := json.Marshal(name)
			key = string(quoted) + ": "
		}
		var item json.RawMessage
		_ = d.Decode(&item)
		items = append(items, key+strings.ReplaceAll(fold(item, width-2, len(key)), "\n", "\n  "))
	}
	return string(value[0]) + "\n  " + strings.Join(items, ",\n  ") + "\n" + string(value[len(value)-1])
}

// spaced puts a space behind each colon and comma of compact JSON that is not
// in a string.
func spaced(value []byte) string {
	var b strings.Builder
	quoted := false
	for i, c := range value {
		b.WriteByte(c)
		switch {
		case c == '"' && (i == 0 || !escaped(value[:i])):
			quoted = !quoted
		case !quoted && (c == ':' || c == ','):
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// escaped says whether an odd number of backslashes ends the text.
func escaped(before []byte) bool {
	return (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 1
}
