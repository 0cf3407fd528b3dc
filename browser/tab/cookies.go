package tab

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// Cookies are all that the tab's browser profile has.
func (t *Tab) Cookies(ctx context.Context) ([]api.Cookie, error) {
	got, err := devtools.Call(ctx, t.page, storage.GetCookies, storage.GetCookiesParams{})
	if err != nil {
		return nil, err
	}
	cookies := []api.Cookie{}
	for _, c := range got.Cookies {
		cookies = append(cookies, api.Cookie{
			Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path, Expires: c.Expires,
			HTTPOnly: c.HTTPOnly, Secure: c.Secure,
			SameSite: cmp.Or(string(c.SameSite), "Lax"), // what Chromium takes one without for
		})
	}
	return cookies, nil
}

// SetCookie sets a cookie. What it lacks, or what Chromium does not take, is an
// error with status 400.
func (t *Tab) SetCookie(ctx context.Context, c api.NewCookie) error {
	if err := checkCookie(c); err != nil {
		return err
	}
	params := network.SetCookieParams{
		Name: c.Name, Value: *c.Value, URL: c.URL, Domain: c.Domain, Path: c.Path,
		Secure: &c.Secure, HTTPOnly: &c.HTTPOnly, SameSite: network.CookieSameSite(c.SameSite),
	}
	if c.Expires > 0 {
		params.Expires = cdp.TimeSinceEpoch(c.Expires)
	}
	// Not every refusal is an error: cdproto leaves out how it ended.
	type outcome struct {
		Success bool `json:"success"`
	}
	set := cdp.Command[network.SetCookieParams, outcome]{Method: network.SetCookie.Method}
	got, err := devtools.Call(ctx, t.page, set, params)
	if hasText(err, "") || err == nil && !got.Success {
		return api.Errorf(http.StatusBadRequest, "cookie %q is refused by the browser: its fields do not go together (sameSite None and __Host- names need secure, a path begins with /, a name has no ; or control character)", c.Name)
	}
	return err
}

func checkCookie(c api.NewCookie) error {
	u, err := url.Parse(c.URL)
	switch {
	case c.Name == "" || c.Value == nil:
		return api.Errorf(http.StatusBadRequest, "cookie: name and value are required")
	case c.URL == "" && (c.Domain == "" || c.Path == ""):
		return api.Errorf(http.StatusBadRequest, "cookie %q: url, or domain and path, is required", c.Name)
	case c.URL != "" && (err != nil || !strings.HasPrefix(u.Scheme, "http") || u.Host == ""):
		return api.Errorf(http.StatusBadRequest, "cookie %q: url %.64q is no http or https address", c.Name, c.URL)
	case c.SameSite != "" && c.SameSite != "Strict" && c.SameSite != "Lax" && c.SameSite != "None":
		return api.Errorf(http.StatusBadRequest, "cookie %q: sameSite %.16q must be Strict, Lax or None", c.Name, c.SameSite)
	case c.Expires < -1:
		return api.Errorf(http.StatusBadRequest, "cookie %q: expires must be seconds since 1970, or -1", c.Name)
	}
	return nil
}

// ClearCookies removes all that the tab's browser profile has.
func (t *Tab) ClearCookies(ctx context.Context) error {
	return devtools.Do(ctx, t.page, storage.ClearCookies, storage.ClearCookiesParams{})
}
