package client_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"clawdbot/gateway/client"
	"clawdbot/profile/cert"
)

// secure answers every request over TLS with 404.
func secure(t *testing.T) (url, fingerprint string) {
	t.Helper()
	server, fingerprint, err := cert.Load(cert.Config{Dir: t.TempDir(), Generate: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler()}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = srv.Serve(tls.NewListener(l, server)) }()
	t.Cleanup(func() { _ = srv.Close(); <-ended })
	return "wss://" + l.Addr().String(), fingerprint
}

func TestPin(t *testing.T) {
	url, fingerprint := secure(t)
	for _, c := range []struct {
		name, url, pin string
		want           error
		says           string
	}{
		{"nobody vouches for it", url, "", client.ErrCertificate, "its fingerprint is " + fingerprint},
		{"another is pinned", url, strings.Repeat("0a", 32), client.ErrCertificate, "it has the fingerprint " + fingerprint},
		{"it is pinned", url, strings.ToUpper(fingerprint), client.ErrUnreachable, "404"}, // so it was believed
		{"no fingerprint", url, "zz", cert.ErrFingerprint, "64 hex digits"},
		{"nothing to pin", strings.Replace(url, "wss", "ws", 1), fingerprint, nil, "use wss://"},
	} {
		_, err := client.Dial(t.Context(), client.Config{URL: c.url, Token: token, TLSFingerprint: c.pin})
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.want, c.says)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), token)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCallAfterClose(t *testing.T) {
	c, err := client.Dial(t.Context(), client.Config{URL: start(t), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close() // it may tell how the connection ended
	if err := c.Call(t.Context(), "health", nil, nil); err == nil {
		t.Error("an answer came after the end")
	}
}
