package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"clawdbot/browser/api"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// browserCall is one request; in is its body as JSON, or its query where a
// method has no body, or nil.
type browserCall struct {
	method, path string
	in           any
}

// browserClient talks to the browser control of one profile's gateway.
type browserClient struct {
	app     *app
	profile profile.Profile
	base    *url.URL
	browser string // browser profile; "" is the default one
	token   string
}

// browserClient finds the running gateway's browser control, or takes the
// address that was given.
func (a *app) browserClient(o browserOptions) (*browserClient, error) {
	p, err := a.profile()
	if err != nil {
		return nil, err
	}
	address := o.url
	if address == "" {
		i, err := awake(p)
		if err != nil {
			return nil, err
		}
		address = fmt.Sprintf("http://127.0.0.1:%d", i.Ports.Browser)
	}
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, &exitError{exitUsage, fmt.Errorf("--url %q is no address: write it like http://127.0.0.1:18791", address), ""}
	}
	token, err := controlToken(p)
	return &browserClient{a, p, base, o.profile, token}, err
}

// controlToken is what browser control asks for: a token of its own when the
// environment or the config has one, else the gateway's. With --profile the
// environment speaks of another profile.
func controlToken(p profile.Profile) (string, error) {
	if v := p.Env().Get("CLAWDBOT_BROWSER_CONTROL_TOKEN"); v != "" && p.Settings[0].From != "flag" {
		return v, nil
	}
	if loaded, err := p.Load(); err == nil && loaded.Config.Browser.ControlToken != "" {
		return loaded.Config.Browser.ControlToken, nil
	}
	return p.ClientToken()
}

// maxBrowserAnswer bounds an answer in bytes.
const maxBrowserAnswer = 16 << 20

// call returns the answer of this profile's gateway, and no other's.
func (c *browserClient) call(ctx context.Context, call browserCall) ([]byte, error) {
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req) // no proxy, no redirects: the token goes where we say
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, c.unreachable(fmt.Errorf("does not answer at %s in time", c.base))
	}
	if err != nil {
		return nil, c.unreachable(cmp.Or(c.off(ctx), fmt.Errorf("does not answer at %s: %w", c.base, err)))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBrowserAnswer))
	if err != nil {
		return nil, c.unreachable(fmt.Errorf("broke off at %s: %w", c.base, err))
	}
	return body, c.check(resp.StatusCode, body)
}

func (c *browserClient) request(ctx context.Context, call browserCall) (*http.Request, error) {
	var in io.Reader
	target, query := c.base.JoinPath(call.path), url.Values{}
	if call.in != nil {
		body, err := json.Marshal(call.in)
		if err != nil {
			return nil, err
		}
		if call.method == http.MethodPost {
			in = bytes.NewReader(body)
		} else if query, err = queryOf(body); err != nil {
			return nil, err
		}
	}
	if c.browser != "" {
		query.Set("profile", c.browser)
	}
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, call.method, target.String(), in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// queryOf writes the fields of a JSON object as a query.
func queryOf(object []byte) (url.Values, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	query := url.Values{}
	for name, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil { // a number, true or false
			text = string(raw)
		}
		query.Set(name, text)
	}
	return query, nil
}

// check refuses what another profile's gateway says, and turns a failure into
// an error.
func (c *browserClient) check(status int, body []byte) error {
	var said api.Failure
	if err := json.Unmarshal(body, &said); err != nil {
		return c.unreachable(fmt.Errorf("is not what answers at %s (status %d)", c.base, status))
	}
	switch {
	case status == http.StatusUnauthorized:
		return &exitError{exitFailed, fmt.Errorf("browser control of profile %s at %s refuses the token", c.profile.Name, c.base),
			c.profile.Command("config get browser.controlToken --show-secrets")}
	case said.GatewayProfile == "" && said.Error != "": // the gate answers before the profile does
		return &exitError{exitFailed, errors.New(said.Error), ""}
	case said.GatewayProfile == "":
		return c.unreachable(fmt.Errorf("is not what answers at %s: that names no profile", c.base))
	case said.GatewayProfile != c.profile.Bus():
		err := fmt.Errorf("%s is the browser control of profile %q, not of %s", c.base, said.GatewayProfile, c.profile.Name)
		return &exitError{exitUnreachable, err, "clawdbot profiles"}
	case status == http.StatusBadRequest:
		return &exitError{exitUsage, errors.New(said.Error), ""}
	case status >= 300:
		return &exitError{exitFailed, errors.New(said.Error), ""}
	}
	return nil
}

// off is why the profile's gateway runs without browser control, or nil.
func (c *browserClient) off(ctx context.Context) error {
	seen, err := c.app.look(ctx, c.profile)
	if err != nil {
		return nil
	}
	if seen.health.Generation.Source == string(config.FromSafeMode) {
		return errors.New("is off: safe mode")
	}
	for _, part := range seen.health.Components {
		if part.Name == "browser" && part.State == msg.StateOff {
			return errors.New("is off: " + part.Detail)
		}
	}
	return nil
}

func (c *browserClient) unreachable(err error) error {
	return &exitError{exitUnreachable, fmt.Errorf("browser control of profile %s %w", c.profile.Name, err), c.profile.Command("status")}
}

// printable replaces what could steer a terminal: pages choose their titles,
// and programs what they send.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '�'
		}
		return r
	}, s)
}
