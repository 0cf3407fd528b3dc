package gate

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"clawdbot/profile/cert"
)

// Self asks the server that listens at an address of this host, as clients do,
// to see whether it answers. It goes through no proxy, follows no redirect and
// keeps no connection. It is safe for use by many goroutines.
type Self struct {
	http.Client
	base string
}

// NewSelf returns a Self for the address. With a pin, the fingerprint of its
// certificate, it speaks TLS.
func NewSelf(addr net.Addr, pin string) *Self {
	s := &Self{base: "http://localhost", Client: http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
			},
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if pin != "" {
		s.base, s.Transport.(*http.Transport).TLSClientConfig = "https://localhost", cert.Pinned(pin)
	}
	return s
}

// URL is that of a path: its host passes the gate on whatever address the server
// listens.
func (s *Self) URL(path string) string { return s.base + path }

// Get requests the path, with the cookies. Its error does not have the path,
// which may hold a capability.
func (s *Self) Get(ctx context.Context, path string, cookies ...*http.Cookie) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(path), nil)
	if err != nil {
		return nil, err
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	resp, err := s.Do(r)
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	return resp, err
}
