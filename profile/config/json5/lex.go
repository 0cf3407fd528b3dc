package json5

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const bom = "\uFEFF"

// space skips white space and comments.
func (p *parser) space() {
	for !p.end() {
		if next := p.comment(); next > p.pos {
			p.doc.Comments = append(p.doc.Comments, Range{p.pos, next})
			p.pos = next
			continue
		}
		r, size := utf8.DecodeRune(p.text[p.pos:])
		if !isSpace(r) {
			return
		}
		p.pos += size
	}
}

// comment is the offset after the comment at pos, or pos when there is none.
// A line comment ends before its line terminator.
func (p *parser) comment() int {
	rest := p.text[p.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		if i := bytes.IndexAny(rest, "\n\r\u2028\u2029"); i >= 0 {
			return p.pos + i
		}
		return len(p.text)
	case bytes.HasPrefix(rest, []byte("/*")):
		i := bytes.Index(rest[2:], []byte("*/"))
		if i < 0 {
			p.fail("the comment that begins here has no */")
		}
		return p.pos + i + len("/**/")
	}
	return p.pos
}

func isSpace(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0xA0, 0xFEFF, 0x2028, 0x2029:
		return true
	}
	return r > 0x7F && unicode.Is(unicode.Zs, r)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isIdentifierStart(r rune) bool {
	return r == '$' || r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
}

func isIdentifierPart(r rune) bool {
	return isIdentifierStart(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc) || r == 0x200C || r == 0x200D
}

// isIdentifier tells whether s can stand as a bare key.
func isIdentifier(s string) bool {
	for i, r := range s {
		if !isIdentifierPart(r) || i == 0 && !isIdentifierStart(r) {
			return false
		}
	}
	return s != ""
}

// identifier reads a bare key, in which \u escapes may stand for letters.
func (p *parser) identifier() string {
	var b strings.Builder
	for !p.end() {
		start := p.pos
		r, size := utf8.DecodeRune(p.text[p.pos:])
		p.pos += size
		if r == '\\' {
			if p.peek() != 'u' {
				p.failAt(start, "only a \\u escape can stand in a key without quotes")
			}
			p.pos++
			r = p.hex(4)
			if !isIdentifierPart(r) {
				p.failAt(start, "the escaped character %q cannot stand in a key without quotes", r)
			}
		}
		if !isIdentifierPart(r) {
			p.pos = start
			break
		}
		if b.Len() == 0 && !isIdentifierStart(r) {
			p.failAt(start, "a key that begins with %q needs quotes", r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// quoted reads a string with either kind of quotes.
func (p *parser) quoted() string {
	start, quote := p.pos, p.text[p.pos]
	var b strings.Builder
	for p.pos++; ; {
		if p.end() {
			p.failAt(start, "the string that begins here has no closing %c", quote)
		}
		r, size := utf8.DecodeRune(p.text[p.pos:])
		switch r {
		case rune(quote):
			p.pos++
			return b.String()
		case '\\':
			p.escape(&b)
			continue
		case '\n', '\r':
			p.failAt(start, "the string that begins here has no closing %c on its line; end the line with \\ to go on", quote)
		}
		b.WriteRune(r)
		p.pos += size
	}
}

// escape reads one escape sequence, pos at the backslash.
func (p *parser) escape(b *strings.Builder) {
	start := p.pos
	p.pos++
	r := p.runeAt(p.pos)
	if r < 0 {
		return
	}
	p.pos += utf8.RuneLen(r)
	switch r {
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'v':
		b.WriteByte('\v')
	case 'x':
		b.WriteRune(p.hex(2))
	case 'u':
		b.WriteRune(p.unicodeEscape())
	case '\r':
		if p.peek() == '\n' {
			p.pos++
		}
	case '\n', 0x2028, 0x2029:
	case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if r != '0' || isDigit(p.peek()) {
			p.failAt(start, "the escape \\%c is not known", r)
		}
		b.WriteByte(0)
	default:
		b.WriteRune(r)
	}
}

// unicodeEscape reads four digits, and the second half of a surrogate pair.
// A lone half becomes U+FFFD, as in encoding/json.
func (p *parser) unicodeEscape() rune {
	r := p.hex(4)
	if !utf16.IsSurrogate(r) {
		return r
	}
	back := p.pos
	if bytes.HasPrefix(p.text[p.pos:], []byte(`\u`)) {
		p.pos += 2
		if pair := utf16.DecodeRune(r, p.hex(4)); pair != unicode.ReplacementChar {
			return pair
		}
		p.pos = back
	}
	return unicode.ReplacementChar
}

// hex reads exactly n hexadecimal digits.
func (p *parser) hex(n int) rune {
	digits := string(p.text[p.pos:min(len(p.text), p.pos+n)])
	v, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || len(digits) < n {
		p.fail("the escape needs %d hexadecimal digits", n)
	}
	p.pos += n
	return rune(v)
}

// number reads a numeric literal and returns it as written.
func (p *parser) number() string {
	start := p.pos
	if c := p.peek(); c == '+' || c == '-' {
		p.pos++
	}
	rest := string(p.text[p.pos:min(len(p.text), p.pos+len("Infinity"))])
	switch {
	case rest == "Infinity":
		p.pos += len(rest)
	case strings.HasPrefix(rest, "NaN"):
		p.pos += len("NaN")
	case strings.HasPrefix(rest, "0x"), strings.HasPrefix(rest, "0X"):
		p.pos += 2
		if p.run("0123456789abcdefABCDEF") == 0 {
			p.failAt(start, "the hexadecimal number has no digits")
		}
	default:
		p.decimal(start)
	}
	if r := p.runeAt(p.pos); isIdentifierPart(r) || r == '.' {
		p.failAt(start, "a number cannot go on with %s; strings need quotes", p.found())
	}
	return string(p.text[start:p.pos])
}

// decimal reads digits, fraction and exponent of the number that began at start.
func (p *parser) decimal(start int) {
	const digits = "0123456789"
	first := p.peek()
	whole, fraction := p.run(digits), 0
	if whole > 1 && first == '0' {
		p.failAt(start, "a number cannot begin with 0 followed by digits")
	}
	if p.peek() == '.' {
		p.pos++
		fraction = p.run(digits)
	}
	if whole+fraction == 0 {
		p.failAt(start, "the number has no digits")
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if p.run(digits) == 0 {
			p.failAt(start, "the exponent of the number has no digits")
		}
	}
}

// run skips the bytes that are in set, and counts them.
func (p *parser) run(set string) int {
	start := p.pos
	for !p.end() && strings.IndexByte(set, p.text[p.pos]) >= 0 {
		p.pos++
	}
	return p.pos - start
}
