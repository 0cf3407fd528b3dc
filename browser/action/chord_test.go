package action

import "testing"

func FuzzParseChord(f *testing.F) {
	for _, seed := range []string{"a", "Enter", "Control+A", "Control++", "+", "++", "Shift+", "Ctrl+alt+del", "Control+Control", "ž", "\x00", "Entre", "Meta+Meta+Meta+x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseChord(text)
		if (c.key == nil) != (err != nil) {
			t.Fatalf("%q: key %v, error %v", text, c.key, err)
		}
		var bits int64
		for _, k := range c.held {
			bits |= modifier(k.Key)
		}
		if err == nil && bits != c.bits {
			t.Errorf("%q holds %v for %b", text, c.held, c.bits)
		}
	})
}
