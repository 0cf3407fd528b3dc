package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
)

// schema is the part of JSON Schema, draft 2020-12, that the config needs.
type schema struct {
	Dialect     string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *int64             `json:"maximum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	WriteOnly   bool               `json:"writeOnly,omitempty"` // marks secrets
	Default     any                `json:"default,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Names       *schema            `json:"propertyNames,omitempty"`
	Additional  *schema            `json:"additionalProperties,omitempty"`
	Items       *schema            `json:"items,omitempty"`
}

// Schema is the JSON Schema of the config file. Unknown keys are allowed, as they only warn.
func Schema() []byte { return whole().text() }

// FormSchema is Schema without the keys that are not used here: they have no type,
// and the form of the original's web UI does not save as long as it meets one.
func FormSchema() []byte {
	s := whole()
	s.dropUntyped()
	return s.text()
}

func whole() *schema {
	s := schemaOf(reflect.ValueOf(Default()), "")
	s.Dialect, s.Title = "https://json-schema.org/draft/2020-12/schema", "clawdbot configuration"
	return s
}

func (s *schema) text() []byte {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(text, '\n')
}

func (s *schema) dropUntyped() {
	if s == nil {
		return
	}
	maps.DeleteFunc(s.Properties, func(_ string, p *schema) bool { return p.Type == "" })
	for _, p := range s.Properties {
		p.dropUntyped()
	}
	s.Items.dropUntyped()
	s.Additional.dropUntyped()
}

// schemaOf describes the type of v; v itself is the default.
func schemaOf(v reflect.Value, tag reflect.StructTag) *schema {
	s := &schema{Description: tag.Get("doc"), WriteOnly: tag.Get("secret") != ""}
	f := formatOf(tag.Get("format"))
	switch v.Kind() {
	case reflect.Pointer:
		return schemaOf(reflect.New(v.Type().Elem()).Elem(), tag).withoutDefault()
	case reflect.Struct:
		s.Type = "object"
		s.Properties = properties(v)
	case reflect.Map:
		s.Type = "object"
		if v.Type() == reflect.TypeFor[Env]() {
			return s // values may stand in vars as well
		}
		s.Additional = schemaOf(reflect.New(v.Type().Elem()).Elem(), valueTag(tag))
		if f.pattern != "" {
			s.Names = &schema{Pattern: f.pattern}
		}
	case reflect.Slice:
		s.Type = "array"
		s.Items = schemaOf(reflect.New(v.Type().Elem()).Elem(), tag).withoutDefault()
		s.Items.Description = ""
	case reflect.Bool:
		s.Type, s.Default = "boolean", v.Bool()
	case reflect.Int:
		low, high := limits(tag)
		s.Type, s.Minimum, s.Maximum = "integer", &low, &high
		if v.Int() != 0 {
			s.Default = v.Int()
		}
	case reflect.String:
		s.Type, s.Pattern = "string", f.pattern
		if enum := tag.Get("enum"); enum != "" {
			s.Enum = strings.Split(enum, "|")
		}
		if v.String() != "" {
			s.Default = v.String()
		}
	}
	return s
}

func (s *schema) withoutDefault() *schema {
	s.Default = nil
	return s
}

func properties(v reflect.Value) map[string]*schema {
	list, unused := fields(v.Type())
	m := make(map[string]*schema, len(list)+len(unused))
	for _, key := range unused {
		if key != "*" {
			m[key] = &schema{Description: "A key of the original: kept, but not used here."}
		}
	}
	for _, f := range list {
		m[f.key] = schemaOf(v.FieldByIndex(f.Index), f.Tag)
	}
	return m
}

// plain turns config values into what Node.Value would give, without what is unset. Booleans are never unset.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Struct:
		object := map[string]any{}
		list, _ := fields(v.Type())
		for _, f := range list {
			if value := plain(v.FieldByIndex(f.Index)); value != nil {
				object[f.key] = value
			}
		}
		if len(object) == 0 {
			return nil
		}
		return object
	}
	if v.IsZero() {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return plain(v.Elem())
	case reflect.Map:
		object := make(map[string]any, v.Len())
		for key, value := range v.Seq2() {
			object[key.String()] = plain(value)
		}
		return object
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Int:
		return v.Int()
	}
	return v.Interface()
}
