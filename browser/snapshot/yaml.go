package snapshot

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// What a page says, in the words of YAML 1.2: as it is where that is read as
// the same text, else in quotes.

// keyed is a key that begins with a role.
func keyed(key string) string {
	if breaksPlain(key) {
		return "'" + strings.ReplaceAll(key, "'", "''") + "'"
	}
	return key
}

// scalar is a text on one line.
func scalar(text string) string {
	if text == "" || strings.ContainsRune("-?:,[]{}#&*!|>'\"%@` =", rune(text[0])) || strings.HasSuffix(text, " ") ||
		breaksPlain(text) || strings.ContainsFunc(text, unprintable) || readsAsOther(text) {
		return quoted(text)
	}
	return text
}

// breaksPlain says whether the text ends early or is a mapping when it is
// written without quotes.
func breaksPlain(text string) bool {
	return strings.Contains(text, ": ") || strings.Contains(text, " #") || strings.HasSuffix(text, ":")
}

// readsAsOther says whether the text is a number, a date, a boolean or null.
func readsAsOther(text string) bool {
	switch strings.ToLower(text) {
	case "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan":
		return true
	}
	_, err := strconv.ParseInt(text, 0, 64)
	return err == nil || strings.Trim(text, "0123456789.,+-_: eEtTzZ") == ""
}

// quoted is the text in double quotes, with the escapes that JSON has too.
func quoted(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 2)
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case unprintable(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unprintable characters must be escaped in YAML. All of them are in the first
// plane.
func unprintable(c rune) bool {
	return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == '\ufeff' || c == '\ufffe' || c == '\uffff'
}
