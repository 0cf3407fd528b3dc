package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// Remote is browser control on another host, ours or the original's, that
// answers every call in place of the own one.
type Remote struct {
	URL   *url.URL // http or https
	Token string   // its token; "" sends none
}

// maxAnswer is the longest answer of a Remote in bytes.
const maxAnswer = 64 << 20

// call makes the call there. It follows no redirect and goes through no proxy:
// the token goes where the config says.
func (r *Remote) call(ctx context.Context, v verb, a args) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, tabTime)
	defer cancel()
	req, err := r.request(ctx, v, a)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, r.failf("%w", devtools.WithoutURL(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, r.failf("the answer breaks off: %w", err)
	}
	return r.read(resp.StatusCode, body)
}

// request is the call as HTTP: what the route's path does not take goes into the
// query or the body, as with the original's clients.
func (r *Remote) request(ctx context.Context, v verb, a args) (*http.Request, error) {
	method, pattern, _ := strings.Cut(v.route, " ")
	rest, target := maps.Clone(a), *r.URL
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimSuffix(pattern, "{$}"), "/"), "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			part, _ = scalarText(a[name])
			if part == "" || part == "." || part == ".." { // the last two would be another path
				return nil, api.Errorf(http.StatusBadRequest, "%s %q names nothing", name, part)
			}
			delete(rest, name)
		}
		target = *target.JoinPath(url.PathEscape(part))
	}
	var body io.Reader = http.NoBody
	if method == http.MethodPost {
		text, err := json.Marshal(rest)
		if err != nil {
			return nil, fmt.Errorf("encode the arguments: %w", err)
		}
		body = bytes.NewReader(text)
	} else {
		query := target.Query()
		for name, raw := range rest {
			if text, ok := scalarText(raw); ok && string(raw) != "null" {
				query.Set(name, text)
			}
		}
		target.RawQuery = query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, r.failf("%w", devtools.WithoutURL(err))
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// read turns what came into an answer of ours. A refused token is not the
// caller's fault, whose own token was right.
func (r *Remote) read(status int, body []byte) (answer, error) {
	var failed api.Failure
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		_ = json.Unmarshal(body, &failed) // it may say more
		return nil, r.failf("it refuses us (%s): set browser.controlToken to its token", strings.TrimSpace(fmt.Sprint(status, " ", failed.Error)))
	case status >= http.StatusBadRequest:
		if err := json.Unmarshal(body, &failed); err != nil || failed.Error == "" {
			return nil, r.failf("it answers with status %d", status)
		}
		return nil, api.Errorf(status, "%s", failed.Error)
	}
	out := relayed{}
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusOK {
		return nil, r.failf("what answers there is no browser control (status %d)", status)
	}
	return &out, nil
}

func (r *Remote) failf(format string, a ...any) error {
	return fmt.Errorf("browser control at %s: "+format, append([]any{r.URL.Host}, a...)...)
}

// relayed is an answer that came from a Remote, by its fields.
type relayed map[string]json.RawMessage

// AnsweredBy names the gateway profile that was asked.
func (a *relayed) AnsweredBy(profile string) {
	if *a == nil { // null
		*a = relayed{}
	}
	(*a)["gatewayProfile"], _ = json.Marshal(profile) // a string always encodes
}
