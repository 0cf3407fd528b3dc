package gate_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"clawdbot/profile/gate"
)

// TestSelf asks a server that listens on all addresses, behind a gate.
func TestSelf(t *testing.T) {
	g, err := gate.New(gate.Config{Token: "the-token"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/away", http.RedirectHandler("http://elsewhere.example/", http.StatusSeeOther))
	mux.HandleFunc("/cookie", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("pass"); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	srv := &http.Server{Handler: g.WrapOpen(mux)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	self := gate.NewSelf(l.Addr(), "")
	for path, want := range map[string]int{"/away": http.StatusSeeOther, "/cookie": http.StatusOK, "/nothing": http.StatusNotFound} {
		resp, err := self.Get(t.Context(), path, &http.Cookie{Name: "pass", Value: "x"})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if _, err := self.Get(t.Context(), "/secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
