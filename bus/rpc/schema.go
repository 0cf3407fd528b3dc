package rpc

import (
	"encoding/json"
	"maps"
	"path"
	"strings"
)

// Schema is the JSON Schema, version 2020-12, of the whole table: under methods
// the params and the result of each, under events the payloads. Each of them is
// a schema of its own, such as #/methods/chat.send/params. It is made anew at
// each call.
func Schema() []byte {
	w := schemaWriter{defs: map[string]any{}}
	methods, events := map[string]any{}, map[string]any{}
	for _, m := range Methods() {
		row := map[string]any{
			"description": m.Doc, "scope": m.Scope,
			"params": w.in(shapeOf(m.Params)), "result": w.out(shapeOf(m.Result)),
		}
		if m.Then != "" {
			row["then"] = m.Then
		}
		methods[m.Name] = row
	}
	for _, e := range Events() {
		events[e.Name] = map[string]any{"description": e.Doc, "scope": e.Scope, "payload": w.out(shapeOf(e.Payload))}
	}
	body, err := json.Marshal(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "clawdbot gateway, protocol 3",
		"methods": methods, "events": events, "$defs": w.defs,
	})
	if err != nil { // maps, strings and numbers always encode
		panic(err)
	}
	return body
}

// schemaWriter turns shapes into schemas, and keeps those of structs to be
// referred to: what comes in is closed, what goes out may get more keys later.
type schemaWriter struct {
	defs   map[string]any
	closed bool
}

func (w schemaWriter) in(s *shape) any  { w.closed = true; return w.schema(s) }
func (w schemaWriter) out(s *shape) any { return w.schema(s) }

func (w schemaWriter) schema(s *shape) any {
	var schema map[string]any
	switch s.form {
	case anything:
		return true
	case object:
		schema = w.object(s)
	case table:
		schema = map[string]any{"type": "object", "additionalProperties": w.schema(s.elem)}
	case list:
		schema = map[string]any{"type": "array", "items": w.schema(s.elem)}
	case whole:
		schema = map[string]any{"type": "integer"}
		if s.unsigned() {
			schema["minimum"] = 0
		}
	case number:
		schema = map[string]any{"type": "number"}
	case truth:
		schema = map[string]any{"type": "boolean"}
	default:
		schema = map[string]any{"type": "string"}
	}
	// A nil list or map is written as null.
	if s.null || !w.closed && (s.form == list || s.form == table) {
		return orNull(schema)
	}
	return schema
}

func orNull(schema any) any {
	plain, ok := schema.(map[string]any)
	if !ok {
		return schema
	}
	if kind, ok := plain["type"].(string); ok {
		plain["type"] = []string{kind, "null"}
		return plain
	}
	return map[string]any{"anyOf": []any{plain, map[string]any{"type": "null"}}}
}

// object is a reference to the schema of a struct, or the schema of one without
// a name.
func (w schemaWriter) object(s *shape) map[string]any {
	name := s.typ.Name()
	if name == "" || strings.Contains(name, "[") {
		return w.keys(s)
	}
	if pkg := path.Base(s.typ.PkgPath()); pkg != "msg" {
		name = pkg + "." + name
	}
	if w.closed {
		name += ".in"
	}
	if _, done := w.defs[name]; !done {
		w.defs[name] = true // it may refer to itself
		w.defs[name] = w.keys(s)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

func (w schemaWriter) keys(s *shape) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range s.fields {
		properties[f.name] = w.field(f)
		if f.required {
			required = append(required, f.name)
		}
	}
	schema := map[string]any{"type": "object"}
	if len(properties) > 0 {
		schema["properties"] = properties
	}
	if len(required) > 0 {
		schema["required"] = required
	}
	if w.closed {
		schema["additionalProperties"] = false
	}
	return schema
}

// field is the schema of a value with its rules beside it.
func (w schemaWriter) field(f *field) any {
	schema := w.schema(f.shape)
	if w.closed && !f.required && !f.shape.null {
		schema = orNull(schema)
	}
	beside := map[string]any{}
	if f.doc != "" {
		beside["description"] = f.doc
	}
	if f.enum != nil {
		words := map[string]any{"enum": f.words()}
		if f.shape.form == list {
			words = map[string]any{"items": words}
		}
		maps.Copy(beside, words)
	}
	if w.closed && f.filled {
		beside["minLength"] = 1
	}
	maps.Copy(beside, f.bounds())
	if len(beside) == 0 {
		return schema
	}
	if plain, ok := schema.(map[string]any); ok {
		if f.enum != nil && f.shape.form == list {
			delete(plain, "items")
		}
		maps.Copy(beside, plain)
	}
	return beside
}

// words are the values of an enum, null among them where it is taken.
func (f *field) words() []any {
	var list []any
	for _, w := range f.enum {
		list = append(list, w)
	}
	if f.shape.null || !f.required {
		list = append(list, nil)
	}
	return list
}

func (f *field) bounds() map[string]any {
	low, high := "minimum", "maximum"
	switch f.shape.form {
	case text:
		low, high = "minLength", "maxLength"
	case list:
		low, high = "minItems", "maxItems"
	}
	out := map[string]any{}
	if f.min != nil {
		out[low] = *f.min
	}
	if f.max != nil {
		out[high] = *f.max
	}
	return out
}
