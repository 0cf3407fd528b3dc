package subject

import (
	"errors"
	"strings"
	"testing"
)

func TestValidPattern(t *testing.T) {
	for pattern, want := range map[string]bool{
		"a": true, "a.b": true, "a.*": true, "*.b": true, "a.>": true, ">": true, "*": true, "a.*.c.>": true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "a.>.b": false, ">.a": false,
		"a.b*": false, "a.>b": false, "a b": false, "a.\n": false, "a.b q": false,
	} {
		if got := ValidPattern(pattern); got != want {
			t.Errorf("ValidPattern(%q) = %t", pattern, got)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a.b", false},
		{"a.*", "a.b", true}, {"a.*", "a.b.c", false}, {"*", "a.b", false}, {"a.*.c", "a.b.*", true}, {"a.*.c", "a.b.d", false},
		{"a.>", "a", false}, {"a.>", "a.b", true}, {"a.>", "a.b.c", true}, {"a.>", "b.c", false}, {">", "a.b", true},
		{"a.*", "a.>", true}, {"*.health.>", "main.*.beat", true}, {"main.rpc.>", "main.rescue.*", false},
	} {
		if got := Overlap(c.a, c.b); got != c.want {
			t.Errorf("Overlap(%q, %q) = %t", c.a, c.b, got)
		}
		if got := Overlap(c.b, c.a); got != c.want {
			t.Errorf("Overlap(%q, %q) = %t", c.b, c.a, got)
		}
	}
}

// TestPatternsOfPeople may leave out what is before a profile's subjects.
func TestPatternsOfPeople(t *testing.T) {
	s, err := New("main")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, pattern, plain string }{
		{"in.chat", "clawdbot.main.in.chat", "clawdbot.main.in.chat"},
		{"clawdbot.main.in.chat", "clawdbot.main.in.chat", "clawdbot.main.in.chat"},
		{"health.>", "clawdbot.main.health.>", ""},
		{"clawdbot.*.health.beat", "clawdbot.*.health.beat", ""},
		{"clawdbot.rescue.health.beat", "clawdbot.rescue.health.beat", ""},
		{"", "", ""}, {"a..b", "", ""}, {"a b", "", ""}, {"a.>.b", "", ""}, {strings.Repeat("a.", 600) + "a", "", ""},
	} {
		pattern, err := s.Pattern(c.in)
		if pattern != c.pattern || (err == nil) != (c.pattern != "") || err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("Pattern(%.20q) = %q, %v", c.in, pattern, err)
		}
		plain, err := s.Plain(c.in)
		if plain != c.plain || (err == nil) != (c.plain != "") || err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("Plain(%.20q) = %q, %v", c.in, plain, err)
		}
	}
}
