package json5

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Path leads from the root to a value, as in agents.list[0].id or channels["my.chan"].x.
// The empty path is the root.
type Path []Step

// Step is one key or, when IsIndex, one place in an array. A Key of digits also finds its place in an array.
type Step struct {
	Key     string
	Index   int
	IsIndex bool
}

// maxIndex keeps indexes in range on every platform; no config has a longer list.
const maxIndex = 1 << 20

// index is the place in an array that the step means.
func (s Step) index() (int, bool) {
	if s.IsIndex {
		return s.Index, true
	}
	i, err := strconv.Atoi(s.Key)
	return i, err == nil && i >= 0 && i <= maxIndex && strconv.Itoa(i) == s.Key
}

// ParsePath reads a path. Keys with a dot, bracket, quote or space stand quoted in brackets.
func ParsePath(s string) (Path, error) {
	if s == "" {
		return nil, errors.New("the path is empty; write one such as gateway.port")
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("path %s: is not valid UTF-8", Quote(s))
	}
	var path Path
	for rest := s; rest != ""; {
		var step Step
		var err error
		if rest[0] == '[' {
			step, rest, err = bracket(rest)
		} else {
			step, rest, err = dotted(rest, len(path) == 0)
		}
		if err != nil {
			return nil, fmt.Errorf("path %s: %w", Quote(s), err)
		}
		path = append(path, step)
	}
	return path, nil
}

// dotted reads a key up to the next dot or bracket; all but the first have a dot before them.
func dotted(s string, first bool) (Step, string, error) {
	key := s
	if !first {
		var ok bool
		if key, ok = strings.CutPrefix(s, "."); !ok {
			return Step{}, "", fmt.Errorf("expected \".\" or \"[\" before %s", Quote(s))
		}
	}
	rest := ""
	if i := strings.IndexAny(key, ".[]\"' \t\n"); i >= 0 {
		key, rest = key[:i], key[i:]
	}
	if rest != "" && rest[0] != '.' && rest[0] != '[' {
		return Step{}, "", fmt.Errorf("%s cannot stand in a bare key; write [\"…\"]", Quote(rest[:1]))
	}
	if key == "" {
		return Step{}, "", fmt.Errorf("a key is missing before %s", quoteOrEnd(rest))
	}
	return Step{Key: key}, rest, nil
}

// bracket reads [0] or ["key"].
func bracket(s string) (Step, string, error) {
	if len(s) > 1 && (s[1] == '"' || s[1] == '\'') {
		return quotedBracket(s)
	}
	inner, rest, ok := strings.Cut(s[1:], "]")
	if !ok {
		return Step{}, "", fmt.Errorf("the bracket %s has no ]", Quote(s))
	}
	i, valid := Step{Key: inner}.index()
	if !valid {
		return Step{}, "", fmt.Errorf("[%s] is not an index; quote a key, as in [\"name\"]", inner)
	}
	return Step{Index: i, IsIndex: true}, rest, nil
}

func quotedBracket(s string) (step Step, rest string, err error) {
	p := &parser{doc: &Document{Text: []byte(s)}, text: []byte(s), pos: 1}
	defer func() {
		if e := new(SyntaxError); errors.As(err, &e) {
			err = errors.New(e.Message)
		}
	}()
	defer catch(&err)
	key := p.quoted()
	if p.peek() != ']' {
		return Step{}, "", fmt.Errorf("the bracket %s has no ]", Quote(s))
	}
	return Step{Key: key}, s[p.pos+1:], nil
}

// In is the value at the path in plain Go values, as Node.Value makes them.
func (p Path) In(v any) (any, bool) {
	for _, step := range p {
		switch container := v.(type) {
		case map[string]any:
			next, ok := container[step.Key]
			if !ok || step.IsIndex {
				return nil, false
			}
			v = next
		case []any:
			i, ok := step.index()
			if !ok || i >= len(container) {
				return nil, false
			}
			v = container[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// String renders the path so that ParsePath reads it again.
func (p Path) String() string {
	var b strings.Builder
	for i, step := range p {
		switch {
		case step.IsIndex:
			fmt.Fprintf(&b, "[%d]", step.Index)
		case step.Key == "" || strings.ContainsAny(step.Key, ".[]\"' \t\n"):
			b.WriteString("[" + Quote(step.Key) + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step.Key)
		}
	}
	return b.String()
}

// With is the path one step longer, in memory of its own.
func (p Path) With(step Step) Path {
	return append(p[:len(p):len(p)], step)
}

// Quote is s as a string literal that JSON and JSON5 both read.
func Quote(s string) string {
	b := new(strings.Builder)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func quoteOrEnd(s string) string {
	if s == "" {
		return "the end"
	}
	return Quote(s)
}
