package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"clawdbot/profile/config/json5"
)

// Effect is what it takes until a changed value holds in a running gateway.
type Effect string

// The effects, from the least.
const (
	EffectNone      Effect = ""          // nothing changes
	EffectHot       Effect = "hot"       // it is taken over where it is used
	EffectComponent Effect = "component" // some components are built anew, beside the rest that goes on
	EffectRestart   Effect = "restart"   // the whole gateway starts again
	EffectRefused   Effect = "refused"   // the config cannot be used
)

// Change is one value that differs, or one reason why the new config is refused.
type Change struct {
	Path       string   `json:"path"` // as in agents.list[0].id; empty for the file as a whole
	Effect     Effect   `json:"effect"`
	Components []string `json:"components,omitempty"` // that are built anew, sorted
	Why        string   `json:"why"`                  // one sentence with the old and the new value, secrets hidden
}

// Changes is a plan: what a new config would change. Its zero value changes nothing.
type Changes []Change

// Plan compares the config that runs with a new one. It compares the values that hold, after
// $include, ${VAR} and the defaults, so comments, order and files make no difference, nor do keys that
// are not used here. A new config with Issues gives one refused change for each and no others.
//
// What a change takes stands in the reload tags of the types: hot, the names of components, or restart
// with the reason.
func Plan(old, new *Loaded) Changes {
	changes := Changes{}
	for _, i := range new.Issues {
		changes = append(changes, Change{Path: i.Path, Effect: EffectRefused, Why: i.String()})
	}
	if len(changes) > 0 {
		return changes
	}
	for _, d := range differences(old.Config, new.Config) {
		changes = append(changes, d.change())
	}
	return changes
}

// Effect is the strongest one of the plan.
func (c Changes) Effect() Effect {
	for _, e := range []Effect{EffectRefused, EffectRestart, EffectComponent, EffectHot} {
		if slices.ContainsFunc(c, func(one Change) bool { return one.Effect == e }) {
			return e
		}
	}
	return EffectNone
}

// Components are all that the plan builds anew, sorted.
func (c Changes) Components() []string {
	var names []string
	for _, one := range c {
		names = append(names, one.Components...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Does is what a changed file with the effect does at once in a gateway with this reload mode,
// by the rules of the original: off ignores the file, hot leaves a restart to the operator, restart
// restarts for any change. The sentence tells what waits, and for what; it is empty when nothing does.
func (r Reload) Does(e Effect) (now Effect, waits string) {
	switch {
	case e == EffectNone, e == EffectRefused:
		return e, ""
	case r.Mode == "off":
		return EffectNone, "gateway.reload.mode is off: the change waits for config apply or a restart"
	case r.Mode == "restart":
		return EffectRestart, ""
	case r.Mode == "hot" && e == EffectRestart:
		return EffectNone, "gateway.reload.mode is hot: the change waits for a restart"
	}
	return e, ""
}

// difference is one value that differs. One that is not there is invalid.
type difference struct {
	path     json5.Path
	reload   string // the tag that holds for it
	old, new reflect.Value
}

// differences lists what differs between two configs, in the order of the types.
func differences(old, new Config) []difference {
	var found []difference
	compare(reflect.ValueOf(old), reflect.ValueOf(new), difference{}, &found)
	return found
}

// compare adds the differences between two values to a list; at tells where they stand.
func compare(old, new reflect.Value, at difference, found *[]difference) {
	switch kind := old.Kind(); {
	case reflect.DeepEqual(old.Interface(), new.Interface()):
	case kind == reflect.Struct:
		list, _ := fields(old.Type())
		for _, f := range list {
			below := difference{path: at.path.With(json5.Step{Key: f.key}), reload: at.reload}
			if tag, ok := f.Tag.Lookup("reload"); ok {
				below.reload = tag
			}
			compare(old.FieldByIndex(f.Index), new.FieldByIndex(f.Index), below, found)
		}
	case kind == reflect.Map:
		compareMaps(old, new, at, found)
	case kind == reflect.Slice && old.Len() == new.Len() && old.Type().Elem().Kind() == reflect.Struct:
		for i := range old.Len() {
			below := difference{path: at.path.With(json5.Step{Index: i, IsIndex: true}), reload: at.reload}
			compare(old.Index(i), new.Index(i), below, found)
		}
	default:
		at.old, at.new = old, new
		*found = append(*found, at)
	}
}

// compareMaps compares two maps with strings as keys, key by key.
func compareMaps(old, new reflect.Value, at difference, found *[]difference) {
	keys := map[string]bool{}
	for _, key := range append(old.MapKeys(), new.MapKeys()...) {
		keys[key.String()] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		below := difference{path: at.path.With(json5.Step{Key: key}), reload: at.reload}
		below.old, below.new = old.MapIndex(reflect.ValueOf(key)), new.MapIndex(reflect.ValueOf(key))
		if below.old.IsValid() && below.new.IsValid() {
			compare(below.old, below.new, below, found)
			continue
		}
		*found = append(*found, below)
	}
}

// change tells what the difference takes.
func (d difference) change() Change {
	c := Change{Path: d.path.String()}
	tag, reason, _ := strings.Cut(d.reload, ": ")
	switch tag {
	case "hot":
		c.Effect, c.Why = EffectHot, d.values()+"; taken over at once"
	case "restart":
		c.Effect, c.Why = EffectRestart, d.values()+"; restarts the gateway: "+reason
	default:
		c.Effect, c.Components = EffectComponent, strings.Split(tag, ",")
		c.Why = d.values() + "; restarts " + strings.Join(c.Components, ", ")
	}
	return c
}

// values is "old → new", without secrets.
func (d difference) values() string {
	path := d.path.String()
	old, new := show(path, d.old), show(path, d.new)
	if old == new {
		return "a secret changed"
	}
	return old + " → " + new
}

// maxShown bounds a value in a sentence, in characters.
const maxShown = 80

// show is a value on one line, without secrets, cut when it is long.
func show(path string, v reflect.Value) string {
	if !v.IsValid() {
		return "unset"
	}
	value := plain(v)
	switch {
	case value == nil && v.Kind() == reflect.Struct:
		return "{}"
	case value == nil:
		return "unset"
	}
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(RedactAt(path, value)); err != nil {
		panic(err) // strings, numbers and booleans always encode
	}
	text := strings.TrimSuffix(line.String(), "\n")
	if utf8.RuneCountInString(text) > maxShown {
		text = string([]rune(text)[:maxShown-1]) + "…"
	}
	return text
}
