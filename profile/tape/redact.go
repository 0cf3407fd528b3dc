package tape

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"clawdbot/profile/config"
)

// Redactor hides secrets: strings under a key that names a secret, in JSON and
// in text as key=value or key: value; known values wherever they stand; Bearer
// and Basic credentials; the user part of addresses; the pass in capability
// URLs. It is safe for use by many goroutines.
type Redactor struct{ known []string }

// minSecret is the length from which on a known value is looked for: shorter
// ones are everywhere.
const minSecret = 4

// NewRedactor returns a Redactor that knows the values.
func NewRedactor(secrets []string) *Redactor {
	r := &Redactor{}
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		r.known = append(r.known, s, url.QueryEscape(s), url.PathEscape(s), quote(s, false), quote(s, true))
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

// Redact returns a message's body with every secret replaced by
// config.Redacted. JSON stays JSON.
func (r *Redactor) Redact(body []byte) []byte {
	safe, _ := r.redact(body)
	return safe
}

func (r *Redactor) redact(body []byte) (safe []byte, isJSON bool) {
	w := walker{hide: r, in: string(body), out: make([]byte, 0, len(body)+16)}
	if strings.IndexByte(w.in, '\\') < 0 && r.hideKnown(w.in) == w.in {
		w.hide = &Redactor{} // what stands nowhere need not be looked for in each string
	}
	if w.document() == nil {
		return w.out, true
	}
	return []byte(r.RedactText(w.in)), false
}

// RedactText is Redact for a text that is not JSON.
func (r *Redactor) RedactText(s string) string { return hideInText(r.hideKnown(s)) }

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

// secretWords are parts of keys, in lower case, without _ and -.
var secretWords = [...]string{
	"token", "password", "passwd", "passphrase", "secret", "apikey", "privatekey", "authorization", "cookie", "credential", "signature",
}

// isSecret says whether the strings under a key are secret.
func isSecret(key string) bool {
	k := strings.ToLower(key)
	if strings.ContainsAny(k, "_-") {
		k = strings.NewReplacer("_", "", "-", "").Replace(k)
	}
	for _, harmless := range [...]string{"file", "path", "fingerprint"} {
		if strings.HasSuffix(k, harmless) {
			return false
		}
	}
	if k == "env" {
		return true
	}
	for _, word := range secretWords {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}

// walker copies JSON and hides what is secret. It reads no more than it must to
// tell keys from values, and keeps every byte that it does not hide.
type walker struct {
	hide *Redactor
	in   string
	at   int
	out  []byte
}

var errNotJSON = errors.New("not JSON")

// maxDepth bounds the nesting, and so the stack.
const maxDepth = 200

func (w *walker) document() error {
	if err := w.value(false, 0); err != nil {
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

func (w *walker) value(secret bool, depth int) error {
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
			return w.value(secret || isSecret(key), depth+1)
		})
	case w.take('['):
		return w.members(']', func() error { return w.value(secret, depth+1) })
	case w.in[w.at] == '"':
		return w.text(secret)
	}
	end := strings.IndexAny(w.in[w.at:], " \t\r\n,]}")
	if end < 0 {
		end = len(w.in) - w.at
	}
	return w.literal(w.in[w.at : w.at+end])
}

// literal copies a number or one of the three words.
func (w *walker) literal(s string) error {
	w.at += len(s)
	switch s {
	case "true", "false", "null":
	default:
		if w.hide.hideKnown(s) != s {
			s = `"` + config.Redacted + `"`
		}
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
	if err := w.put(raw, key, w.hide.hideKnown(key)); err != nil {
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
func (w *walker) text(secret bool) error {
	raw, plain, err := w.quoted()
	if err != nil {
		return err
	}
	if secret && plain != "" {
		return w.put(raw, plain, config.Redacted)
	}
	return w.put(raw, plain, w.hide.RedactText(plain))
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
