package postmortem

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"clawdbot/gateway/rescue/patient"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/tape"
)

// minSecret is the shortest text that is taken for a secret by its value: a
// shorter one would hide half of every page.
const minSecret = 6

// redactor hides secrets: what stands under a key that names one, what the
// profiles are known to keep secret, wherever it stands, and what looks like a
// credential. It errs on the side of hiding too much.
type redactor struct {
	tape  *tape.Redactor
	looks *regexp.Regexp
}

func newRedactor(secrets []string) redactor {
	known := slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return len(s) < minSecret })
	return redactor{tape.NewRedactor(known), regexp.MustCompile(strings.Join([]string{
		`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`,
		`\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abprs]|AKIA)[-_]?[\w-]{16,}`, // keys of services
		`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`,                               // a JSON web token
		`\bS[UANOCX][A-Z2-7]{56}\b`,                                       // a seed of NATS
	}, "|"))}
}

// text hides what is secret in a text.
func (r redactor) text(s string) string {
	return r.looks.ReplaceAllString(r.tape.RedactText(s), config.Redacted)
}

// value hides what is secret in plain values; secret says that they stand under
// a key that names a secret.
func (r redactor) value(v any, secret bool) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for key, value := range v {
			c[r.text(key)] = r.value(value, secret || namesSecret(key))
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, value := range v {
			c[i] = r.value(value, secret)
		}
		return c
	case string:
		if secret && v != "" {
			return config.Redacted
		}
		if _, err := time.Parse(time.RFC3339, v); err == nil { // and may hold the digits of a secret
			return v
		}
		return r.text(v)
	}
	return v
}

// report returns the report without secrets: all that it would be as JSON goes
// through value, so that no part can be forgotten.
func (r redactor) report(full Report) (Report, error) {
	var plain any
	var safe Report
	raw, err := json.Marshal(full)
	if err != nil {
		return safe, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&plain); err != nil {
		return safe, err
	}
	if raw, err = json.Marshal(r.value(plain, false)); err != nil {
		return safe, err
	}
	return safe, json.Unmarshal(raw, &safe)
}

// namesSecret is package config's rule for keys.
func namesSecret(key string) bool {
	one, _ := config.Redact(map[string]any{key: "x"}).(map[string]any)
	return one[key] == config.Redacted
}

// secretsOf are the secrets of a profile as its files have them. What cannot be
// read is not on any page either.
func secretsOf(p profile.Profile) []string {
	var found []string
	keys := entries(filepath.Dir(p.BusKey("any")), "", ".key")
	pairs := entries(filepath.Join(p.Registry.Dir(), "links"), "", ".key")
	for _, path := range slices.Concat(keys, pairs, []string{p.TokenFile()}) {
		if raw, err := config.ReadFile(path); err == nil {
			found = append(found, strings.TrimSpace(string(raw)))
		}
	}
	if raw, err := config.ReadFile(p.DotEnv()); err == nil {
		found = append(found, valuesOf(string(raw))...)
	}
	if loaded, _ := patient.LoadConfig(p); loaded != nil {
		found = appendSecrets(found, loaded.Tree, false)
	}
	return found
}

// valuesOf are the values of a .env file. One of several lines is as many, and
// what may be a comment behind one is tried with and without.
func valuesOf(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		_, value, ok := strings.Cut(line, "=")
		if !ok {
			value = line
		}
		bare, _, _ := strings.Cut(value, " #")
		for _, v := range []string{value, bare} {
			found = append(found, strings.Trim(strings.TrimSpace(v), "\"'`"))
		}
	}
	return found
}

// appendSecrets adds the strings of a config that stand under keys which name secrets.
func appendSecrets(found []string, v any, secret bool) []string {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			found = appendSecrets(found, value, secret || namesSecret(key))
		}
	case []any:
		for _, value := range v {
			found = appendSecrets(found, value, secret)
		}
	case string:
		if secret {
			found = append(found, v)
		}
	}
	return found
}
