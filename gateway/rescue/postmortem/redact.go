package postmortem

import (
	"path/filepath"
	"slices"
	"strings"

	"clawdbot/gateway/rescue/patient"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

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
