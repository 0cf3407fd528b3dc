package tab

import (
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, url  string
		match, within bool
	}{
		{"https://a.test/", "https://a.test/", true, true},
		{"https://a.test", "https://a.test/", true, true},
		{"https://a.test", "https://a.test/login", false, true},
		{"login", "https://a.test/login?x=1", false, true},
		{"LOGIN", "https://a.test/login", false, false},
		{"**/login", "https://a.test/login", true, true},
		{"**/login", "https://a.test/login?x=1", false, false},
		{"**/login*", "https://a.test/login?x=1", true, true},
		{"**/api/**", "https://a.test/api/v1/items", true, true},
		{"**/api/*", "https://a.test/api/v1/items", false, false},
		{"https://a.test/**/items", "https://a.test/items", true, true},
		{"https://a.test/**/items", "https://a.test/v1/x/items", true, true},
		{"https://a.test/*", "https://a.test/one", true, true},
		{"https://a.test/*", "https://a.test/one/two", false, false},
		{"**/*.{png,jpg}", "https://a.test/cat.jpg", true, true},
		{"**/*.{png,jpg}", "https://a.test/cat.gif", false, false},
		{"**/*.{png,}", "https://a.test/cat.", true, true},
		{"https://a.test/?q=1", "https://a.test/?q=1", true, true},
		{"https://a.test/?q=*", "https://a.test/xq=1", false, false},
		{"**/a.b", "https://a.test/aXb", false, false},
		{`**/\*`, "https://a.test/*", true, true},
		{`**/\*`, "https://a.test/x", false, false},
		{`**/\{a\}`, "https://a.test/{a}", true, true},
		{"**/}", "https://a.test/}", true, true},
		{"**/a,b", "https://a.test/a,b", true, true},
		{"**/grüße", "https://a.test/grüße", true, true},
		{"**/[a]", "https://a.test/[a]", true, true},
		{"***", "anything at all", true, true},
		{`**/\`, `https://a.test/\`, true, true},
		{"**", "two\nlines", true, true},
	} {
		g, err := ParseGlob(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := g.Match(c.url); got != c.match {
			t.Errorf("%s matches %s: %v", c.pattern, c.url, got)
		}
		if got := g.Within(c.url); got != c.within {
			t.Errorf("%s is within %s: %v", c.pattern, c.url, got)
		}
	}
}

func TestGlobThatIsNone(t *testing.T) {
	for pattern, want := range map[string]string{
		"":               "empty",
		"**/{a,b":        `write \{`,
		"**/{a,{b,c}}":   "a { inside of {}",
		"**/\xff\xfe.js": "cannot be used",
	} {
		if _, err := ParseGlob(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", pattern, err, want)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("**/*.{png,jpg}", "https://a.test/cat.jpg")
	f.Add(`/**/\{*`, "/a/{b")
	f.Fuzz(func(t *testing.T, pattern, url string) {
		g, err := ParseGlob(pattern)
		if err == nil && g.Match(url) && !g.Within(url) {
			t.Errorf("%q matches %q and is not within", pattern, url)
		}
	})
}
