package browser

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
	"clawdbot/profile/config"
)

// attach links to a browser of others: address is its WebSocket, or the HTTP
// endpoint that tells the WebSocket.
func attach(ctx context.Context, address *url.URL, set config.Browser, tabs tab.Config) (*link, error) {
	ws, base := address, address
	if address.Scheme == "http" || address.Scheme == "https" {
		ctx, cancel := context.WithTimeout(ctx, milliseconds(set.RemoteCDPTimeoutMs, 1500))
		defer cancel()
		var err error
		if ws, err = webSocketOf(ctx, address); err != nil {
			return nil, err
		}
	} else {
		base = &url.URL{Scheme: "http" + address.Scheme[len("ws"):], User: address.User, Host: address.Host, RawQuery: address.RawQuery}
	}
	ctx, cancel := context.WithTimeout(ctx, milliseconds(set.RemoteCDPHandshakeTimeout, 3000))
	defer cancel()
	return dial(ctx, ws, base, tabs)
}

var errNoWebSocket = errors.New("/json/version names no WebSocket")

func milliseconds(n, unset int) time.Duration {
	return time.Duration(cmp.Or(n, unset)) * time.Millisecond
}

// webSocketOf asks the HTTP endpoint for the browser's WebSocket. Host and
// credentials are the endpoint's: a browser behind a forwarded port tells the
// host that it sees itself.
func webSocketOf(ctx context.Context, base *url.URL) (*url.URL, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("json", "version").String(), nil)
	if err != nil {
		return nil, fmt.Errorf("CDP at %s: %w", base.Host, err)
	}
	devtools.Authorize(r.Header, base)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("CDP at %s: %w", base.Host, devtools.WithoutURL(err))
	}
	defer resp.Body.Close()
	var version struct {
		URL string `json:"webSocketDebuggerUrl"`
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("CDP at %s: %s", base.Host, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&version); err != nil {
		return nil, fmt.Errorf("CDP at %s: /json/version: %w", base.Host, err)
	}
	told, err := url.Parse(version.URL)
	if err != nil || told.Path == "" {
		return nil, fmt.Errorf("CDP at %s: %w", base.Host, errNoWebSocket)
	}
	return &url.URL{
		Scheme: "ws" + base.Scheme[len("http"):], User: base.User, Host: base.Host,
		Path: told.Path, RawQuery: cmp.Or(told.RawQuery, base.RawQuery),
	}, nil
}
