package hooks

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// scope is what a template sees of one webhook.
type scope struct {
	path    string // below hooks.path
	payload any    // decoded JSON, numbers as json.Number
	headers http.Header
	query   url.Values
	now     time.Time
}

func newScope(path string, r *http.Request, body []byte) (scope, error) {
	s := scope{path: path, headers: r.Header, query: r.URL.Query(), now: time.Now()}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // an id of 20 digits stays what it is
	return s, d.Decode(&s.payload)
}

// render replaces each {{…}} by its value. An opening without its end is text.
func (s scope) render(template string) string {
	var out strings.Builder
	for {
		before, rest, opened := strings.Cut(template, "{{")
		expr, after, closed := strings.Cut(rest, "}}")
		if !opened || !closed {
			out.WriteString(template)
			return out.String()
		}
		out.WriteString(before)
		out.WriteString(text(s.value(strings.TrimSpace(expr))))
		template = after
	}
}

// value is what an expression stands for, nil for nothing.
func (s scope) value(expr string) any {
	switch expr {
	case "":
		return nil
	case "path":
		return s.path
	case "now":
		return s.now.UTC().Format(time.RFC3339)
	case "payload":
		return s.payload
	}
	if name, ok := strings.CutPrefix(expr, "headers."); ok {
		return open(name, s.headers.Get(name))
	}
	if name, ok := strings.CutPrefix(expr, "query."); ok {
		return open(name, s.query.Get(name))
	}
	return find(s.payload, strings.TrimPrefix(expr, "payload."))
}

// open is the value unless its name is that of a credential.
func open(name, value string) any {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	for _, word := range []string{"authorization", "cookie", "token", "secret", "password", "apikey", "credential"} {
		if strings.Contains(name, word) {
			return nil
		}
	}
	return value
}

// find goes down a path such as items[0].name.
func find(v any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		key, indexes, _ := strings.Cut(step, "[")
		if key != "" {
			object, _ := v.(map[string]any)
			v = object[key]
		}
		for indexes != "" {
			var index string
			index, indexes, _ = strings.Cut(indexes, "]")
			indexes = strings.TrimPrefix(indexes, "[")
			list, _ := v.([]any)
			i, err := strconv.Atoi(index)
			if err != nil || i < 0 || i >= len(list) {
				return nil
			}
			v = list[i]
		}
	}
	return v
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // it came from JSON
	return strings.TrimSuffix(out.String(), "\n")
}
