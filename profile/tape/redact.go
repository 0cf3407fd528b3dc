package tape

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// Redactor hides secrets: what stands under a key that names a secret, in JSON,
// in JSON within its strings, and in text as key=value or key: value; known
// values wherever they stand; what looks like a credential; Bearer and Basic
// credentials; the user part of addresses; the pass in capability URLs. It errs
// on the side of hiding too much. It is safe for use by many goroutines.
type Redactor struct {
	known []string // and how they look in other places
	short []string // hidden only where they are a whole string
}

// minSecret is the length from which on a known value is looked for in longer
// texts: shorter ones are everywhere.
const minSecret = 6

// NewRedactor returns a Redactor that knows the values.
func NewRedactor(secrets []string) *Redactor {
	r := &Redactor{}
	for _, s := range secrets {
		switch {
		case strings.Contains(config.Redacted, s): // "" as well
		case len(s) < minSecret:
			r.short = append(r.short, s)
		default:
			r.known = append(r.known, s, url.QueryEscape(s), url.PathEscape(s), quote(s, false), quote(s, true))
		}
	}
	// Of two values that lie in each other the longer one is hidden whole.
	slices.SortFunc(r.known, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	r.known = slices.Compact(r.known)
	return r
}

// quote is s as it stands between the quotes of a JSON string; programs differ
// on whether they escape <, > and &.
func quote(s string, html bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\"\n")[1:]
}

// hideKnown replaces the values that are known.
func (r *Redactor) hideKnown(s string) string {
	for _, k := range r.known {
		s = strings.ReplaceAll(s, k, config.Redacted)
	}
	return s
}

// holdsKnown says whether hideKnown would change s.
func (r *Redactor) holdsKnown(s string) bool {
	return slices.ContainsFunc(r.known, func(k string) bool { return strings.Contains(s, k) })
}

// Redact returns a message's body with every secret replaced by
// config.Redacted. JSON stays JSON.
func (r *Redactor) Redact(body []byte) []byte {
	safe, _ := r.redact(body)
	return safe
}

func (r *Redactor) redact(body []byte) (safe []byte, isJSON bool) {
	text := string(body)
	w := r.walker(text)
	if w.document(0) == nil {
		return w.out, true
	}
	return []byte(r.text(text, maxDepth)), false
}

// RedactText is Redact for a text, such as a log line or an error. JSON that it
// is stays JSON, unless a known value is a part of it that is none.
func (r *Redactor) RedactText(s string) string { return r.text(s, 0) }

// text is RedactText for a string that lies so deep in JSON.
func (r *Redactor) text(s string, depth int) string {
	if slices.Contains(r.short, s) {
		return config.Redacted
	}
	if t := strings.TrimLeft(s, blanks); depth < maxDepth && t != "" && (t[0] == '{' || t[0] == '[') {
		if w := r.walker(s); w.document(depth) == nil {
			return r.hideKnown(string(w.out)) // one may reach over several strings
		}
	}
	return hideInText(r.hideKnown(s))
}

// RedactLine returns a line of the log without its secrets.
func (r *Redactor) RedactLine(l msg.LogLine) msg.LogLine {
	l.Msg = r.RedactText(l.Msg)
	l.Attrs, _ = Safe(r, l.Attrs) // nil for what no log can hold
	return l
}

// Safe returns a copy of v without its secrets: all that v is as JSON goes through
// r, so that no part can be forgotten. To fit the type again, known values below
// 6 bytes, times, and numbers that stand under no secret key stay. It returns an
// error for what is no JSON, or does not fit all the same.
func Safe[T any](r *Redactor, v T) (T, error) {
	var safe T
	raw, err := json.Marshal(v)
	if err != nil {
		return safe, err
	}
	w := (&Redactor{known: r.known}).walker(string(raw))
	w.typed = true
	if err := w.document(-maxDepth); err != nil { // deeper than each message in it
		return safe, err
	}
	return safe, json.Unmarshal(w.out, &safe)
}

// RedactHeader is Redact for the header of a message or a request.
func (r *Redactor) RedactHeader(h map[string][]string) map[string][]string {
	if len(h) == 0 {
		return nil
	}
	safe := make(map[string][]string, len(h))
	for key, values := range h {
		for _, v := range values {
			if isSecret(key) {
				v = config.Redacted
			}
			safe[key] = append(safe[key], r.RedactText(v))
		}
	}
	return safe
}

// walker copies JSON and hides what is secret. It reads no more than it must to
// tell keys from values, and keeps every byte that it does not hide.
type walker struct {
	hide  *Redactor
	in    string
	at    int
	out   []byte
	typed bool // times stay, and numbers under no secret key
	flag  bool // the last string was --token or the like, whose value is the next
}

func (r *Redactor) walker(in string) *walker {
	w := &walker{hide: r, in: in, out: make([]byte, 0, len(in)+16)}
	if strings.IndexByte(in, '\\') < 0 && !r.holdsKnown(in) {
		w.hide = &Redactor{short: r.short} // what stands nowhere need not be looked for in each string
	}
	return w
}

var errNotJSON = errors.New("not JSON")

// maxDepth bounds the nesting, and so the stack.
const maxDepth = 200

func (w *walker) document(depth int) error {
	if err := w.value(open, depth); err != nil {
		return err
	}
	w.space()
	if w.at != len(w.in) || !json.Valid(w.out) {
		return errNotJSON
	}
	return nil
}

func (w *walker) space() {
	start := w.at
	for w.at < len(w.in) && strings.IndexByte(" \t\r\n", w.in[w.at]) >= 0 {
		w.at++
	}
	w.out = append(w.out, w.in[start:w.at]...)
}

// take copies the byte c if it comes next.
func (w *walker) take(c byte) bool {
	w.space()
	if w.at == len(w.in) || w.in[w.at] != c {
		return false
	}
	w.out = append(w.out, c)
	w.at++
	return true
}

func (w *walker) value(c cover, depth int) error {
	w.space()
	switch {
	case w.at == len(w.in) || depth > maxDepth:
		return errNotJSON
	case w.take('{'):
		return w.members('}', func() error {
			key, err := w.key()
			if err != nil {
				return err
			}
			return w.value(max(c, coverOf(key)), depth+1)
		})
	case w.take('['):
		w.flag = false
		return w.members(']', func() error {
			c := c
			if w.flag {
				c = hidden
			}
			w.flag = false
			return w.value(c, depth+1)
		})
	case w.in[w.at] == '"':
		return w.text(c, depth)
	}
	end := strings.IndexAny(w.in[w.at:], " \t\r\n,]}")
	if end < 0 {
		end = len(w.in) - w.at
	}
	return w.literal(c, w.in[w.at:w.at+end])
}

// literal copies a number or one of the three words.
func (w *walker) literal(c cover, s string) error {
	w.at += len(s)
	if s != "null" && (c == hidden || !w.typed && w.hide.holdsKnown(s)) {
		if !json.Valid([]byte(s)) {
			return errNotJSON
		}
		s = `"` + config.Redacted + `"`
	}
	w.out = append(w.out, s...)
	return nil
}

// members copies what stands between a bracket and its end.
func (w *walker) members(end byte, member func() error) error {
	if w.take(end) {
		return nil
	}
	for {
		if err := member(); err != nil {
			return err
		}
		if w.take(end) {
			return nil
		}
		if !w.take(',') {
			return errNotJSON
		}
	}
}

func (w *walker) key() (string, error) {
	w.space()
	raw, key, err := w.quoted()
	if err != nil {
		return "", err
	}
	if err := w.put(raw, key, hideInText(w.hide.hideKnown(key))); err != nil {
		return "", err
	}
	if !w.take(':') {
		return "", errNotJSON
	}
	return key, nil
}

// quoted reads a string, as it stands there and as it reads.
func (w *walker) quoted() (raw, plain string, err error) {
	start := w.at
	if start == len(w.in) || w.in[start] != '"' {
		return "", "", errNotJSON
	}
	escaped := false
	for w.at++; w.at < len(w.in); w.at++ {
		switch w.in[w.at] {
		case '\\':
			escaped = true
			w.at++
		case '"':
			w.at++
			raw = w.in[start:w.at]
			plain = raw[1 : len(raw)-1]
			if escaped {
				err = json.Unmarshal([]byte(raw), &plain)
			}
			return raw, plain, err
		}
	}
	return "", "", errNotJSON
}

// text copies a string value without its secrets.
func (w *walker) text(c cover, depth int) error {
	raw, plain, err := w.quoted()
	if err != nil {
		return err
	}
	if c != open && plain != "" {
		return w.put(raw, plain, config.Redacted)
	}
	w.flag = strings.HasPrefix(plain, "--") && isSecret(plain)
	if w.typed && isTime(plain) { // which may hold the digits of a secret
		return w.put(raw, plain, plain)
	}
	return w.put(raw, plain, w.hide.text(plain, depth+1))
}

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// put writes a string as it was unless it had to change.
func (w *walker) put(raw, plain, safe string) error {
	if safe == plain {
		w.out = append(w.out, raw...)
		return nil
	}
	quoted, err := json.Marshal(safe)
	w.out = append(w.out, quoted...)
	return err
}
