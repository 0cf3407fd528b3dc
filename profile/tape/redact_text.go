package tape

import (
	"strings"

	"clawdbot/profile/config"
)

// capability begins the secret part of a canvas link.
const capability = "/__clawdbot__/cap/"

// hideInText replaces the secrets of a text that is no JSON, or that stands in
// it: a log line, a config, a command line, an address. It may hide a word too
// many, as in "token: missing".
func hideInText(s string) string {
	var out strings.Builder
	done := 0
	hide := func(from, to int) {
		out.WriteString(s[done:from])
		out.WriteString(config.Redacted)
		done = to
	}
	for i := 0; i < len(s); i++ {
		from, to := secretAt(s, i)
		if from < to && from >= done && s[from:to] != config.Redacted {
			hide(from, to)
			i = to - 1
		}
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// secretAt finds the secret that the byte at i announces or begins: s[from:to],
// or nothing when the two are equal.
func secretAt(s string, i int) (from, to int) {
	switch c := s[i]; {
	case c == ':', c == '=':
		return valueAt(s, i)
	case c == '/':
		if strings.HasPrefix(s[i:], capability) {
			from = i + len(capability)
			return from, endOf(s, from, "/?#"+blanks+quotes)
		}
	case c == '-':
		if from, to = privateKey(s, i); to == 0 && strings.HasPrefix(s[i:], "--") && beginsText(s, i) {
			return flagValue(s, i)
		}
		return from, to
	case isLetter(c) && beginsText(s, i):
		if c == 'b' || c == 'B' {
			return credential(s, i)
		}
		return shapeFrom(s, i)
	}
	return 0, 0
}

// beginsText says whether no word reaches over i; the letter of an escape such
// as \n belongs to none.
func beginsText(s string, i int) bool {
	return i == 0 || !isWord(s[i-1]) || i > 1 && s[i-2] == '\\'
}

// valueAt is the secret behind the : or = at i.
func valueAt(s string, i int) (from, to int) {
	if strings.HasPrefix(s[i:], "://") {
		return userinfo(s, i+len("://"))
	}
	if s[i] == ':' && i > 0 && isDigit(s[i-1]) {
		return botToken(s, i)
	}
	key := keyBefore(s, i)
	before := i - len(key) - 1
	if isSecret(key) || s[i] == '=' && before >= 0 && (s[before] == '?' || s[before] == '&') && isQuerySecret(key) {
		return valueFrom(s, i+1, key)
	}
	return 0, 0
}

// flagValue is the word behind a flag such as --token, which begins at i.
func flagValue(s string, i int) (int, int) {
	end := endOfShape(s, i)
	if end == len(s) || strings.IndexByte(blanks+quotes, s[end]) < 0 || !isSecret(s[i:end]) {
		return 0, 0
	}
	next := end
	for next < len(s) && strings.IndexByte(blanks+quotes+",\\", s[next]) >= 0 { // as a list of arguments is printed
		next++
	}
	if next > end && strings.IndexByte(quotes, s[next-1]) >= 0 {
		from, to, _ := quoted(s, next-1)
		return from, to
	}
	return next, endOfWord(s, next)
}

// credential is what follows the word Bearer or Basic, which may begin at i: all
// behind the scheme's own name (RFC 9110), and behind the common word what looks
// like one.
func credential(s string, i int) (int, int) {
	end := endOfShape(s, i)
	if word := s[i:end]; !strings.EqualFold(word, "bearer") && !strings.EqualFold(word, "basic") {
		return 0, 0
	}
	from := end
	for from < len(s) && (s[from] == ' ' || s[from] == '\t') {
		from++
	}
	to := endOfWord(s, from)
	if from == end || isLower(s[i]) && to-from < 8 && strings.Trim(s[from:to], "abcdefghijklmnopqrstuvwxyz.:!?") == "" {
		return 0, 0
	}
	return from, to
}

// userinfo is the part of an address before its @.
func userinfo(s string, from int) (int, int) {
	host := s[from:endOf(s, from, "/?#<>"+blanks+quotes)]
	return from, from + max(0, strings.LastIndexByte(host, '@'))
}

// keyBefore is the word before a : or =, in quotes or not, without what leads to
// it in a path such as gateway.auth.token.
func keyBefore(s string, i int) string {
	end := len(strings.TrimRight(s[:i], blanks))
	return wordBefore(s, len(strings.TrimRight(s[:end], quotes+"\\")))
}

func wordBefore(s string, end int) string {
	start := end
	for start > 0 && isWord(s[start-1]) {
		start--
	}
	return s[start:end]
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || isDigit(c) || isLetter(c)
}

// valueFrom is the value behind a secret key: to the closing quote or bracket,
// to the end of the line for a header, else to the end of the word. A count of
// tokens is none.
func valueFrom(s string, from int, key string) (int, int) {
	for from < len(s) && strings.IndexByte(" \t=>", s[from]) >= 0 { // as in == and =>
		from++
	}
	first := from // behind the backslashes of a quote that lies in another one
	for first < len(s) && s[first] == '\\' {
		first++
	}
	if first == len(s) {
		return from, first
	}
	lower := strings.ToLower(key)
	to := endOfWord(s, from)
	switch c := s[first]; {
	case strings.IndexByte(quotes, c) >= 0:
		from, to, _ = quoted(s, first)
	case c == '{', c == '[':
		to = endOfBracket(s, from)
	case strings.Contains(lower, "authorization"), strings.Contains(lower, "cookie"):
		to = endOf(s, from, "\r\n"+quotes)
	case countsTokens(key) && strings.Trim(s[from:to], "0123456789") == "":
		return 0, 0
	}
	return from, to
}

const (
	blanks = " \t\r\n"
	quotes = "\"'`"
)

func endOfWord(s string, from int) int { return endOf(s, from, blanks+quotes+",;&<>") }

// endOf is where one of the characters next stands, or the end.
func endOf(s string, from int, chars string) int {
	if end := strings.IndexAny(s[from:], chars); end >= 0 {
		return from + end
	}
	return len(s)
}

// quoted is what stands in the quotes that open at i, and where the closing one
// is. In a string within a string both have backslashes before them, 1, 3, 7 …
// by the depth, and a quote with more of them is one of the contents.
func quoted(s string, i int) (from, to, end int) {
	depth := escapes(s, i)
	for end = i + 1; end < len(s); end++ {
		if s[end] != s[i] {
			continue
		}
		if n := escapes(s[i+1:end], end-i-1); n < depth || n%(2*depth+2) == depth {
			return i + 1, end - min(n, depth), end
		}
	}
	return i + 1, len(s), len(s)
}

// escapes counts the backslashes before i.
func escapes(s string, i int) int {
	return i - len(strings.TrimRight(s[:i], `\`))
}

func endOfBracket(s string, from int) int {
	depth := 0
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '"', '\'', '`':
			_, _, i = quoted(s, i)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
