package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"clawdbot/profile/near"
)

// maxDepth is how deep arrays and objects may stand in one another.
const maxDepth = 64

const tooDeep = "must not be nested deeper than 64"

// maxPath is how much of a JSON pointer an error repeats, in bytes.
const maxPath = 200

// PathError says what is wrong with a JSON text, and where.
type PathError struct {
	Path string // JSON pointer; "" is the whole text
	Rule string // such as "must be a string"
}

func (e *PathError) Error() string {
	if e.Path == "" {
		return e.Rule
	}
	return "at " + e.Path + ": " + e.Rule
}

// Check returns a *PathError unless params are what the method takes: JSON as
// RFC 8259 has it with unique keys and valid UTF-8, no key but the known ones,
// all required ones, each value of its type and within its rules, nothing nested
// deeper than 64. No params and null count as {}, and null counts as no value for
// a key that is not required. Safe from many goroutines.
func (m Method) Check(params []byte) error {
	if len(params) == 0 || string(bytes.Trim(params, " \t\r\n")) == "null" {
		params = []byte("{}")
	}
	return shapeOf(m.Params).check(params)
}

// Decode reads b into the struct that v points to. It is as strict as
// Method.Check, and v is untouched unless b is right.
func Decode(b []byte, v any) error {
	if err := shapeOf(reflect.TypeOf(v).Elem()).check(b); err != nil {
		return err
	}
	return explain(jsonv2.Unmarshal(b, v))
}

// checkers are kept for the next check: one is as large as many a text.
var checkers = sync.Pool{New: func() any {
	c := &checker{text: new(bytes.Buffer)}
	c.dec = jsontext.NewDecoder(c.text)
	return c
}}

func (s *shape) check(b []byte) error {
	c := checkers.Get().(*checker)
	defer checkers.Put(c)
	defer c.reset(nil)
	c.reset(b)
	err := c.value(s, nil)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &PathError{"", fmt.Sprintf("not JSON at byte %d: it ends too early", len(b))}
	case err != nil:
		return explain(err)
	}
	if _, err := c.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return &PathError{"", fmt.Sprintf("not JSON at byte %d: nothing may follow", c.dec.InputOffset())}
	}
	return nil
}

// explain turns what the JSON library says into a *PathError.
func explain(err error) error {
	var place *PathError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil, errors.As(err, &place):
		return err
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return &PathError{cut(string(syntactic.JSONPointer)), "repeated key"}
	case errors.As(err, &syntactic):
		return &PathError{cut(string(syntactic.JSONPointer)), fmt.Sprintf("not JSON at byte %d", syntactic.ByteOffset)}
	}
	return &PathError{"", "not JSON of the right types"} // not after a check
}

func cut(path string) string {
	if len(path) <= maxPath {
		return path
	}
	return strings.ToValidUTF8(path[:maxPath], "") + "…"
}

// checker walks through one JSON text.
type checker struct {
	text *bytes.Buffer // what dec reads from
	dec  *jsontext.Decoder
}

// reset makes the checker read b, which it does not write to.
func (c *checker) reset(b []byte) {
	*c.text = *bytes.NewBuffer(b)
	c.dec.Reset(c.text)
}

// wrong says that the value read last breaks a rule.
func (c *checker) wrong(rule string) error {
	return &PathError{cut(string(c.dec.StackPointer())), rule}
}

// value reads one value and checks it; r is nil when it has no rules.
func (c *checker) value(s *shape, r *rules) error {
	kind := c.dec.PeekKind()
	switch {
	case s.form == anything:
		return c.skip()
	case s.form == custom && kind == '"':
		return c.custom(s)
	case kind == '{' || kind == '[' || kind == 0:
		if _, err := c.dec.ReadToken(); err != nil {
			return err
		}
		if kind != s.kind() {
			return c.wrong("must be " + s.wants())
		}
		return c.inside(s, r)
	}
	v, err := c.dec.ReadValue()
	switch {
	case err != nil:
		return err
	case kind == 'n' && s.null:
		return nil
	case kind != s.kind() && (s.form != truth || kind != 'f'):
		return c.wrong("must be " + s.wants())
	case s.form == text:
		return c.string(v, r)
	case s.form == whole, s.form == number:
		return c.number(string(v), s, r)
	}
	return nil
}

// inside reads what is in an object or an array that was begun.
func (c *checker) inside(s *shape, r *rules) error {
	if c.dec.StackDepth() > maxDepth {
		return c.wrong(tooDeep)
	}
	switch s.form {
	case object:
		return c.object(s)
	case table:
		return c.table(s)
	}
	return c.list(s, r)
}

// kind is the first token of what the shape takes.
func (s *shape) kind() jsontext.Kind {
	switch s.form {
	case object, table:
		return '{'
	case list:
		return '['
	case text, custom:
		return '"'
	case truth:
		return 't'
	}
	return '0'
}

// object reads keys and their values until the object ends.
func (c *checker) object(s *shape) error {
	var seen uint64 // by field.at
	for c.dec.PeekKind() != '}' {
		quoted, err := c.dec.ReadValue()
		if err != nil {
			return err
		}
		f := s.byName[string(quoted[1:len(quoted)-1])]
		if f == nil {
			name, _ := jsontext.AppendUnquote(nil, quoted) // it was read, so it is right
			if f = s.byName[string(name)]; f == nil {
				return c.wrong(s.unknown(string(name)))
			}
		}
		if c.dec.PeekKind() == 'n' && !f.required { // clients that write null mean nothing
			if _, err := c.dec.ReadToken(); err != nil {
				return err
			}
			continue
		}
		seen |= 1 << f.at
		if err := c.value(f.shape, &f.rules); err != nil {
			return err
		}
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	for _, f := range s.fields {
		if f.required && seen&(1<<f.at) == 0 {
			return &PathError{cut(string(c.dec.StackPointer().AppendToken(f.name))), "is required"}
		}
	}
	return nil
}

// unknown is what is said of a key that the object does not have.
func (s *shape) unknown(name string) string {
	const longest = 64 // near looks at each byte of both
	if len(name) <= longest {
		if like := near.Name(name, s.names()); like != "" {
			return "unknown key; did you mean " + like + "?"
		}
	}
	return "unknown key"
}

func (c *checker) table(s *shape) error {
	for c.dec.PeekKind() != '}' {
		if _, err := c.dec.ReadToken(); err != nil {
			return err
		}
		if err := c.value(s.elem, nil); err != nil {
			return err
		}
	}
	_, err := c.dec.ReadToken()
	return err
}

// list reads values until the array ends. Its words are those of each element.
func (c *checker) list(s *shape, r *rules) error {
	var each *rules
	if r != nil && r.enum != nil {
		each = &rules{enum: r.enum}
	}
	n := 0
	for ; c.dec.PeekKind() != ']'; n++ {
		if err := c.value(s.elem, each); err != nil {
			return err
		}
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	return c.bounds(int64(n), r, "elements")
}

func (c *checker) string(quoted jsontext.Value, r *rules) error {
	if r == nil {
		return nil
	}
	if r.filled && len(quoted) == len(`""`) {
		return c.wrong("must not be empty")
	}
	if r.enum == nil && r.min == nil && r.max == nil {
		return nil
	}
	v, _ := jsontext.AppendUnquote(nil, quoted) // it was read, so it is right
	if r.enum != nil && !slices.Contains(r.enum, string(v)) {
		return c.wrong("must be one of " + strings.Join(r.enum, ", "))
	}
	return c.bounds(int64(len(v)), r, "bytes")
}

func (c *checker) number(v string, s *shape, r *rules) error {
	bits := s.typ.Bits()
	if s.form == number {
		n, err := strconv.ParseFloat(v, bits)
		switch {
		case err != nil:
			return c.wrong("must be a smaller number")
		case r == nil:
			return nil
		case r.min != nil && n < float64(*r.min), r.max != nil && n > float64(*r.max):
			return c.wrong(r.limits(""))
		}
		return nil
	}
	if s.unsigned() {
		n, err := strconv.ParseUint(v, 10, bits)
		if err != nil {
			return c.wrong("must be a whole number that is not negative")
		}
		return c.bounds(int64(min(n, math.MaxInt64)), r, "")
	}
	n, err := strconv.ParseInt(v, 10, bits)
	if err != nil {
		return c.wrong("must be a whole number")
	}
	return c.bounds(n, r, "")
}

func (c *checker) bounds(n int64, r *rules, unit string) error {
	if r != nil && (r.min != nil && n < *r.min || r.max != nil && n > *r.max) {
		return c.wrong(r.limits(unit))
	}
	return nil
}

// limits is the sentence on the bounds of a value.
func (r *rules) limits(unit string) string {
	rule := "must be "
	if unit != "" {
		rule = "must have "
		unit = " " + unit
	}
	switch {
	case r.min == nil:
		return fmt.Sprintf("%sat most %d%s", rule, *r.max, unit)
	case r.max == nil:
		return fmt.Sprintf("%sat least %d%s", rule, *r.min, unit)
	}
	return fmt.Sprintf("%sfrom %d to %d%s", rule, *r.min, *r.max, unit)
}

// custom reads a string that its type reads itself.
func (c *checker) custom(s *shape) error {
	v, err := c.dec.ReadValue()
	if err == nil && json.Unmarshal(v, reflect.New(s.typ).Interface()) != nil {
		return c.wrong("must be " + s.wants())
	}
	return err
}

// skip reads any value, and stops where it is nested too deep. A number that no
// float64 holds cannot be read into any.
func (c *checker) skip() error {
	depth := c.dec.StackDepth()
	for {
		tok, err := c.dec.ReadToken()
		switch {
		case err != nil:
			return err
		case c.dec.StackDepth() > maxDepth:
			return c.wrong(tooDeep)
		case tok.Kind() == '0':
			if _, err := strconv.ParseFloat(tok.String(), 64); err != nil {
				return c.wrong("must be a smaller number")
			}
		}
		if c.dec.StackDepth() == depth {
			return nil
		}
	}
}
