package json5

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrNotFound is returned by Unset for a path that the text does not hold.
var ErrNotFound = errors.New("not set in this file")

// Set returns the text with the value at path replaced or added; missing parents are made.
// The value is JSON5 and is written as given. A blank text counts as {}.
// It fails when the text or the value is not JSON5, or when path leads through a value that is
// neither object nor array.
func Set(text []byte, path Path, value string) ([]byte, error) {
	v, err := Parse("value", []byte(value))
	if err != nil {
		return nil, err
	}
	value = value[v.Root.Start:v.Root.End]
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}\n")
	}
	doc, err := Parse("text", text)
	if err != nil {
		return nil, err
	}
	e := newEditor(doc)
	n := doc.Root
	for i, step := range path {
		at := n.entry(step)
		if at < 0 {
			return e.insert(n, path, i, value)
		}
		n = n.Entries[at].Value
		if n.Kind == Null && i < len(path)-1 {
			rest, err := e.render(path[i+1:], value, e.indentAt(n.Start))
			return splice(text, n.Start, n.End, rest), err
		}
	}
	return splice(text, n.Start, n.End, value), nil
}

// Unset returns the text without the value at path, duplicates of its key included.
// The comment that stands after it on its line goes too. It returns ErrNotFound for a missing path.
func Unset(text []byte, path Path) ([]byte, error) {
	for removed := false; ; removed = true {
		doc, err := Parse("text", text)
		if err != nil {
			return nil, err
		}
		if len(path) == 0 {
			return nil, errors.New("the whole file cannot be unset")
		}
		last := path[len(path)-1]
		parent := doc.Root.Find(path[:len(path)-1])
		if parent == nil || parent.entry(last) < 0 {
			if removed {
				return text, nil
			}
			return nil, fmt.Errorf("%s: %w", path, ErrNotFound)
		}
		text = newEditor(doc).remove(parent, parent.entry(last))
		if parent.Kind == Array {
			return text, nil
		}
	}
}

// editor knows the formatting habits of one document.
type editor struct {
	doc     *Document
	newline string
	unit    string // one step of indentation
	oneLine bool   // the whole document stands on one line
	quoted  bool   // keys are written with quotes, as in JSON
}

func newEditor(doc *Document) *editor {
	e := &editor{doc: doc, newline: "\n", unit: "  "}
	if bytes.Contains(doc.Text, []byte("\r\n")) {
		e.newline = "\r\n"
	}
	root := doc.Root
	if len(root.Entries) == 0 {
		return e
	}
	first := root.Entries[0].Start
	e.quoted = doc.Text[first] == '"'
	e.oneLine = !bytes.Contains(doc.Text[root.Start:root.End], []byte("\n"))
	if unit := strings.TrimPrefix(e.indentAt(first), e.indentAt(root.Start)); unit != "" && !e.oneLine {
		e.unit = unit
	}
	return e
}

// indentAt is the white space that begins the line of an offset.
func (e *editor) indentAt(offset int) string {
	line := e.doc.Text[bytes.LastIndexByte(e.doc.Text[:offset], '\n')+1 : offset]
	line = bytes.TrimPrefix(line, []byte(bom))
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// insert adds path[i:] below n, which has no entry for path[i].
func (e *editor) insert(n *Node, path Path, i int, value string) ([]byte, error) {
	if err := e.canInsert(n, path, i); err != nil {
		return nil, err
	}
	if len(n.Entries) == 0 {
		return e.fill(n, path[i:], value)
	}
	text := e.doc.Text
	last := n.Entries[len(n.Entries)-1]
	indent := e.indentAt(last.Start)
	entry, err := e.entry(path[i:], value, n.Kind, indent)
	if err != nil {
		return nil, err
	}
	comma := last.Comma
	after := last.Value.End
	if comma >= 0 {
		after = comma + 1
		entry += ","
	}
	if ownLine := bytes.Contains(text[n.Start:last.Start], []byte("\n")); ownLine {
		at := e.lineEnd(after)
		text = splice(text, at, at, e.newline+indent+entry)
	} else {
		text = splice(text, after, after, " "+entry)
	}
	if comma < 0 {
		text = splice(text, after, after, ",")
	}
	return text, nil
}

// canInsert tells why path[i] cannot be added to n.
func (e *editor) canInsert(n *Node, path Path, i int) error {
	where := "the file"
	if i > 0 {
		where = path[:i].String()
	}
	switch at, isIndex := path[i].index(); {
	case n.Kind == Array && !isIndex:
		return fmt.Errorf("%s is an array: %s is not an index", where, Quote(path[i].Key))
	case n.Kind == Array && at != len(n.Entries):
		return fmt.Errorf("%s has %d items: the next index is %d, not %d", where, len(n.Entries), len(n.Entries), at)
	case n.Kind == Object && path[i].IsIndex:
		return fmt.Errorf("%s is an object: [%d] is not a key of it", where, path[i].Index)
	case n.Kind != Array && n.Kind != Object:
		return fmt.Errorf("%s is %s and has nothing below it", where, n.Kind)
	}
	return nil
}

// fill writes the first entry of an empty container, after any comments in it.
func (e *editor) fill(n *Node, path Path, value string) ([]byte, error) {
	own := e.indentAt(n.Start)
	entry, err := e.entry(path, value, n.Kind, own+e.unit)
	if err != nil {
		return nil, err
	}
	inner := bytes.TrimRight(e.doc.Text[n.Start+1:n.End-1], " \t\r\n")
	from := n.Start + 1 + len(inner)
	if e.oneLine {
		return splice(e.doc.Text, from, n.End-1, " "+entry+" "), nil
	}
	return splice(e.doc.Text, from, n.End-1, e.newline+own+e.unit+entry+e.newline+own), nil
}

// entry renders the first step of path and all below it as an entry of a container.
func (e *editor) entry(path Path, value string, in Kind, indent string) (string, error) {
	rest, err := e.render(path[1:], value, indent)
	if err != nil || in == Array {
		return rest, err
	}
	key := path[0].Key
	if e.quoted || !isIdentifier(key) {
		key = Quote(key)
	}
	return key + ": " + rest, nil
}

// render writes the value inside the objects and arrays that path names.
func (e *editor) render(path Path, value, indent string) (string, error) {
	if len(path) == 0 {
		return value, nil
	}
	kind, opening, closing := Object, "{", "}"
	if path[0].IsIndex {
		if path[0].Index != 0 {
			return "", fmt.Errorf("[%d] would begin an array that does not exist yet; begin with [0]", path[0].Index)
		}
		kind, opening, closing = Array, "[", "]"
	}
	before, after := e.newline+indent+e.unit, e.newline+indent
	if e.oneLine {
		before, after = " ", " "
	}
	entry, err := e.entry(path, value, kind, indent+e.unit)
	return opening + before + entry + after + closing, err
}

// remove cuts entry i out of n: its whole lines when it has them for itself.
func (e *editor) remove(n *Node, i int) []byte {
	text := e.doc.Text
	entry := n.Entries[i]
	from, to := entry.Start, entry.Value.End
	if entry.Comma >= 0 {
		to = entry.Comma + 1
	}
	lineStart := from - len(e.indentAt(from))
	startsLine := lineStart == 0 || text[lineStart-1] == '\n'
	end := e.lineEnd(to)
	switch {
	case startsLine && end < len(text) && (text[end] == '\n' || text[end] == '\r'):
		from, to = lineStart, end+1
		if text[end] == '\r' && to < len(text) && text[to] == '\n' {
			to++
		}
	case i == len(n.Entries)-1 && i > 0:
		from = len(bytes.TrimRight(text[:from], " \t"))
	default:
		to += len(text[to:]) - len(bytes.TrimLeft(text[to:], " \t"))
	}
	if i > 0 && i == len(n.Entries)-1 && entry.Comma < 0 {
		comma := n.Entries[i-1].Comma
		text = splice(text, from, to, "")
		return splice(text, comma, comma+1, "")
	}
	return splice(text, from, to, "")
}

// lineEnd is the offset of the line terminator when only blanks and comments stand before it, else offset.
func (e *editor) lineEnd(offset int) int {
	p := &parser{doc: e.doc, text: e.doc.Text, pos: offset}
	for !p.end() {
		switch c := p.peek(); c {
		case '\n', '\r':
			return p.pos
		case ' ', '\t':
			p.pos++
			continue
		}
		next := p.comment()
		if next == p.pos || bytes.ContainsAny(p.text[p.pos:next], "\r\n") {
			return offset
		}
		p.pos = next
	}
	return p.pos
}

// splice is a copy of text with the bytes from..to replaced.
func splice(text []byte, from, to int, with string) []byte {
	out := make([]byte, 0, len(text)-(to-from)+len(with))
	out = append(out, text[:from]...)
	out = append(out, with...)
	return append(out, text[to:]...)
}
