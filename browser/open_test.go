package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
)

// TestOpen opens pages that come, that come late and that do not come, in a
// browser that the first of them starts.
func TestOpen(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	late := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/late":
			<-late
		case "/moved":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<title>page %s</title>", r.URL.Path)
	}))
	defer web.Close()
	defer close(late)
	open := func(address string) api.Opened {
		t.Helper()
		var o api.Opened
		s.ok(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, address), &o)
		return o
	}
	tabs := func() []api.Tab {
		t.Helper()
		var all api.Tabs
		s.ok(t, "GET", "/tabs", "", &all)
		return all.Tabs
	}
	first := open(web.URL + "/moved")
	if first.Title != "page /there" || first.URL != web.URL+"/there" {
		t.Errorf("%+v", first)
	}
	if all := tabs(); len(all) != 1 || all[0].TargetID != first.TargetID {
		t.Errorf("the first open left %+v", all)
	}
	dead := fmt.Sprintf("http://127.0.0.1:%d/", freePort(t))
	s.refused(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, dead), 500, dead, "net::ERR_CONNECTION_REFUSED")
	if all := tabs(); len(all) != 1 {
		t.Errorf("a page that did not come left %+v", all)
	}
	for address, title := range map[string]string{
		blank: "", "data:text/html,<title>x</title>": "x", web.URL + "/late": "", web.URL + "/empty": "",
	} {
		if o := open(address); o.Title != title || o.URL != address || o.TargetID == "" {
			t.Errorf("%s: %+v", address, o)
		}
	}
}

// TestNavigateStarts: navigate needs neither a browser nor a tab beforehand.
func TestNavigateStarts(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	page := quote(browsertest.Serve(t, map[string]string{"/": "<title>here</title>"}))
	s.refused(t, "POST", "/navigate", `{}`, 400, "url is required")
	s.refused(t, "POST", "/navigate", `{"url":`+page+`,"targetId":"A"}`, 409, "browser not running")
	var first, second api.Navigated
	s.ok(t, "POST", "/navigate", `{"url":`+page+`}`, &first)
	s.ok(t, "DELETE", "/tabs/"+first.TargetID, "", nil)
	s.ok(t, "POST", "/navigate", `{"url":`+page+`}`, &second)
	if second.TargetID == first.TargetID || quote(second.URL) != page {
		t.Errorf("%+v after %+v", second, first)
	}
}
