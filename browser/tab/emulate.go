package tab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// override is one setting of a tab, which every session of it is told.
type override struct {
	name     string
	post     order
	keep     bool // tell sessions to come too; otherwise it lifts the setting
	pageOnly bool // frames of other processes have it from the page
}

// order sends a command to a session; done waits for the answer.
type order func(ctx context.Context, s *devtools.Session) (done func() error)

// command is the order of a command.
func command[P, R any](c cdp.Command[P, R], params P) order {
	return func(ctx context.Context, s *devtools.Session) func() error { return devtools.Post(ctx, s, c, params) }
}

// overrides are the settings of a tab.
type overrides struct {
	changing turn // taken while sessions are told

	mu    sync.Mutex
	kept  []override // in the order in which they were made
	agent agent
	login login
}

// override gives all sessions the setting. One that the page refuses is not
// kept.
func (t *Tab) override(ctx context.Context, o override) error {
	told, err := t.overrides.changing.take(ctx)
	if err != nil {
		return err
	}
	defer told()
	before := t.overrides.put(o)
	var waits []func() error
	for _, s := range t.Sessions() {
		switch {
		case s == t.page:
			waits = append(waits, o.post(ctx, s))
		case !o.pageOnly: // a frame can go at any time
			waits = append(waits, forgiving(o.post(ctx, s)))
		}
	}
	for _, wait := range waits {
		err = errors.Join(err, wait())
	}
	if err != nil && o.keep {
		t.overrides.restore(before)
	}
	return err
}

// reapply gives a new session what was set on the tab. The returned functions
// wait for the answers.
func (t *Tab) reapply(ctx context.Context, s *devtools.Session) []func() error {
	t.overrides.mu.Lock()
	kept := slices.Clone(t.overrides.kept)
	t.overrides.mu.Unlock()
	var waits []func() error
	for _, o := range kept {
		if s == t.page || !o.pageOnly {
			waits = append(waits, forgiving(o.post(ctx, s)))
		}
	}
	return waits
}

// forgiving passes over a refusal: a process that two sessions share has one
// locale and time zone, which the first of them has set.
func forgiving(wait func() error) func() error {
	return func() error {
		err := wait()
		if hasText(err, "") || errors.Is(err, devtools.ErrDetached) || errors.Is(err, devtools.ErrCrashed) {
			return nil
		}
		return err
	}
}

func (o *overrides) put(one override) (before []override) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before = o.kept
	o.kept = slices.DeleteFunc(slices.Clone(before), func(other override) bool { return other.name == one.name })
	if one.keep {
		o.kept = append(o.kept, one)
	}
	return before
}

func (o *overrides) restore(before []override) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = before
}

// SetOffline takes the tab off the network, or back.
func (t *Tab) SetOffline(ctx context.Context, offline bool) error {
	// cdproto has left out this command, which every Chromium takes; the one
	// that replaces it is not older than a year.
	type params struct {
		Offline            bool    `json:"offline"`
		Latency            float64 `json:"latency"`
		DownloadThroughput float64 `json:"downloadThroughput"` // -1 for no limit
		UploadThroughput   float64 `json:"uploadThroughput"`
	}
	emulate := cdp.Command[params, cdp.Empty]{Method: "Network.emulateNetworkConditions"}
	return t.override(ctx, override{name: "offline", post: command(emulate, params{offline, 0, -1, -1}), keep: offline})
}

// SetHeaders has every request carry the headers; none ends that.
func (t *Tab) SetHeaders(ctx context.Context, headers map[string]string) error {
	all := network.Headers{}
	for name, value := range headers {
		if name == "" || strings.ContainsFunc(name, notInHeaderName) || strings.ContainsAny(value, "\r\n\x00") {
			return api.Errorf(http.StatusBadRequest, "header %.64q is none that a request can carry", name)
		}
		all[name] = value
	}
	set := command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: all})
	return t.override(ctx, override{name: "headers", post: set, keep: len(all) > 0})
}

// notInHeaderName is all that is no token of RFC 9110.
func notInHeaderName(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// Place is where a page is told that it is: degrees, and metres of accuracy.
type Place struct{ Latitude, Longitude, Accuracy float64 }

// SetGeolocation tells pages the place, and lets the origin read it: "" means
// the page's. A nil place ends both.
func (t *Tab) SetGeolocation(ctx context.Context, p *Place, origin string) error {
	if origin == "" {
		origin = originOf(t.URL())
	} else if originOf(origin) == "" {
		return api.Errorf(http.StatusBadRequest, "origin %.64q must look like https://example.com", origin)
	}
	setting := cdpbrowser.PermissionSettingGranted
	set := override{name: "geolocation", post: command(emulation.ClearGeolocationOverride, cdp.Empty{})}
	if p == nil {
		setting = cdpbrowser.PermissionSettingPrompt
	} else {
		if math.Abs(p.Latitude) > 90 || math.Abs(p.Longitude) > 180 || p.Accuracy < 0 {
			return api.Errorf(http.StatusBadRequest, "latitude must be from -90 to 90, longitude from -180 to 180, accuracy not below 0")
		}
		set.keep = true
		set.post = command(emulation.SetGeolocationOverride, emulation.SetGeolocationOverrideParams{
			Latitude: &p.Latitude, Longitude: &p.Longitude, Accuracy: &p.Accuracy,
		})
	}
	if err := t.override(ctx, set); err != nil || origin == "" { // about:blank has no origin
		return err
	}
	return devtools.Do(ctx, t.conn.Root(), cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: "geolocation"}, Setting: setting, Origin: originOf(origin),
	})
}

// originOf is the origin of a web address, "" for any other.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// SetColorScheme has pages see a preference: dark, light or no-preference; none
// ends that.
func (t *Tab) SetColorScheme(ctx context.Context, scheme string) error {
	switch scheme {
	case "dark", "light", "no-preference", "none":
	default:
		return api.Errorf(http.StatusBadRequest, "colorScheme must be dark, light, no-preference or none")
	}
	keep := scheme != "none"
	if !keep {
		scheme = ""
	}
	set := command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return t.override(ctx, override{name: "media", post: set, keep: keep})
}

// SetTimezone has pages see the time of a zone by its IANA name. The page is
// asked whether there is such a one: Chromium tells only for the first.
func (t *Tab) SetTimezone(ctx context.Context, id string) error {
	got, err := t.Main().CallOwn(ctx, "(zone) => { new Intl.DateTimeFormat('en', { timeZone: zone }) }", id)
	if err != nil {
		return err
	}
	if Thrown(got.ExceptionDetails) != nil {
		return fmt.Errorf("unknown timezone %.64q: it must be a name like Europe/Berlin", id)
	}
	set := command(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: id})
	return t.override(ctx, override{name: "timezone", post: set, keep: true})
}
