package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"clawdbot/profile/config/json5"
	"clawdbot/profile/near"
)

// field is one key of a config struct.
type field struct {
	reflect.StructField
	key string
}

// fields lists the keys of a config struct, and the keys that load but are not used.
func fields(t reflect.Type) (list []field, unused []string) {
	for f := range t.Fields() {
		if f.Name == "_" {
			unused = strings.Fields(f.Tag.Get("unused"))
			continue
		}
		list = append(list, field{f, f.Tag.Get("json")})
	}
	return list, unused
}

// decoder fills Go values from a tree and reports what does not fit.
type decoder struct {
	*report
	unused   []string
	unusedAt *Issue // where the first one stands
}

// decode puts n into v, which may hold a default. The tag is that of the field that v belongs to.
func (d *decoder) decode(n *json5.Node, v reflect.Value, tag reflect.StructTag, path json5.Path) {
	if v.Type() == reflect.TypeFor[Env]() {
		d.decodeEnv(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), tag, path)
	case reflect.Struct:
		if d.is(n, json5.Object, "an object", path) {
			d.decodeStruct(n, v, path)
		}
	case reflect.Map:
		if d.is(n, json5.Object, "an object", path) {
			d.decodeMap(n, v, tag, path)
		}
	case reflect.Slice:
		if d.is(n, json5.Array, "an array", path) {
			v.Set(reflect.MakeSlice(v.Type(), len(n.Entries), len(n.Entries)))
			for i, e := range n.Entries {
				d.decode(e.Value, v.Index(i), tag, path.With(json5.Step{Index: i, IsIndex: true}))
			}
		}
	case reflect.Bool:
		if d.is(n, json5.Bool, "true or false", path) {
			v.SetBool(n.Text == "true")
		}
	case reflect.Int:
		d.decodeInt(n, v, tag, path)
	case reflect.String:
		if d.is(n, json5.String, "a string", path) && d.checkString(n, tag, path) {
			v.SetString(n.Text)
		}
	default:
		panic("config: no rule for " + v.Type().String())
	}
}

// is reports a value of another kind than wanted. It tells the kind and not the value, which may be a
// secret in the wrong place.
func (d *decoder) is(n *json5.Node, kind json5.Kind, wanted string, path json5.Path) bool {
	if n.Kind != kind {
		d.fail(n, path, "type", "must be %s (got %s)", wanted, n.Kind)
	}
	return n.Kind == kind
}

func (d *decoder) decodeStruct(n *json5.Node, v reflect.Value, path json5.Path) {
	list, unused := fields(v.Type())
	for _, e := range n.Entries {
		at := path.With(json5.Step{Key: e.Key})
		if f := slices.IndexFunc(list, func(f field) bool { return f.key == e.Key }); f >= 0 {
			d.decode(e.Value, v.FieldByIndex(list[f].Index), list[f].Tag, at)
			continue
		}
		known := slices.DeleteFunc(slices.Clone(unused), func(s string) bool { return s == "*" })
		if slices.Contains(known, e.Key) {
			d.keep(e, at)
			continue
		}
		for _, f := range list {
			known = append(known, f.key)
		}
		nearest := near.Name(e.Key, known)
		if nearest == "" && slices.Contains(unused, "*") {
			d.keep(e, at)
			continue
		}
		unknown := d.warn(e, at, "unknown", "is not a known key")
		if nearest != "" {
			unknown.Hint = fmt.Sprintf("did you mean %s?", nearest)
		}
	}
}

// keep notes a key of the original that does nothing here.
func (d *decoder) keep(e json5.Entry, path json5.Path) {
	if d.unusedAt == nil {
		first := issue(e.Doc, e.Start, nil, "unused", "")
		d.unusedAt = &first
	}
	d.unused = append(d.unused, path.String())
}

// reportUnused names all such keys in one warning.
func (d *decoder) reportUnused() {
	if d.unusedAt == nil {
		return
	}
	verb := "is"
	if len(d.unused) > 1 {
		verb = "are"
	}
	d.unusedAt.Message = fmt.Sprintf("%s %s kept but not used here", strings.Join(d.unused, ", "), verb)
	d.warnings = append(d.warnings, *d.unusedAt)
}

func (d *decoder) decodeMap(n *json5.Node, v reflect.Value, tag reflect.StructTag, path json5.Path) {
	f := formatOf(tag.Get("format"))
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range n.Entries {
		at := path.With(json5.Step{Key: e.Key})
		if f.ok != nil && !f.ok(e.Key) {
			d.fail(e.Value, at, "format", "the key must be %s", f.wants)
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(e.Value, item, valueTag(tag), at)
		v.SetMapIndex(reflect.ValueOf(e.Key), item)
	}
}

// valueTag is the tag of a map's values: format is about the keys.
func valueTag(tag reflect.StructTag) reflect.StructTag {
	return reflect.StructTag(`enum:"` + tag.Get("enum") + `"`)
}

// decodeEnv reads {KEY: "v", vars: {KEY: "v"}, shellEnv: …}.
func (d *decoder) decodeEnv(n *json5.Node, v reflect.Value, path json5.Path) {
	if !d.is(n, json5.Object, "an object", path) {
		return
	}
	for _, e := range n.Entries {
		at := path.With(json5.Step{Key: e.Key})
		switch e.Key {
		case "shellEnv":
			d.keep(e, at)
		case "vars":
			if d.is(e.Value, json5.Object, "an object", at) {
				for _, inner := range e.Value.Entries {
					d.is(inner.Value, json5.String, "a string", at.With(json5.Step{Key: inner.Key}))
				}
			}
		default:
			d.is(e.Value, json5.String, "a string", at)
		}
	}
	v.Set(reflect.ValueOf(Env(envBlock(n))))
}

func (d *decoder) decodeInt(n *json5.Node, v reflect.Value, tag reflect.StructTag, path json5.Path) {
	low, high := limits(tag)
	value, whole := wholeNumber(n)
	if !whole || value < low || value > high {
		rule := "range"
		if !whole {
			rule = "type"
		}
		d.fail(n, path, rule, "must be a whole number from %d to %d (got %s)", low, high, got(n, json5.Number, tag, path))
		return
	}
	v.SetInt(value)
}

// limits are the min and max of a number's tag, which every number has.
func limits(tag reflect.StructTag) (low, high int64) {
	low, errLow := strconv.ParseInt(tag.Get("min"), 10, 64)
	high, errHigh := strconv.ParseInt(tag.Get("max"), 10, 64)
	if errLow != nil || errHigh != nil {
		panic("config: a number without min and max: " + string(tag))
	}
	return low, high
}

// wholeNumber reads an integer in any spelling: 8080, 0x1F90, 8.08e3.
func wholeNumber(n *json5.Node) (int64, bool) {
	if n.Kind != json5.Number {
		return 0, false
	}
	text := fmt.Sprint(n.Value())
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
}

// checkString checks words and formats. An empty string means unset.
func (d *decoder) checkString(n *json5.Node, tag reflect.StructTag, path json5.Path) bool {
	if refused, why, _ := strings.Cut(tag.Get("refuse"), ": "); refused != "" && slices.Contains(strings.Split(refused, "|"), n.Text) {
		d.fail(n, path, "enum", "%s", why)
		return false
	}
	if enum := tag.Get("enum"); enum != "" {
		words := strings.Split(enum, "|")
		if !slices.Contains(words, n.Text) {
			found := d.fail(n, path, "enum", "must be %s (got %s)", oneOf(words), got(n, json5.String, tag, path))
			if nearest := near.Name(n.Text, words); nearest != "" {
				found.Hint = fmt.Sprintf("did you mean %s?", nearest)
			}
			return false
		}
	}
	if f := formatOf(tag.Get("format")); f.ok != nil && n.Text != "" && !f.ok(n.Text) {
		d.fail(n, path, "format", "must be %s (got %s)", f.wants, got(n, json5.String, tag, path))
		return false
	}
	return true
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return json5.Quote(words[0])
	}
	return "one of " + strings.Join(words, ", ")
}

// got shows a value of the kind wanted in a message, of any other value the kind only. It shows
// none that is a secret, or may be one: beside a credential, or in place of an address.
func got(n *json5.Node, wanted json5.Kind, tag reflect.StructTag, path json5.Path) string {
	switch {
	case n.Kind != wanted, mayHoldSecret(path):
		return n.Kind.String()
	case n.Kind != json5.String:
		return n.Text
	case strings.HasSuffix(tag.Get("format"), "-url") && !strings.Contains(n.Text, "://"):
		return n.Kind.String()
	}
	return json5.Quote(redactURL(n.Text))
}
