package tab

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/chromedp/cdproto/network"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// longestBody is the longest response in bytes whose body Chromium keeps for
// us, and keptBodies how much of all together: it goes through our memory.
const (
	longestBody = 20 << 20
	keptBodies  = 64 << 20
)

// bodies has the browser keep responses within these bounds.
func bodies() network.EnableParams {
	one, all := int64(longestBody), int64(keptBodies)
	return network.EnableParams{MaxResourceBufferSize: &one, MaxTotalBufferSize: &all}
}

// arrival is a response under way.
type arrival struct {
	session  *devtools.Session
	id       network.RequestID
	response *network.Response
	failure  string // how it broke off
}

// Response waits for the next response whose address the glob is within, and
// returns it with at most maxChars characters of its body.
func (t *Tab) Response(ctx context.Context, glob *Glob, maxChars int) (api.Response, error) {
	came, err := t.nextResponse(ctx, glob)
	if err != nil {
		return api.Response{}, err
	}
	out := api.Response{URL: came.response.URL, Status: came.response.Status, Headers: map[string]string{}}
	for name, value := range came.response.Headers {
		out.Headers[strings.ToLower(name)] = fmt.Sprint(value)
	}
	switch {
	case came.failure != "":
		return out, fmt.Errorf("the response from %s broke off: %s", cut(out.URL), came.failure)
	case bodyless(came.response):
		return out, nil
	}
	got, err := devtools.Call(ctx, came.session, network.GetResponseBody, network.GetResponseBodyParams{RequestID: came.id})
	if err != nil {
		return out, fmt.Errorf("the browser has not kept the response from %s (it keeps up to %d MB, until the page is left): %w",
			cut(out.URL), longestBody>>20, err)
	}
	out.Body = string(got.Body)
	if !utf8.Valid(got.Body) {
		out.Body, out.Base64 = base64.StdEncoding.EncodeToString(got.Body), true
	}
	out.Body, out.Truncated = firstChars(out.Body, maxChars)
	return out, nil
}

// nextResponse waits until one has come whole.
func (t *Tab) nextResponse(ctx context.Context, glob *Glob) (arrival, error) {
	came := make(chan arrival, 1)
	var begun *arrival // the first that fits; events come one after the other
	end := func(id network.RequestID, failure string) {
		if begun != nil && begun.id == id && len(came) == 0 {
			begun.failure = failure
			came <- *begun
		}
	}
	begin := func(s *devtools.Session, id network.RequestID, r *network.Response) {
		if begun != nil || !glob.Within(r.URL) {
			return
		}
		begun = &arrival{session: s, id: id, response: r}
		if bodyless(r) {
			end(id, "")
		}
	}
	defer On(t, network.ResponseReceived, func(s *devtools.Session, e network.EventResponseReceived) { begin(s, e.RequestID, e.Response) })()
	defer On(t, network.RequestWillBeSent, func(s *devtools.Session, e network.EventRequestWillBeSent) {
		if e.RedirectResponse != nil {
			begin(s, e.RequestID, e.RedirectResponse)
		}
	})()
	defer On(t, network.LoadingFinished, func(_ *devtools.Session, e network.EventLoadingFinished) { end(e.RequestID, "") })()
	defer On(t, network.LoadingFailed, func(_ *devtools.Session, e network.EventLoadingFailed) { end(e.RequestID, e.ErrorText) })()
	select {
	case a := <-came:
		return a, nil
	case <-t.Gone():
		return arrival{}, devtools.ErrDetached
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return arrival{}, api.Errorf(http.StatusNotFound, "no response from %s came in the time given: call before what causes it", glob)
	}
	return arrival{}, ctx.Err()
}

// firstChars are the first n characters of the text, and whether there are more.
func firstChars(text string, n int) (first string, more bool) {
	if utf8.RuneCountInString(text) <= n {
		return text, false
	}
	for i := range text {
		if n == 0 {
			return text[:i], true
		}
		n--
	}
	return text, false
}
