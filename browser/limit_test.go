package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"clawdbot/browser/api"
)

// TestMaxTabs: neither a call nor a page that opens windows gets
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
	window, err := json.Marshal(map[string]string{
		"kind": "evaluate", "targetId": first.TargetID, "fn": "() => { window.open('/', '_blank'); return 1; }",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 { // Chromium lets a page open one for each gesture of its user
		s.ok(t, "POST", "/act", string(window), nil)
	}
	full := func() bool {
		var tabs api.Tabs
		s.ok(t, "GET", "/tabs", "", &tabs)
		return len(tabs.Tabs) == 4
	}
	eventually(t, "there are as many tabs as may be", full)
	s.refused(t, "POST", "/tabs/open", `{"url":"about:blank"}`, 409, "browser.maxTabs is 4", "close some")
	eventually(t, "there are as many tabs as may be again", full)
	s.ok(t, "POST", "/tabs/focus", `{"targetId":"`+keep.TargetID+`"}`, nil)
	s.ok(t, "POST", "/tabs/focus", `{"targetId":"`+first.TargetID+`"}`, nil)
}
