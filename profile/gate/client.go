package gate

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// parsePrefix reads an address or a CIDR range.
func parsePrefix(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("gate: trusted proxy %q is no address and no CIDR range", text)
	}
	return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
}

// Local says whether the request comes from a program on this host, with no
// proxy between that says so.
func Local(r *http.Request) bool {
	addr, err := remoteAddr(r)
	return err == nil && addr.IsLoopback() && !forwarded(r)
}

// RemoteIP is the address that the request comes from: its sender's, or the one
// that a trusted proxy names. It is "" for what is no network address.
func (g *Gate) RemoteIP(r *http.Request) string {
	addr, err := remoteAddr(r)
	if err != nil {
		return ""
	}
	if behind, ok := g.behindProxy(addr, r); ok {
		addr = behind
	}
	return addr.String()
}

// clientOf returns what failures are counted under, and whether the request is
// Local. IPv6 clients are counted by /64: one of them owns them all.
func (g *Gate) clientOf(r *http.Request) (client string, local bool) {
	addr, err := remoteAddr(r)
	if err != nil {
		return r.RemoteAddr, false
	}
	if Local(r) {
		return addr.String(), true
	}
	kind := ""
	if behind, ok := g.behindProxy(addr, r); ok {
		addr, kind = behind, "behind a proxy "
	} else if forwarded(r) {
		kind = "proxy "
	}
	if addr.Is6() {
		prefix, _ := addr.Prefix(64) // 64 always fits
		return kind + prefix.String(), false
	}
	return kind + addr.String(), false
}

// behindProxy returns the client that a trusted proxy names: the last address of
// X-Forwarded-For that is not a trusted proxy itself, for what stands before it
// may be the client's own invention.
func (g *Gate) behindProxy(sender netip.Addr, r *http.Request) (netip.Addr, bool) {
	if !g.trusts(sender) {
		return netip.Addr{}, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	if hops[0] == "" {
		hops = r.Header.Values("X-Real-Ip")
	}
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return netip.Addr{}, false
		}
		if addr = addr.Unmap().WithZone(""); !g.trusts(addr) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func (g *Gate) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(g.proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func remoteAddr(r *http.Request) (netip.Addr, error) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap().WithZone(""), err
}

// forwarded says whether the request names another client behind the one that
// sent it.
func forwarded(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if len(r.Header.Values(h)) > 0 {
			return true
		}
	}
	return false
}
