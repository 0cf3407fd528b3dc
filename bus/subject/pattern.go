package subject

import "strings"

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
