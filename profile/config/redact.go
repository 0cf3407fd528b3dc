package config

import (
	"net/url"
	"slices"
	"strings"

	"clawdbot/profile/config/json5"
	"clawdbot/profile/near"
)

// Redacted stands in place of a secret.
const Redacted = "__REDACTED__"

// Redact copies plain values such as Loaded.Tree with every secret replaced by Redacted: strings
// under a key that names a secret, all below env, and credentials in addresses.
func Redact(v any) any { return redact(v, false) }

func redact(v any, secret bool) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for key, value := range v {
			c[key] = redact(value, secret || isSecret(key))
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, value := range v {
			c[i] = redact(value, secret)
		}
		return c
	case string:
		return redactString(v, secret)
	}
	return v
}

// RedactAt is Redact for a value that stands at path.
func RedactAt(path string, v any) any {
	steps, err := json5.ParsePath(path)
	return redact(v, err != nil || slices.ContainsFunc(steps, func(s json5.Step) bool { return isSecret(s.Key) }))
}

func redactString(s string, secret bool) string {
	if secret && s != "" {
		return Redacted
	}
	return redactURL(s)
}

// isSecret tells whether a key's strings are secret. A typing error in the key makes them no less so.
func isSecret(key string) bool {
	k := strings.ToLower(key)
	for _, harmless := range []string{"file", "path", "fingerprint"} {
		if strings.HasSuffix(k, harmless) {
			return false
		}
	}
	return k == "env" || namesSecret(k) || near.Name(k, []string{"token", "password", "passphrase", "secret", "apikey", "credentials"}) != ""
}

// mayHoldSecret tells whether a value stands where a secret does, or might be put by mistake.
func mayHoldSecret(path json5.Path) bool {
	return slices.ContainsFunc(path, func(s json5.Step) bool { return s.Key == "auth" || isSecret(s.Key) })
}

func namesSecret(lower string) bool {
	lower = strings.NewReplacer("_", "", "-", "").Replace(lower)
	for _, word := range []string{"token", "password", "passphrase", "secret", "apikey", "privatekey", "authorization", "cookie", "credential"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// isSecretComment tells whether a comment looks like a setting that names a secret, taken out for a while.
func isSecretComment(comment string) bool {
	before := comment[:max(0, strings.LastIndexByte(comment, ':'))]
	return namesSecret(strings.ToLower(before)) || strings.Contains(comment, "://") && strings.Contains(comment, "@")
}

// redactURL hides the user part of an address, and query values under secret names.
func redactURL(s string) string {
	if !strings.Contains(s, "://") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		if strings.Contains(s, "@") {
			return Redacted // what cannot be taken apart cannot be shown in part
		}
		return s
	}
	query, changed := u.Query(), false
	for key := range query {
		if isSecret(key) {
			query.Set(key, Redacted)
			changed = true
		}
	}
	if changed {
		u.RawQuery = query.Encode()
	}
	if u.User != nil {
		u.User = url.User(Redacted)
		changed = true
	}
	if changed {
		return u.String()
	}
	return s
}

// redactedComment stands in place of a comment that looks like a secret.
const redactedComment = "/* " + Redacted + " */"

// RedactText replaces the secrets of a JSON5 text and keeps all else. It is false for a text that
// is not JSON5, where nothing tells what is secret.
func RedactText(text []byte) ([]byte, bool) {
	doc, err := json5.Parse("", text)
	if err != nil {
		return nil, false
	}
	type patch struct {
		json5.Range
		with string
	}
	var patches []patch
	for _, c := range doc.Comments {
		if isSecretComment(string(text[c.Start+2 : c.End])) {
			patches = append(patches, patch{c, redactedComment})
		}
	}
	var walk func(n *json5.Node, secret bool)
	walk = func(n *json5.Node, secret bool) {
		if n.Kind == json5.String {
			if safe := redactString(n.Text, secret); safe != n.Text {
				patches = append(patches, patch{json5.Range{Start: n.Start, End: n.End}, json5.Quote(safe)})
			}
		}
		for _, e := range n.Entries {
			walk(e.Value, secret || isSecret(e.Key))
		}
	}
	walk(doc.Root, false)
	slices.SortFunc(patches, func(a, b patch) int { return a.Start - b.Start })
	var out []byte
	done := 0
	for _, p := range patches {
		out = append(append(out, text[done:p.Start]...), p.with...)
		done = p.End
	}
	return append(out, text[done:]...), true
}
