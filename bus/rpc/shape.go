package rpc

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// form is what JSON a shape takes.
type form int

const (
	anything form = iota
	object        // with known keys
	table         // an object with any keys
	list
	text
	whole
	number
	truth
	custom // whatever its type reads
)

// shape is the JSON of a Go type, as encoding/json reads and writes it.
type shape struct {
	form   form
	typ    reflect.Type
	null   bool     // null is taken as well
	fields []*field // of an object, in the struct's order
	byName map[string]*field
	elem   *shape // of a table or a list
}

// field is one key of an object, with the rules of its tags.
type field struct {
	name     string
	at       int // in the object's fields, of which there are at most 64
	shape    *shape
	required bool
	rules
}

// rules are what a tag asks of a value, beside its type.
type rules struct {
	doc      string
	enum     []string
	min, max *int64 // of a number; bytes of a string; length of a list
	filled   bool   // a string must not be empty
}

// shapes keeps each shape that was asked for once, by reflect.Type.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := build(t, map[reflect.Type]*shape{})
	shapes.Store(t, s)
	return s
}

// build makes the shape of t; begun are the structs that it stands in.
func build(t reflect.Type, begun map[reflect.Type]*shape) *shape {
	if t.Kind() == reflect.Pointer {
		s := *build(t.Elem(), begun)
		s.null = true
		return &s
	}
	s := &shape{typ: t}
	switch {
	case t.Kind() == reflect.Interface, isBytes(t) && reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		s.form, s.null = anything, true // json.RawMessage and its like
	case isBytes(t), readsItself(t):
		s.form = custom
	case t.Kind() == reflect.Struct:
		if same := begun[t]; same != nil {
			return same
		}
		begun[t] = s
		s.form, s.byName = object, map[string]*field{}
		s.addFields(t, begun)
	case t.Kind() == reflect.Map:
		s.form, s.elem = table, build(t.Elem(), begun)
	case t.Kind() == reflect.Slice:
		s.form, s.elem = list, build(t.Elem(), begun)
	case t.Kind() == reflect.String:
		s.form = text
	case t.Kind() == reflect.Bool:
		s.form = truth
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		s.form = number
	default:
		s.form = whole
	}
	return s
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// readsItself says whether the type has JSON of its own making.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// addFields adds the keys of a struct, those of embedded ones included.
func (s *shape) addFields(t reflect.Type, begun map[reflect.Type]*shape) {
	for sf := range fieldsOf(t) {
		tag := sf.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
			continue
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			s.addFields(sf.Type, begun)
			continue
		case name == "":
			name = sf.Name
		}
		f := &field{name: name, at: len(s.fields), shape: build(sf.Type, begun), required: !strings.Contains(options, "omit")}
		f.rules = rulesOf(sf.Tag)
		f.filled = f.required && f.shape.form == text && !f.shape.null
		s.fields = append(s.fields, f)
		s.byName[name] = f
	}
}

// fieldsOf yields the exported and embedded fields of a struct.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if sf := t.Field(i); (sf.IsExported() || sf.Anonymous) && !yield(sf) {
				return
			}
		}
	}
}

// rulesOf reads the tags doc, enum, min and max. A bad number in them panics:
// the table's test finds it.
func rulesOf(tag reflect.StructTag) rules {
	r := rules{doc: tag.Get("doc")}
	if words := tag.Get("enum"); words != "" {
		r.enum = strings.Split(words, "|")
	}
	bound := func(key string) *int64 {
		text, ok := tag.Lookup(key)
		if !ok {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			panic("rpc: tag " + key + ": " + err.Error())
		}
		return &n
	}
	r.min, r.max = bound("min"), bound("max")
	return r
}

// names are the keys of an object.
func (s *shape) names() []string {
	names := make([]string, 0, len(s.fields))
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	return slices.Clip(names)
}

// unsigned says whether a whole number cannot be negative.
func (s *shape) unsigned() bool {
	return s.typ.Kind() >= reflect.Uint && s.typ.Kind() <= reflect.Uint64
}

// wants names what a shape takes, in the words of JSON.
func (s *shape) wants() string {
	switch s.form {
	case object, table:
		return "an object"
	case list:
		return "an array"
	case text:
		return "a string"
	case whole:
		return "a whole number"
	case number:
		return "a number"
	case truth:
		return "true or false"
	case custom:
		if s.typ.Kind() == reflect.Slice {
			return "base64"
		}
		return "a " + strings.ToLower(s.typ.Name())
	}
	return "a value"
}
