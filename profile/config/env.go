package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"clawdbot/profile/config/json5"
)

// environment answers ${NAME}: the process first, then the .env file, then the config's env block.
type environment struct {
	process func(string) (string, bool)
	dotEnv  map[string]string
	block   map[string]string
	hint    string
}

// newEnvironment reads the .env file, and reports what is wrong with it.
func newEnvironment(o Options, r *report) *environment {
	e := &environment{process: o.LookupEnv, hint: "set it in the environment or under env"}
	if o.DotEnv == "" {
		return e
	}
	e.hint = fmt.Sprintf("set it in the environment, in %s or under env", o.DotEnv)
	text, err := ReadFile(o.DotEnv)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.errors = append(r.errors, Issue{File: o.DotEnv, Line: 1, Column: 1, Rule: "env", Message: fmt.Sprintf("cannot be read: %v", err)})
	}
	vars, bad := parseDotEnv(string(text))
	e.dotEnv = vars
	for _, i := range bad[:min(maxIssues, len(bad))] {
		i.File = o.DotEnv
		r.warnings = append(r.warnings, i)
	}
	return e
}

// lookup is the first value that is not empty.
func (e *environment) lookup(name string) (string, bool) {
	if e.process != nil {
		if v, _ := e.process(name); v != "" {
			return v, true
		}
	}
	for _, m := range []map[string]string{e.dotEnv, e.block} {
		if v := m[name]; v != "" {
			return v, true
		}
	}
	return "", false
}

// parseDotEnv reads KEY=value lines by the rules of the dotenv package that the original uses: an
// optional "export", comments with #, single quotes as they are, double quotes with \n and \r,
// both over several lines. What is not such a line is passed over and reported, without its text, which may be a secret.
func parseDotEnv(text string) (vars map[string]string, bad []Issue) {
	vars = map[string]string{}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n")
	all := text
	report := func(message string) {
		line := 1 + strings.Count(all[:len(all)-len(text)], "\n")
		bad = append(bad, Issue{Line: line, Column: 1, Rule: "syntax", Message: message})
	}
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		key, value, found := strings.Cut(line, "=")
		key = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(key), "export "))
		if !found || !isVariable(key) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				report("not NAME=value, ignored")
			}
			text = rest
			continue
		}
		value = strings.TrimSpace(value)
		if quote := value; quote != "" && strings.ContainsAny(quote[:1], "\"'`") {
			start := strings.Index(text, "=") + 1
			start += strings.Index(text[start:], value[:1]) + 1
			if end := strings.Index(text[start:], value[:1]); end >= 0 {
				value = text[start : start+end]
				_, text, _ = strings.Cut(text[start+end:], "\n")
				if quote[0] == '"' {
					value = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(value)
				}
				vars[key] = value
				continue
			}
			report("the quote is not closed and counts as part of the value")
		}
		value, _, _ = strings.Cut(value, "#")
		vars[key] = strings.TrimSpace(value)
		text = rest
	}
	return vars, bad
}

// isVariable tells whether s can name an environment variable in a .env file.
func isVariable(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// substitute puts the values of variables into every string below root, the env block's own first.
func (r *resolver) substitute(root *json5.Node, env *environment) {
	block := root.Get("env")
	if block != nil {
		r.expand(block, json5.Path{{Key: "env"}}, env)
		env.block = envBlock(block)
	}
	for _, e := range root.Entries {
		if e.Value != block {
			r.expand(e.Value, json5.Path{{Key: e.Key}}, env)
		}
	}
}

func (r *resolver) expand(n *json5.Node, path json5.Path, env *environment) {
	if n.Kind == json5.String {
		n.Text = expandString(n.Text, func(name string) (string, bool) {
			v, ok := env.lookup(name)
			if !ok {
				r.fail(n, path, "env", "the variable %s is not set", name).Hint = env.hint
			}
			return v, ok
		})
		return
	}
	for i, e := range n.Entries {
		r.expand(e.Value, path.With(stepTo(n, e, i)), env)
	}
}

// expandString replaces ${NAME} and turns $${NAME} into ${NAME}; anything else stays.
func expandString(s string, lookup func(string) (string, bool)) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		name, rest, closed := strings.Cut(s[i+2:], "}")
		switch {
		case !closed || !isVariable(name) || strings.ToUpper(name) != name:
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		case i > 0 && s[i-1] == '$':
			b.WriteString(s[:i-1] + "${" + name + "}")
		default:
			value, _ := lookup(name)
			b.WriteString(s[:i] + value)
		}
		s = rest
	}
}

// envBlock flattens {KEY: v, vars: {KEY: v}}; keys outside vars win. What is not a string is left to decode.
func envBlock(n *json5.Node) map[string]string {
	vars := map[string]string{}
	if inner := n.Get("vars"); inner != nil {
		for _, e := range inner.Entries {
			if e.Value.Kind == json5.String {
				vars[e.Key] = e.Value.Text
			}
		}
	}
	for _, e := range n.Entries {
		if e.Value.Kind == json5.String && e.Key != "vars" {
			vars[e.Key] = e.Value.Text
		}
	}
	return vars
}
