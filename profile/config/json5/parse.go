package json5

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting, so that no input can exhaust the stack.
const maxDepth = 200

// parser reads one document from left to right. Its methods panic with a *SyntaxError, which catch recovers.
type parser struct {
	doc   *Document
	text  []byte
	pos   int
	depth int
}

// Parse reads one JSON5 value. The name is used in errors, which are *SyntaxError.
// The document keeps the text; do not change it.
func Parse(name string, text []byte) (_ *Document, err error) {
	p := &parser{doc: &Document{Name: name, Text: text}, text: text}
	defer catch(&err)
	if i := invalidUTF8(text); i >= 0 {
		p.failAt(i, "the text is not valid UTF-8")
	}
	p.space()
	if p.end() {
		p.failAt(0, "the file is empty: it needs at least {}")
	}
	p.doc.Root = p.value()
	p.space()
	if !p.end() {
		p.fail("%s stands after the end of the value", p.found())
	}
	return p.doc, nil
}

// catch, when deferred, turns a parser's panic into an error.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *SyntaxError:
		*err = r
	default:
		panic(r)
	}
}

func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
}

// value reads the value at pos, where white space is already skipped.
func (p *parser) value() *Node {
	n := &Node{Doc: p.doc, Start: p.pos}
	switch c := p.peek(); {
	case c == '{' || c == '[':
		p.container(n)
	case c == '"' || c == '\'':
		n.Kind, n.Text = String, p.quoted()
	case c == '+' || c == '-' || c == '.' || isDigit(c):
		n.Kind, n.Text = Number, p.number()
	default:
		p.word(n)
	}
	n.End = p.pos
	return n
}

// word reads true, false, null, Infinity or NaN. Another word may be a secret, and is not told.
func (p *parser) word(n *Node) {
	if p.end() {
		p.fail("a value is missing")
	}
	rest := string(p.text[p.pos:min(len(p.text), p.pos+len("Infinity"))])
	for _, w := range []struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}, {"Infinity", Number}, {"NaN", Number}} {
		if strings.HasPrefix(rest, w.text) && !isIdentifierPart(p.runeAt(p.pos+len(w.text))) {
			n.Kind, n.Text = w.kind, w.text
			p.pos += len(w.text)
			return
		}
	}
	if !isIdentifierStart(p.runeAt(p.pos)) {
		p.fail("expected a value, found %s", p.found())
	}
	p.fail("a word without quotes is not a value; strings need quotes")
}

// container reads an object or an array.
func (p *parser) container(n *Node) {
	if p.depth++; p.depth > maxDepth {
		p.fail("values are nested deeper than %d", maxDepth)
	}
	n.Kind = Object
	closing := byte('}')
	if p.text[p.pos] == '[' {
		n.Kind, closing = Array, ']'
	}
	for p.pos++; ; {
		p.inside(n, closing)
		if p.peek() == closing {
			break
		}
		e := Entry{Doc: p.doc, Start: p.pos, Comma: -1}
		if n.Kind == Object {
			e.Key = p.key()
			p.inside(n, closing)
			if p.peek() != ':' {
				p.fail("expected \":\" after the key, found %s", p.found())
			}
			p.pos++
			p.inside(n, closing)
		}
		e.Value = p.value()
		p.inside(n, closing)
		switch p.peek() {
		case ',':
			e.Comma = p.pos
			p.pos++
		case closing:
		default:
			p.fail("expected \",\" or \"%c\" after the value, found %s", closing, p.found())
		}
		n.Entries = append(n.Entries, e)
	}
	p.pos++
	p.depth--
}

// inside skips white space within n, which must not end there.
func (p *parser) inside(n *Node, closing byte) {
	p.space()
	if p.end() {
		line, column := p.doc.Position(n.Start)
		p.fail("the text ends inside %s that begins at line %d, column %d: a \"%c\" is missing", n.Kind, line, column, closing)
	}
}

// key reads a quoted or bare object key.
func (p *parser) key() string {
	if c := p.peek(); c == '"' || c == '\'' {
		return p.quoted()
	}
	if r := p.runeAt(p.pos); !isIdentifierStart(r) && r != '\\' {
		p.fail("expected a key, found %s", p.found())
	}
	return p.identifier()
}

// peek is the byte at pos, 0 at the end.
func (p *parser) peek() byte {
	if p.end() {
		return 0
	}
	return p.text[p.pos]
}

func (p *parser) end() bool { return p.pos >= len(p.text) }

// runeAt is the character at an offset, or -1 past the end.
func (p *parser) runeAt(i int) rune {
	if i >= len(p.text) {
		return -1
	}
	r, _ := utf8.DecodeRune(p.text[i:])
	return r
}

// found names the character at pos.
func (p *parser) found() string {
	if p.end() {
		return "the end of the text"
	}
	return fmt.Sprintf("%q", string(p.runeAt(p.pos)))
}

func (p *parser) fail(format string, args ...any) { p.failAt(p.pos, format, args...) }

func (p *parser) failAt(offset int, format string, args ...any) {
	line, column := p.doc.Position(offset)
	panic(&SyntaxError{Name: p.doc.Name, Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
}
