package gate

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
)

// SelfURL begins the URLs that a Self is asked for: a host that passes the gate
// on whatever address the server listens.
const SelfURL = "http://localhost"

// Self asks the server that listens at an address of this host, as clients do,
// to see whether it answers. It goes through no proxy, follows no redirect and
// keeps no connection. It is safe for use by many goroutines.
type Self struct{ http.Client }

// NewSelf returns a Self for the address.
func NewSelf(addr net.Addr) *Self {
	return &Self{http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
			},
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Get requests the path, with the cookies. Its error does not have the path,
// which may hold a capability.
func (s *Self) Get(ctx context.Context, path string, cookies ...*http.Cookie) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, SelfURL+path, nil)
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
