package browser

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"clawdbot/browser/api"
	"clawdbot/profile/config"
)

// The browser profiles that the original has without any configuration.
const (
	managedProfile   = "clawd"
	extensionProfile = "chrome"
	extensionDriver  = "extension"
	extensionColor   = "#00AA00"
)

// source says where a browser profile comes from.
type source string

const (
	builtIn    source = "built in"
	configured source = "config" // browser.profiles
	created    source = "store"  // by a call
)

// roster is the browser profiles there are: the default one first, the others
// by name. They come and go while calls run. It is safe for use by many
// goroutines.
type roster struct {
	mu   sync.RWMutex
	list []*browser
}

// all is the browser profiles of one moment.
func (r *roster) all() []*browser {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.list)
}

// named returns the browser profile of the name, the default one for "".
func (r *roster) named(name string) (*browser, error) {
	all := r.all()
	if name == "" {
		return all[0], nil
	}
	names := make([]string, len(all))
	for i, b := range all {
		if b.name == name {
			return b, nil
		}
		names[i] = b.name
	}
	slices.Sort(names)
	return nil, api.Errorf(http.StatusNotFound, "no browser profile %.80q; there is %s", name, strings.Join(names, ", "))
}

// add puts a browser profile into its place, which is never the first but in an
// empty roster.
func (r *roster) add(b *browser) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := min(1, len(r.list))
	i, _ := slices.BinarySearchFunc(r.list[at:], b.name, func(other *browser, name string) int { return cmp.Compare(other.name, name) })
	r.list = slices.Insert(r.list, at+i, b)
}

func (r *roster) remove(b *browser) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(other *browser) bool { return other == b })
}

// ports are those that are given to one browser profile.
func (r *roster) ports() []int {
	var given []int
	for _, b := range r.all() {
		if b.port != 0 {
			given = append(given, b.port)
		}
	}
	return given
}

// palette are the colours of browser profiles, those of the original.
func palette() []string {
	return []string{
		"#FF4500", "#0066CC", "#00AA00", "#9933FF", "#FF6699", "#00CCCC", "#FF9900", "#6666FF", "#CC3366", "#339966",
	}
}

// freeColor is the first of the palette that no browser profile has, or that
// the fewest have.
func (r *roster) freeColor() string {
	used := map[string]int{}
	for _, b := range r.all() {
		used[strings.ToUpper(b.color)]++
	}
	return slices.MinFunc(palette(), func(a, b string) int { return cmp.Compare(used[a], used[b]) })
}

// loadProfiles fills the roster: what the config names, what calls have created
// and the managed browser profile, each name once and in this order.
func (s *Server) loadProfiles() error {
	set := s.cfg.Settings
	found := map[string]*browser{}
	add := func(name string, p config.BrowserProfile, from source) (err error) {
		if found[name] == nil {
			found[name], err = s.newBrowser(name, p, from)
		}
		return err
	}
	for name, p := range set.Profiles {
		if err := add(name, p, configured); err != nil {
			return err
		}
	}
	for e, err := range s.created.All() {
		if err != nil {
			return err
		}
		if err := add(e.ID, e.Value, created); err != nil {
			return err
		}
	}
	if err := add(managedProfile, config.BrowserProfile{}, builtIn); err != nil {
		return err
	}
	if s.cfg.Relay != nil || set.DefaultProfile == extensionProfile {
		if err := add(extensionProfile, config.BrowserProfile{Driver: extensionDriver, Color: extensionColor}, builtIn); err != nil {
			return err
		}
	}
	first := found[set.DefaultProfile]
	if first == nil {
		return fmt.Errorf("browser.defaultProfile %q is none of browser.profiles", set.DefaultProfile)
	}
	s.browsers.add(first)
	for name, b := range found {
		if name != first.name {
			s.browsers.add(b)
		}
	}
	return nil
}

// newBrowser makes a browser profile of its settings.
func (s *Server) newBrowser(name string, p config.BrowserProfile, from source) (*browser, error) {
	set := s.cfg.Settings
	b := &browser{server: s, name: name, source: from, color: cmp.Or(p.Color, set.Color), port: p.CDPPort, extension: p.Driver == extensionDriver}
	address := p.CDPURL
	if address == "" && name == set.DefaultProfile {
		address = set.CDPURL
	}
	if address == "" && set.AttachOnly && b.port != 0 {
		address = "http://" + loopback(b.port)
	}
	if address != "" {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" { // the error would tell the address, which may hold a credential
			return nil, fmt.Errorf("cdpUrl of browser profile %q is no address", name)
		}
		b.remote = u
	}
	if relay := s.cfg.Relay; b.extension && relay != nil && (b.remote == nil || b.remote.Host == relay.Host) {
		b.remote = relay // with its token
	}
	b.now.Store(&state{})
	return b, nil
}
