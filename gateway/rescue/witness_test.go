package rescue

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"clawdbot/profile"
	"clawdbot/profile/cert"
	"clawdbot/profile/ports"
)

// TestHealthzOverTLS: a peer that speaks TLS is asked over TLS, and another
// program's certificate is no answer of its.
func TestHealthzOverTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	i := profile.Instance{Ports: ports.Ports{Gateway: srv.Listener.Addr().(*net.TCPAddr).Port}, TLS: cert.Fingerprint(srv.Certificate().Raw)}
	if err := healthz(t.Context(), i); err != nil {
		t.Error(err)
	}
	i.TLS = strings.Repeat("0", 64)
	if err := healthz(t.Context(), i); !errors.Is(err, cert.ErrPin) {
		t.Errorf("with another certificate: %v", err)
	}
	i.TLS = ""
	if err := healthz(t.Context(), i); err == nil {
		t.Error("plain HTTP to a port that speaks TLS answers")
	}
}
