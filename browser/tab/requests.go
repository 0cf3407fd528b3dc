package tab

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// keptRequests is how many requests a tab remembers, as in the original.
const keptRequests = 500

// traffic is the last requests of the tab. The zero value has none.
type traffic struct {
	mu       sync.Mutex
	count    int                                    // of requests ever, for the ids
	requests []*api.PageRequest                     // the oldest first
	open     map[network.RequestID]*api.PageRequest // those that are not done
}

func (t *Tab) followRequests() {
	On(t, network.RequestWillBeSent, func(_ *devtools.Session, e network.EventRequestWillBeSent) { t.traffic.sent(&e) })
	On(t, network.ResponseReceived, func(_ *devtools.Session, e network.EventResponseReceived) {
		t.traffic.answered(e.RequestID, e.Response)
	})
	On(t, network.LoadingFinished, func(_ *devtools.Session, e network.EventLoadingFinished) { t.traffic.finished(e.RequestID, "") })
	On(t, network.LoadingFailed, func(_ *devtools.Session, e network.EventLoadingFailed) {
		t.traffic.finished(e.RequestID, e.ErrorText)
	})
}

// Requests are those that the glob is within, all for nil; forget drops all.
func (t *Tab) Requests(filter *Glob, forget bool) []api.PageRequest {
	t.traffic.mu.Lock()
	defer t.traffic.mu.Unlock()
	some := []api.PageRequest{}
	for _, r := range t.traffic.requests {
		if filter == nil || filter.Within(r.URL) {
			some = append(some, *r)
		}
	}
	if forget {
		t.traffic.requests = nil
		clear(t.traffic.open)
	}
	return some
}

// sent adds a request. A redirect has the same id, and is one more.
func (t *traffic) sent(e *network.EventRequestWillBeSent) {
	if e.RedirectResponse != nil {
		t.answered(e.RequestID, e.RedirectResponse)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[e.RequestID] != nil && e.RedirectResponse == nil { // told of by two sessions
		return
	}
	t.count++
	r := &api.PageRequest{
		ID: fmt.Sprintf("r%d", t.count), Timestamp: stamp(runtime.Timestamp(e.WallTime * 1000)),
		Method: e.Request.Method, URL: cut(e.Request.URL), ResourceType: strings.ToLower(string(e.Type)),
	}
	if len(t.requests) >= keptRequests {
		t.requests = slices.Delete(t.requests, 0, 1)
	}
	t.requests = append(t.requests, r)
	if t.open == nil || len(t.open) >= keptRequests { // those that never end are let go of
		t.open = map[network.RequestID]*api.PageRequest{}
	}
	t.open[e.RequestID] = r
}

func (t *traffic) answered(id network.RequestID, response *network.Response) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.open[id]; r != nil {
		ok := response.Status >= 200 && response.Status < 300
		r.Status, r.OK = response.Status, &ok
	}
	if bodyless(response) {
		delete(t.open, id)
	}
}

// bodyless says whether the response is whole without a body: Chromium tells of
// such a one that it failed with net::ERR_ABORTED.
func bodyless(r *network.Response) bool {
	if r.Status >= 300 && r.Status < 400 || r.Status == http.StatusNoContent || r.Status == http.StatusResetContent {
		return true
	}
	for name, value := range r.Headers {
		if strings.EqualFold(name, "Content-Length") {
			return value == "0"
		}
	}
	return false
}

func (t *traffic) finished(id network.RequestID, failure string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.open[id]; r != nil && failure != "" {
		no := false
		r.FailureText, r.OK = failure, &no
	}
	delete(t.open, id)
}
