package tab

import (
	"context"
	"net/http"
	"slices"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// Credentials are a name and password for HTTP's own authentication.
type Credentials struct {
	Username, Password string
	Origin             string // asks for them; "" means any
}

// login answers challenges. The zero value has nothing to answer with.
type login struct {
	credentials *Credentials
	tried       []attempt // the last ones
}

// attempt is a request that the credentials were given to. Sessions count their
// requests each for itself.
type attempt struct {
	session *devtools.Session
	id      fetch.RequestID
}

// triedMost is how many are remembered; a request asks again at once.
const triedMost = 100

// SetCredentials answers challenges with the credentials; nil leaves them to
// the browser. While there are some, every request waits for us. Chromium asks
// nobody for what a frame of another site loads.
func (t *Tab) SetCredentials(ctx context.Context, c *Credentials) error {
	if c != nil && c.Origin != "" && originOf(c.Origin) == "" {
		return api.Errorf(http.StatusBadRequest, "origin %.64q must look like https://example.com", c.Origin)
	}
	t.overrides.mu.Lock()
	t.overrides.login = login{credentials: c}
	t.overrides.mu.Unlock()
	if c == nil {
		return t.override(ctx, override{name: "credentials", post: command(fetch.Disable, cdp.Empty{})})
	}
	yes := true
	return t.override(ctx, override{name: "credentials", post: command(fetch.Enable, fetch.EnableParams{HandleAuthRequests: &yes}), keep: true})
}

func (t *Tab) followChallenges() {
	On(t, fetch.RequestPaused, func(s *devtools.Session, e fetch.EventRequestPaused) {
		t.later(func(ctx context.Context) {
			// One that is gone needs no answer.
			_ = devtools.Do(ctx, s, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
		})
	})
	On(t, fetch.AuthRequired, func(s *devtools.Session, e fetch.EventAuthRequired) {
		answer := t.overrides.answer(attempt{s, e.RequestID}, e.AuthChallenge.Origin)
		t.later(func(ctx context.Context) {
			_ = devtools.Do(ctx, s, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{RequestID: e.RequestID, AuthChallengeResponse: answer})
		})
	})
}

// answer gives each request the credentials once: asked again, they are wrong,
// and the page gets the server's refusal.
func (o *overrides) answer(to attempt, origin string) *fetch.AuthChallengeResponse {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := &o.login
	switch {
	case l.credentials == nil:
		return &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseDefault}
	case l.credentials.Origin != "" && originOf(l.credentials.Origin) != originOf(origin),
		slices.Contains(l.tried, to):
		return &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseCancelAuth}
	}
	if len(l.tried) == triedMost {
		l.tried = slices.Delete(l.tried, 0, 1)
	}
	l.tried = append(l.tried, to)
	return &fetch.AuthChallengeResponse{
		Response: fetch.AuthChallengeResponseResponseProvideCredentials,
		Username: l.credentials.Username, Password: l.credentials.Password,
	}
}
