package config

import (
	"reflect"
	"slices"

	"clawdbot/profile/config/json5"
	"clawdbot/profile/near"
)

// Near is the path of the known key that a path with typing errors most likely
// meant, or "" when the path is known or near to none.
func Near(path string) string {
	steps, err := json5.ParsePath(path)
	if err != nil {
		return ""
	}
	meant, at := slices.Clone(steps), reflect.TypeFor[Config]()
	for i, step := range steps {
		switch at.Kind() {
		case reflect.Slice, reflect.Map:
			at = at.Elem()
		case reflect.Struct:
			list, _ := fields(at)
			if meant[i].Key, at = nearest(step.Key, list); at == nil {
				return ""
			}
		default:
			return "" // nothing lies below a plain value
		}
		if at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
	}
	if slices.Equal(meant, steps) {
		return ""
	}
	return meant.String()
}

// nearest is the field whose key the word meant, or nil.
func nearest(word string, list []field) (string, reflect.Type) {
	keys := make([]string, len(list))
	for i, f := range list {
		keys[i] = f.key
	}
	if n := slices.Index(keys, near.Name(word, keys)); n >= 0 {
		return keys[n], list[n].Type
	}
	return "", nil
}
