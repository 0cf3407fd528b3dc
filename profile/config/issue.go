package config

import (
	"fmt"
	"path/filepath"
)

// Issue is one thing that is wrong, or worth a word, in a config file. Line and Column count from 1,
// columns in characters. Rule is a stable word for programs; Message and Hint are sentences for people.
type Issue struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"` // where in the tree, as in agents.list[0].id; empty for the file as a whole
	Rule    string `json:"rule"` // syntax, include, env, type, enum, range, format, unknown, unused, duplicate, security, secret, missing
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// String is `clawdbot.json:12:3: gateway.port: must be …`, on one line. File holds the full path.
func (i Issue) String() string {
	s := fmt.Sprintf("%s:%d:%d: ", filepath.Base(i.File), i.Line, i.Column)
	if i.Path != "" {
		s += i.Path + ": "
	}
	s += i.Message
	if i.Hint != "" {
		s += "; " + i.Hint
	}
	return s
}

// Error is a config that cannot be used. It has at least one issue.
type Error struct{ Issues []Issue }

// Error is the first issue, and how many more there are.
func (e *Error) Error() string {
	switch n := len(e.Issues) - 1; n {
	case 0:
		return e.Issues[0].String()
	default:
		return fmt.Sprintf("%s (and %d more)", e.Issues[0], n)
	}
}
