package config

import (
	"strings"
	"testing"
	"time"
)

func TestBrowserProfileCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		p    BrowserProfile
		want string
	}{
		{"work", BrowserProfile{}, ""},
		{strings.Repeat("a", 64), BrowserProfile{CDPURL: "wss://u:p@host/x?token=y", Color: "#00aa00", Driver: "clawd"}, ""},
		{"mine", BrowserProfile{Driver: "extension"}, ""},
		{"", BrowserProfile{}, "name must be a name of a-z, 0-9 and -"},
		{"-x", BrowserProfile{}, "name must be"},
		{"../x", BrowserProfile{}, "name must be"},
		{strings.Repeat("a", 65), BrowserProfile{}, "at most 64 long"},
		{"x", BrowserProfile{CDPURL: "ftp://pass-word@host"}, "cdpUrl must be an http://"},
		{"x", BrowserProfile{Color: "red"}, "color must be a colour such as #FF4500"},
		{"x", BrowserProfile{Driver: "firefox"}, `driver must be one of clawd, extension (got "firefox")`},
		{"x", BrowserProfile{Driver: "extension", CDPURL: "http://host"}, "cdpUrl is not for driver extension"},
	} {
		err := c.p.Check(c.name)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "word")) {
			t.Errorf("%q %+v: %v, want %q", c.name, c.p, err, c.want)
		}
	}
}

func TestIdleAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "1h30m": 90 * time.Minute} {
		if got := (Browser{IdleTimeout: text}).IdleAfter(); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
