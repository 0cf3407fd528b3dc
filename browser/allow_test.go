package browser

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/profile/ports"
)

// TestPolicy leads nobody to the host's files, the browser's own pages and the
// ports of gateways, however they are spelled.
func TestPolicy(t *testing.T) {
	here, err := ports.Derive(18789)
	if err != nil {
		t.Fatal(err)
	}
	web := ports.Ports{Gateway: 80, Bridge: 443}
	others := func() []ports.Ports { return []ports.Ports{web} }
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	strict := policy{own: here, others: others}
	open := policy{own: here, others: others, allow: []string{"file:", "chrome:", "http://127.0.0.1:18789", "http://localhost", "http://[::1]:18793"}}
	for _, c := range []struct {
		address string
		strict  string // what the sentence says; "" lets pass
		open    bool   // whether the list lets pass
	}{
		{"http://127.0.0.1:8080/x", "", true},
		{"http://192.0.2.1:18789/", "", true},
		{"HTTPS://192.0.2.1", "", true},
		{"data:text/html,x", "", true},
		{"about:blank", "", true},
		{"http://127.0.0.1:18789/", "port 18789 belongs to a gateway of this host (gateway)", true},
		{"http://127.0.0.1:18793/", "(canvas)", false},
		{"http://127.0.0.1:18800/json/version", "(cdp)", false},
		{"https://127.0.0.1:18789/", `"https://127.0.0.1:18789" in browser.allow permits it`, false},
		{"http://u:word@localhost:18789/", "(gateway)", false},
		{"http://LOCALHOST/", "port 80 belongs", true},
		{"https://localhost/", "port 443 belongs", false},
		{"http://[::1]:18793/", "(canvas)", true},
		{"http://[::ffff:127.0.0.1]:18789/", "(gateway)", false},
		{"http://0.0.0.0:18789/", "(gateway)", false},
		{"http://[::]:18789/", "(gateway)", false},
		{"http://127.8.9.1:18789/", "(gateway)", false},
		{"http://127.1:18789/", "(gateway)", false},
		{"http://2130706433:18789/", "(gateway)", false},
		{"http://0x7f000001:18789/", "(gateway)", false},
		{"http://\uff11\uff12\uff17.0.0.1:18789/", "(gateway)", false},
		{"http://" + ownAddress(t) + ":18789/", "(gateway)", false},
		{"http://" + name + ":18789/", "(gateway)", false},
		{"", "url is required", false},
		{"x", "is no absolute address", false},
		{"//x", "is no absolute address", false},
		{"http://", "is no absolute address", false},
		{"https:///x", "is no absolute address", false},
		{"http://:18789/", "is no absolute address", false},
		{`http://127.0.0.1:18789\@192.0.2.1/`, "is no absolute address", false},
		{`http:\\127.0.0.1:18789/`, "is no absolute address", false},
		{"http:127.0.0.1:18789", "is no absolute address", false},
		{"ht\ttp://127.0.0.1:18789", "is no absolute address", false},
		{"http://\x7f", "is no absolute address", false},
		{"file:///etc/passwd", `only http, https, data and about:blank can, unless "file:" is in browser.allow`, true},
		{"FILE:///etc/passwd", `"file:"`, true},
		{"chrome://settings", `"chrome:"`, true},
		{"about:config", `"about:"`, false},
		{"javascript:alert(1)", "it is a script", false},
		{"view-source:file:///etc/passwd", `"view-source:"`, false},
		{"blob:http://x/1", `"blob:"`, false},
		{"devtools://x", `"devtools:"`, false},
	} {
		err := strict.check(t.Context(), c.address)
		if (err == nil) != (c.strict == "") || err != nil && (api.StatusOf(err) != http.StatusBadRequest || !strings.Contains(err.Error(), c.strict) || strings.Contains(err.Error(), "word")) {
			t.Errorf("%q: %v, want %q", c.address, err, c.strict)
		}
		if err := open.check(t.Context(), c.address); (err == nil) != c.open {
			t.Errorf("%q with a list: %v", c.address, err)
		}
	}
	for address, pass := range map[string]bool{
		"": true, "about:srcdoc": true, "blob:http://x/1": true, "chrome-error://chromewebdata/": true, "chrome://newtab/": true, "http://127.0.0.1:8080/": true,
		"http://127.0.0.1:18789/": false, "file:///etc/passwd": false, "chrome://settings/": false,
	} {
		if err := strict.checkPage(t.Context(), address); (err == nil) != pass {
			t.Errorf("page %q: %v", address, err)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1:18789/", "https://[::1]:18789", "file:///x", "about:blank", "data:,x", "http://x\\@127.0.0.1:18789", "JavaScript:1", "http://a b"} {
		f.Add(seed)
	}
	strict := &policy{own: ports.Ports{Gateway: 18789}}
	f.Fuzz(func(t *testing.T, address string) {
		if err := strict.check(t.Context(), address); err != nil {
			if api.StatusOf(err) != http.StatusBadRequest {
				t.Errorf("%q: %v is no 400", address, err)
			}
			return
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		switch u.Scheme {
		case "data":
		case "http", "https":
			if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.Unmap().IsLoopback() && u.Port() == "18789" {
				t.Errorf("%q leads to the gateway", address)
			}
		default:
			if address != blank {
				t.Errorf("%q passes", address)
			}
		}
	})
}

// ownAddress is one of the host's own that is not loopback, or loopback without one.
func ownAddress(t *testing.T) string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr().String()
		}
	}
	return "127.0.0.1"
}
