package near

import (
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	known := []string{"gateway", "getaway", "bridge", "canvas", "Status"}
	for _, c := range []struct {
		word string
		want []string
	}{
		{"gatway", []string{"gateway", "getaway"}},
		{"gaetway", []string{"gateway", "getaway"}},
		{"status", []string{"Status"}},
		{"bridge", []string{"bridge"}},
		{"xyz", nil},
		{"", nil},
		{strings.Repeat("gateway", 1000), nil},
	} {
		if got := Names(c.word, known, 2); !slices.Equal(got, c.want) {
			t.Errorf("%.20q: %q, want %q", c.word, got, c.want)
		}
	}
	if got := Name("brigde", known); got != "bridge" {
		t.Errorf("a swap: %q", got)
	}
}
