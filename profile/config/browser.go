package config

import (
	"errors"
	"fmt"
	"time"
)

// IdleAfter is IdleTimeout as a duration, 0 for none.
func (b Browser) IdleAfter() time.Duration {
	d, _ := time.ParseDuration(b.IdleTimeout) // checked when it was loaded; "" is none
	return d
}

// Check says what of a browser profile that does not come from a config file
// could not stand in one. It repeats no address, which may hold a credential.
func (p BrowserProfile) Check(name string) error {
	for _, c := range []struct{ what, value, format string }{
		{"name", name, "browser-profile"}, {"cdpUrl", p.CDPURL, "cdp-url"}, {"color", p.Color, "color"},
	} {
		if f := formatOf(c.format); (c.value != "" || c.what == "name") && !f.ok(c.value) {
			return fmt.Errorf("%s must be %s", c.what, f.wants)
		}
	}
	if p.Driver != "" && p.Driver != "clawd" && p.Driver != "extension" {
		return fmt.Errorf("driver must be one of clawd, extension (got %.64q)", p.Driver)
	}
	if p.CDPURL != "" && p.Driver == "extension" {
		return errors.New("cdpUrl is not for driver extension, which finds the relay by itself")
	}
	return nil
}
