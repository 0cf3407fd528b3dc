package browser

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"clawdbot/browser/api"
	"clawdbot/profile/ports"
)

// blank is the page of a tab that shows nothing.
const blank = "about:blank"

// policy says where the browser may be led. Who may use it may not read the
// host's files with it, nor reach its gateways, which trust their own host more
// than others. It is safe for use by many goroutines.
type policy struct {
	allow  []string             // browser.allow
	others func() []ports.Ports // nil means none
	own    ports.Ports

	mu    sync.Mutex
	known []ports.Ports // own and others
	until time.Time     // when known is old
}

// ownersKept is how long the ports of other gateways are believed: to ask for
// them takes reading files, and every call on a tab wants to know.
const ownersKept = 5 * time.Second

// owner is the component of a gateway on this host that the port belongs to, ""
// when it is nobody's.
func (p *policy) owner(port int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.After(p.until) {
		p.known, p.until = []ports.Ports{p.own}, now.Add(ownersKept)
		if p.others != nil {
			p.known = append(p.known, p.others()...)
		}
	}
	for _, set := range p.known {
		if c := set.Component(port); c != "" {
			return c
		}
	}
	return ""
}

// check refuses, with status 400, an address that a caller must not lead the
// browser to.
func (p *policy) check(ctx context.Context, address string) error {
	u, err := parseAddress(address)
	if err != nil {
		return err
	}
	scheme := u.Scheme + ":"
	switch {
	case u.Scheme == "http" || u.Scheme == "https":
		return p.checkOwned(ctx, u)
	case u.Scheme == "data", address == blank, slices.Contains(p.allow, scheme):
		return nil
	case u.Scheme == "javascript":
		return api.Errorf(http.StatusBadRequest, "url %.200q cannot be opened: it is a script; use evaluate", address)
	}
	return api.Errorf(http.StatusBadRequest, "url %.200q cannot be opened: only http, https, data and %s can, unless %q is in browser.allow", address, blank, scheme)
}

// checkPage is check for the page that a tab shows. What only a page or the
// browser itself can lead to passes: it holds nothing of the host.
func (p *policy) checkPage(ctx context.Context, address string) error {
	for _, harmless := range []string{"about:", "blob:", "chrome-error:", "chrome://newtab/", "chrome://new-tab-page/"} {
		if strings.HasPrefix(address, harmless) {
			return nil
		}
	}
	if address == "" { // not loaded yet
		return nil
	}
	return p.check(ctx, address)
}

// parseAddress reads an absolute address. What Go and Chromium read in different
// ways, such as a backslash or a tab in it, is none.
func parseAddress(address string) (*url.URL, error) {
	if address == "" {
		return nil, api.Errorf(http.StatusBadRequest, "url is required")
	}
	u, err := url.Parse(address)
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https")
	if err != nil || u.Scheme == "" || web && u.Hostname() == "" {
		return nil, api.Errorf(http.StatusBadRequest, "url %.200q is no absolute address: write it like https://example.com/", address)
	}
	return u, nil
}

// checkOwned refuses the ports of the host's gateways. A port of that number on
// another host is nobody's concern.
func (p *policy) checkOwned(ctx context.Context, u *url.URL) error {
	port := portOf(u)
	owner := p.owner(port)
	if owner == "" || p.allowsOrigin(u) || isElsewhere(ctx, u.Hostname()) {
		return nil
	}
	return api.Errorf(http.StatusBadRequest, "url %.200q cannot be opened: port %d belongs to a gateway of this host (%s); %q in browser.allow permits it",
		u.Redacted(), port, owner, origin(u))
}

func (p *policy) allowsOrigin(u *url.URL) bool {
	return slices.ContainsFunc(p.allow, func(entry string) bool {
		allowed, err := url.Parse(entry)
		return err == nil && allowed.Host != "" && origin(allowed) == origin(u)
	})
}

// origin is scheme://host:port of an http or https address.
func origin(u *url.URL) string {
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), strconv.Itoa(portOf(u)))
}

// portOf returns the port of a web or WebSocket address.
func portOf(u *url.URL) int {
	if port, err := strconv.Atoi(u.Port()); err == nil {
		return port
	}
	if u.Scheme == "https" || u.Scheme == "wss" {
		return 443
	}
	return 80
}

// resolveTime is how long a name may take to become addresses.
const resolveTime = 2 * time.Second

// isElsewhere says whether a host is certainly another one than this. A name
// that does not resolve is not: Chromium reads more spellings of an address than
// a resolver, such as 127.1.
func isElsewhere(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // an address is itself
	if err != nil || len(addrs) == 0 {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		a = a.Unmap().WithZone("")
		return a.IsLoopback() || a.IsUnspecified() || slices.ContainsFunc(own, func(o net.Addr) bool {
			prefix, err := netip.ParsePrefix(o.String())
			return err == nil && prefix.Addr() == a
		})
	})
}
