package tape

import "strings"

// shape is how the keys of a service look.
type shape struct {
	begin string
	more  int // how many word characters follow at least
}

// shapes are those that the services document, the longer beginning first.
var shapes = [...]shape{
	{"sk-", 16}, {"sk_", 16}, {"pk-", 16}, {"pk_", 16}, {"rk-", 16}, {"rk_", 16}, // OpenAI, Anthropic, Stripe
	{"github_pat_", 20}, {"ghp_", 16}, {"gho_", 16}, {"ghu_", 16}, {"ghs_", 16}, {"ghr_", 16}, {"glpat-", 16},
	{"xoxa-", 10}, {"xoxb-", 10}, {"xoxp-", 10}, {"xoxr-", 10}, {"xoxs-", 10}, {"xapp-", 10}, // Slack
	{"AKIA", 16}, {"ASIA", 16}, {"AIza", 30}, {"ya29.", 16}, {"npm_", 30}, {"hf_", 30},
}

// shapeFrom is the secret that begins where a word does, and tells by its shape.
func shapeFrom(s string, from int) (int, int) {
	switch s[from] {
	case 's', 'p', 'r', 'g', 'x', 'A', 'y', 'n', 'h':
		for _, p := range shapes {
			if strings.HasPrefix(s[from:], p.begin) {
				if to := endOfShape(s, from+len(p.begin)); to-from-len(p.begin) >= p.more {
					return from, to
				}
			}
		}
	case 'e':
		return webToken(s, from)
	case 'S':
		return seed(s, from)
	}
	return 0, 0
}

func endOfShape(s string, from int) int {
	for from < len(s) && isWord(s[from]) {
		from++
	}
	return from
}

// webToken is a JSON web token (RFC 7519): three parts, of which the first
// begins with {" in base64.
func webToken(s string, from int) (int, int) {
	const least = 8
	if !strings.HasPrefix(s[from:], "eyJ") {
		return 0, 0
	}
	head := endOfShape(s, from)
	if head-from < least || head == len(s) || s[head] != '.' {
		return 0, 0
	}
	body := endOfShape(s, head+1)
	if body-head <= least {
		return 0, 0
	}
	if body < len(s) && s[body] == '.' {
		body = endOfShape(s, body+1)
	}
	return from, body
}

// seed is one of NATS: S, the kind of its owner, and 56 characters of base32.
func seed(s string, from int) (int, int) {
	to := endOfShape(s, from)
	if to-from != 58 || strings.IndexByte("UANOCX", s[from+1]) < 0 || strings.Trim(s[from+2:to], "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return 0, 0
	}
	return from, to
}

// privateKey is a PEM block (RFC 7468) that holds one, to the end of the text when it is cut.
func privateKey(s string, from int) (int, int) {
	const begin, end, dashes = "-----BEGIN ", "-----END ", "-----"
	if !strings.HasPrefix(s[from:], begin) {
		return 0, 0
	}
	label, _, _ := strings.Cut(s[from+len(begin):], dashes)
	if !strings.Contains(label, "PRIVATE KEY") {
		return 0, 0
	}
	foot := strings.Index(s[from:], end)
	if foot < 0 {
		return from, len(s)
	}
	foot += from + len(end)
	if tail := strings.Index(s[foot:], dashes); tail >= 0 {
		return from, foot + tail + len(dashes)
	}
	return from, len(s)
}

// botToken is one of Telegram, around the colon at i: a number and 35 characters.
func botToken(s string, i int) (int, int) {
	const number, rest = 8, 35
	from := i
	for from > 0 && isDigit(s[from-1]) {
		from--
	}
	if to := endOfShape(s, i+1); i-from >= number && to-i-1 >= rest {
		return from, to
	}
	return 0, 0
}
