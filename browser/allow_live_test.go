package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/profile/ports"
)

// TestOwnPorts keeps the browser off a gateway's port, whichever way leads there.
func TestOwnPorts(t *testing.T) {
	needChromium(t)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>dashboard</title>secret")
	}))
	defer gateway.Close()
	own, err := url.Parse(gateway.URL)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, gateway.URL, http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<title>page</title><script>if (location.hash) location = %q</script>", gateway.URL)
	}))
	defer web.Close()
	s := serve(t, func(c *Config) {
		c.Others = func() []ports.Ports { return []ports.Ports{{Gateway: portOf(own)}} }
	})
	open := func(address string) string { return fmt.Sprintf(`{"url":%q}`, address) }
	says := fmt.Sprintf("port %d belongs to a gateway of this host (gateway)", portOf(own))
	s.refused(t, "POST", "/tabs/open", open(gateway.URL), 400, says)
	var tab api.Opened
	s.ok(t, "POST", "/tabs/open", open(web.URL), &tab)
	s.refused(t, "POST", "/navigate", open(gateway.URL), 400, says)
	s.refused(t, "POST", "/navigate", open(web.URL+"/moved"), 400, says)
	s.ok(t, "POST", "/navigate", open(web.URL), nil)
	s.do(t, "POST", "/navigate", open(web.URL+"/x#go"), nil) // the script may be faster than the answer
	eventually(t, "the page is left", func() bool {
		var tabs api.Tabs
		s.ok(t, "GET", "/tabs", "", &tabs)
		return len(tabs.Tabs) == 1 && tabs.Tabs[0].URL == blank
	})
	var shown map[string]any
	if s.do(t, "GET", "/snapshot", "", &shown); strings.Contains(fmt.Sprint(shown), "secret") {
		t.Errorf("the page of the gateway is told: %v", shown)
	}
	allowed := serve(t, func(c *Config) {
		c.Others = func() []ports.Ports { return []ports.Ports{{Gateway: portOf(own)}} }
		c.Settings.Allow = []string{gateway.URL}
	})
	if allowed.ok(t, "POST", "/tabs/open", open(gateway.URL), &tab); tab.Title != "dashboard" {
		t.Errorf("allowed: %+v", tab)
	}
}
