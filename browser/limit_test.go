package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"clawdbot/browser/api"
)

// TestMaxTabs: neither a call nor a page that opens windows without end gets
// more tabs than the config allows, and the tabs there are stay.
func TestMaxTabs(t *testing.T) {
	needChromium(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
	}))
	defer web.Close()
	s := serve(t, func(c *Config) { c.Settings.MaxTabs = 4 })
	var keep, first api.Opened
	s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, &keep)
	s.ok(t, "POST", "/tabs/open", `{"url":"`+web.URL+`"}`, &first)
	flood, err := json.Marshal(map[string]string{
		"kind": "evaluate", "targetId": first.TargetID, "fn": "() => { for (let i = 0; i < 30; i++) window.open('/' + i, '_blank'); return 1; }",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.ok(t, "POST", "/act", string(flood), nil)
	var tabs api.Tabs
	eventually(t, "there are as many tabs as may be", func() bool {
		s.ok(t, "GET", "/tabs", "", &tabs)
		return len(tabs.Tabs) <= 4
	})
	if len(tabs.Tabs) < 3 {
		t.Errorf("no window was opened: %+v", tabs.Tabs)
	}
	for len(tabs.Tabs) < 4 {
		s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, nil)
		s.ok(t, "GET", "/tabs", "", &tabs)
	}
	s.refused(t, "POST", "/tabs/open", `{"url":"about:blank"}`, 409, `"clawd" has 4 tabs`, "browser.maxTabs", "close some")
	s.ok(t, "POST", "/tabs/focus", `{"targetId":"`+keep.TargetID+`"}`, nil)
	s.ok(t, "POST", "/tabs/focus", `{"targetId":"`+first.TargetID+`"}`, nil)
}
