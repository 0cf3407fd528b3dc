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

// secretAt finds the secret that the byte at i announces: s[from:to], or nothing
// when the two are equal.
func secretAt(s string, i int) (from, to int) {
	switch s[i] {
	case ':', '=':
		if strings.HasPrefix(s[i:], "://") {
			return userinfo(s, i+len("://"))
		}
		if key := keyBefore(s, i); isSecret(key) {
			return valueFrom(s, i+1, key)
		}
	case ' ':
		switch word := wordBefore(s, i); {
		case strings.HasPrefix(word, "--") && isSecret(word):
			return i + 1, endOfWord(s, i+1)
		case strings.EqualFold(word, "bearer"), strings.EqualFold(word, "basic"):
			return credential(s, i+1)
		}
	case '/':
		if strings.HasPrefix(s[i:], capability) {
			from = i + len(capability)
			return from, endOf(s, from, "/?#"+blanks+quotes)
		}
	}
	return 0, 0
}

// credential is what follows the word Bearer or Basic, when it looks like one.
func credential(s string, from int) (int, int) {
	to := endOfWord(s, from)
	if to-from < 8 {
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
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// valueFrom is the value behind a secret key: to the closing quote or bracket,
// to the end of the line for a header, else to the end of the word. A count of
// tokens is none.
func valueFrom(s string, from int, key string) (int, int) {
	for from < len(s) && (s[from] == ' ' || s[from] == '\t') {
		from++
	}
	if from == len(s) {
		return 0, 0
	}
	lower := strings.ToLower(key)
	to := endOfWord(s, from)
	switch open := s[from]; {
	case open == '"', open == '\'', open == '`':
		from++
		to = endOfQuote(s, from, open)
	case open == '{', open == '[':
		to = endOfBracket(s, from)
	case strings.Contains(lower, "authorization"), strings.Contains(lower, "cookie"):
		to = endOf(s, from, "\r\n"+quotes)
	case strings.HasSuffix(lower, "tokens") && strings.Trim(s[from:to], "0123456789") == "":
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

func endOfQuote(s string, from int, quote byte) int {
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return len(s)
}

func endOfBracket(s string, from int) int {
	depth := 0
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '"', '\'', '`':
			i = endOfQuote(s, i+1, s[i])
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
