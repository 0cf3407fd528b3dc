package tab

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Glob is a pattern of addresses, with the rules of Playwright's URL globs
// (playwright.dev/docs/network#glob-url-patterns): * is any text without /, **
// any text, {a,b} either, and \ takes the next character as it is. Everything
// else, ? too, is itself. It is safe for use by many goroutines.
type Glob struct {
	pattern string
	re      *regexp.Regexp
	plain   bool // without anything special in it
}

// ParseGlob reads a pattern. Its error says what is wrong with it.
func ParseGlob(pattern string) (*Glob, error) {
	if pattern == "" {
		return nil, errors.New("an empty pattern fits no address")
	}
	expr, err := globExpression(pattern)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(expr)
	if err != nil { // too long, or no text
		return nil, fmt.Errorf("pattern %.64q cannot be used: %w", pattern, err)
	}
	return &Glob{pattern: pattern, re: re, plain: !strings.ContainsAny(pattern, `*{\`)}, nil
}

// Match says whether the pattern fits the whole address. The / of an address
// without a path may be left out.
func (g *Glob) Match(url string) bool {
	return g.re.MatchString(url) || g.plain && g.pattern+"/" == url
}

// Within is Match, and for a pattern without anything special also whether the
// address holds it.
func (g *Glob) Within(url string) bool {
	return g.Match(url) || g.plain && strings.Contains(url, g.pattern)
}

func (g *Glob) String() string { return g.pattern }

// globExpression is the pattern as a regular expression of the whole address.
func globExpression(pattern string) (string, error) {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	group := false
	for rest := pattern; rest != ""; {
		token := globToken(rest)
		rest = rest[len(token):]
		switch {
		case token == "/**/": // the folders between may be none
			b.WriteString(`/(?:.+/)?`)
		case token == "*":
			b.WriteString(`[^/]*`)
		case token[0] == '*':
			b.WriteString(`.*`)
		case token[0] == '\\' && len(token) > 1:
			b.WriteString(regexp.QuoteMeta(token[1:]))
		case token == "{" && group:
			return "", fmt.Errorf("pattern %.64q: a { inside of {} is not possible", pattern)
		case token == "{":
			group = true
			b.WriteString(`(?:`)
		case token == "}" && group:
			group = false
			b.WriteString(`)`)
		case token == "," && group:
			b.WriteString(`|`)
		default:
			b.WriteString(regexp.QuoteMeta(token))
		}
	}
	if group {
		return "", fmt.Errorf(`pattern %.64q: a { is never closed; write \{ for the character itself`, pattern)
	}
	b.WriteString(`$`)
	return b.String(), nil
}

// globToken is what the pattern begins with: /**/, some stars, a backslash and
// the character after it, or one character.
func globToken(pattern string) string {
	if strings.HasPrefix(pattern, "/**/") {
		return pattern[:4]
	}
	if stars := len(pattern) - len(strings.TrimLeft(pattern, "*")); stars > 0 {
		return pattern[:stars]
	}
	_, n := utf8.DecodeRuneInString(pattern)
	if pattern[0] == '\\' {
		_, taken := utf8.DecodeRuneInString(pattern[n:])
		n += taken
	}
	return pattern[:n]
}
