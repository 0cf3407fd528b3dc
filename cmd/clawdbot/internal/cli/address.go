package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// guard refuses to send a credential where others can read it.
func (a *app) guard(t target, code exitCode) error {
	u, err := url.Parse(t.URL)
	if err != nil {
		return err
	}
	if u.Scheme == "wss" || isLoopback(u.Hostname()) || a.reach.insecure || t.Token == "" && t.Password == "" {
		return nil
	}
	tunnel := fmt.Sprintf("ssh -N -L 18789:127.0.0.1:%s %s", cmp.Or(u.Port(), "80"), u.Hostname())
	return &exitError{code, fmt.Errorf("%s is not encrypted, so others could read the token on the way: use wss://, a tunnel, or --insecure", t.URL), tunnel}
}

// checkAddress refuses what is no address of a gateway. Secrets in an address
// end up in logs and lists of processes.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "ws" && u.Scheme != "wss":
		return fmt.Errorf("%q is no address of a gateway: write it like wss://host:18789", bare(address))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("an address with a user, a query or a fragment is not used, because secrets in it end up in logs; set CLAWDBOT_GATEWAY_TOKEN")
	}
	return nil
}

// bare is an address without the parts in which people put secrets.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		address, _, _ = strings.Cut(address, "?")
		address, _, _ = strings.Cut(address, "#")
		return address[strings.LastIndex(address, "@")+1:]
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// sameHost says whether both are the same port of this host.
func sameHost(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && isLoopback(x.Hostname()) && isLoopback(y.Hostname()) && x.Port() == y.Port() && x.Scheme == y.Scheme
}
