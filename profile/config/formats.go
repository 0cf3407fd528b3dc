package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// format is a shape of strings, named in a struct tag.
type format struct {
	wants   string // as in "must be …"
	pattern string // the same for the JSON Schema; empty when a regular expression cannot say it
	ok      func(string) bool
}

// formatOf is the format of a name; the empty name has none.
func formatOf(name string) format {
	const profileName = "^[a-z0-9][a-z0-9-]{0,62}$"
	switch name {
	case "":
		return format{}
	case "profile":
		return format{"a profile name of a-z, 0-9 and -, at most 63 long", profileName, isName(63)}
	case "browser-profile":
		return format{"a name of a-z, 0-9 and -, at most 64 long", "^[a-z0-9][a-z0-9-]{0,63}$", isName(64)}
	case "color":
		return format{"a colour such as #FF4500", "^#[0-9A-Fa-f]{6}$", isColor}
	case "token":
		return format{"a name without blanks, dots or wildcards", `^[^\s.*>]*$`, isToken}
	case "subject":
		return format{"a NATS subject such as clawdbot.main.health.>", "", isSubject}
	case "cidr":
		return format{"an IP address or a range such as 10.0.0.0/8", "", isCIDR}
	case "url-path":
		return format{"a path that begins with /", "^/", func(s string) bool { return strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "?# ") }}
	case "http-url":
		return format{"an http:// or https:// address", "^https?://", isURL("http", "https")}
	case "ws-url":
		return format{"a ws:// or wss:// address", "^wss?://", isURL("ws", "wss")}
	case "cdp-url":
		return format{"an http://, https://, ws:// or wss:// address", "^(http|ws)s?://", isURL("http", "https", "ws", "wss")}
	case "duration":
		return format{"a time such as 90s, 30m or 1h30m, of a second or more", `^([0-9.]+(ms|s|m|h))+$`, isDuration}
	case "extension-id":
		return format{"the id of a Chrome extension: 32 letters from a to p", "^[a-p]{32}$", isExtensionID}
	case "browser-allow":
		return format{"a scheme such as file: or an origin such as http://127.0.0.1:18789", "", isAllowance}
	case "nats-url":
		return format{"a nats://, tls://, ws:// or wss:// address", "^(nats|tls|wss?|nats-leaf)://", isURL("nats", "tls", "ws", "wss", "nats-leaf")}
	}
	panic("config: no format " + name)
}

func isName(longest int) func(string) bool {
	return func(s string) bool {
		bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
		return s != "" && s[0] != '-' && len(s) <= longest && !strings.ContainsFunc(s, bad)
	}
}

func isColor(s string) bool {
	bad := func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }
	return len(s) == 7 && s[0] == '#' && !strings.ContainsFunc(s[1:], bad)
}

func isToken(s string) bool { return s != "" && !strings.ContainsAny(s, " \t\r\n.*>") }

// isSubject takes wildcards as whole tokens, > only as the last.
func isSubject(s string) bool {
	tokens := strings.Split(s, ".")
	for i, token := range tokens {
		if !isToken(token) && token != "*" && (token != ">" || i < len(tokens)-1) {
			return false
		}
	}
	return true
}

func isCIDR(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

func isDuration(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d >= time.Second
}

func isExtensionID(s string) bool {
	return len(s) == 32 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'a' || r > 'p' })
}

// isAllowance takes javascript: for no scheme, as it is a script in the page
// that is open.
func isAllowance(s string) bool {
	if scheme, ok := strings.CutSuffix(s, ":"); ok {
		u, err := url.Parse(scheme + ":x")
		return err == nil && u.Scheme == scheme && scheme != "javascript"
	}
	u, err := url.Parse(s)
	return isURL("http", "https")(s) && err == nil && s == u.Scheme+"://"+u.Host
}

func isURL(schemes ...string) func(string) bool {
	return func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != ""
	}
}
