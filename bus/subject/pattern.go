package subject

import (
	"fmt"
	"strings"
)

// ValidPattern says whether s is a subject that may hold the wildcards * and >.
func ValidPattern(s string) bool {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		if p == "*" || p == ">" && i == len(parts)-1 {
			continue
		}
		if token(p) != nil {
			return false
		}
	}
	return true
}

// Overlap says whether some subject matches both patterns.
func Overlap(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] == ">" || y[i] == ">" {
			return true
		}
		if x[i] != y[i] && x[i] != "*" && y[i] != "*" {
			return false
		}
	}
	return len(x) == len(y)
}

// Pattern is p below clawdbot.<profile>., or p as it is when it starts with
// clawdbot. already, such as a peer's health. It may hold wildcards. It returns
// ErrToken for anything else.
func (s Space) Pattern(p string) (string, error) {
	if !strings.HasPrefix(p, "clawdbot.") {
		p = s.prefix() + p
	}
	if len(p) > maxPattern || !ValidPattern(p) {
		return "", fmt.Errorf("%w: %.64q", ErrToken, p)
	}
	return p, nil
}

// maxPattern bounds a pattern: the server ends the connection that sends a line
// of more than 4096 bytes.
const maxPattern = 1024

// Plain is p below clawdbot.<profile>. without wildcards; p may start with that
// already. It returns ErrToken for anything else, such as a peer's subject.
func (s Space) Plain(p string) (string, error) {
	p = strings.TrimPrefix(p, s.prefix())
	if strings.HasPrefix(p, "clawdbot.") || len(p) > maxPattern || !ValidPattern(p) || strings.ContainsAny(p, "*>") {
		return "", fmt.Errorf("%w: %.64q", ErrToken, p)
	}
	return s.prefix() + p, nil
}
