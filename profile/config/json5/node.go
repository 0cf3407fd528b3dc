// Package json5 reads JSON5 (json5.org, version 1.0.0) into a syntax tree that knows where each
// value stands, and edits the text by splices, so that comments, order and formatting stay.
//
// Keys such as __proto__ are ordinary: nothing here has prototypes. Of duplicate keys the last wins,
// as in JavaScript; the tree keeps all of them, so a caller can warn. Numbers keep their literal.
// The package is pure: every function may be called from many goroutines.
package json5

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// Kind is the type of a value.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String is the kind with its article, for messages: "an object".
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Document is one parsed text.
type Document struct {
	Name     string // what the text is called in messages, usually its path
	Text     []byte
	Root     *Node
	Comments []Range // in order, with their // or /* */
}

// Range is a piece of a text, in byte offsets.
type Range struct{ Start, End int }

// Node is one value. Start and End are byte offsets into Doc.Text.
type Node struct {
	Doc        *Document
	Kind       Kind
	Start, End int
	Text       string  // a string's content; the literal of a number, boolean or null
	Entries    []Entry // of an array or object, in order, duplicates included
}

// Entry is one member of an object or item of an array.
type Entry struct {
	Doc   *Document
	Key   string // empty in an array
	Start int    // offset in Doc of the key, or of the value in an array
	Value *Node
	Comma int // offset of the comma after the value, -1 without one
}

// Position is the line and the column, both from 1, of a byte offset; columns count characters.
func (d *Document) Position(offset int) (line, column int) {
	before := d.Text[:min(max(offset, 0), len(d.Text))]
	line = 1 + bytes.Count(before, []byte{'\n'})
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	if line == 1 {
		before = bytes.TrimPrefix(before, []byte(bom))
	}
	return line, 1 + utf8.RuneCount(before)
}

// Get is the value of the key in an object, or nil.
func (n *Node) Get(key string) *Node {
	if e := n.entry(Step{Key: key}); e >= 0 && n.Kind == Object {
		return n.Entries[e].Value
	}
	return nil
}

// Find is the value at the path below n, or nil.
func (n *Node) Find(path Path) *Node {
	for _, step := range path {
		i := n.entry(step)
		if i < 0 {
			return nil
		}
		n = n.Entries[i].Value
	}
	return n
}

// entry is the place of a step in n.Entries, or -1.
func (n *Node) entry(step Step) int {
	switch n.Kind {
	case Array:
		if i, ok := step.index(); ok && i < len(n.Entries) {
			return i
		}
	case Object:
		for i := len(n.Entries) - 1; i >= 0; i-- {
			if n.Entries[i].Key == step.Key && !step.IsIndex {
				return i
			}
		}
	}
	return -1
}

// Value is the plain Go value: nil, bool, json.Number, string, []any or map[string]any.
// Infinity and NaN, which JSON lacks, are float64.
func (n *Node) Value() any {
	switch n.Kind {
	case Bool:
		return n.Text == "true"
	case Number:
		return number(n.Text)
	case String:
		return n.Text
	case Array:
		list := make([]any, len(n.Entries))
		for i, e := range n.Entries {
			list[i] = e.Value.Value()
		}
		return list
	case Object:
		object := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			object[e.Key] = e.Value.Value()
		}
		return object
	}
	return nil
}

// number turns a JSON5 literal into JSON's form without losing digits.
func number(literal string) any {
	s, negative := strings.CutPrefix(literal, "-")
	s = strings.TrimPrefix(s, "+")
	switch {
	case s == "NaN":
		return math.NaN()
	case s == "Infinity" && negative:
		return math.Inf(-1)
	case s == "Infinity":
		return math.Inf(1)
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"):
		hex, _ := new(big.Int).SetString(s[2:], 16)
		s = hex.String()
	default:
		whole, exponent := s, ""
		if i := strings.IndexAny(s, "eE"); i >= 0 {
			whole, exponent = s[:i], s[i:]
		}
		if strings.HasPrefix(whole, ".") {
			whole = "0" + whole
		}
		s = strings.TrimSuffix(whole, ".") + exponent
	}
	if negative {
		s = "-" + s
	}
	return json.Number(s)
}

// SyntaxError says where and why a text is not JSON5.
type SyntaxError struct {
	Name         string // of the document
	Line, Column int
	Message      string // one sentence, no position
}

// Error is "name:line:column: message".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.Message)
}
