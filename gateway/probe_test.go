package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"clawdbot/gateway/jsonhttp"
	"clawdbot/profile/gate"
)

// TestProbeTellsAnotherServer has something else answer on the port.
func TestProbeTellsAnotherServer(t *testing.T) {
	s := &Server{cfg: Config{Identity: Identity{Profile: "main"}}}
	for want, answer := range map[string]http.HandlerFunc{
		`answered as profile "rescue"`: func(w http.ResponseWriter, _ *http.Request) {
			jsonhttp.Write(w, 200, vitals{OK: true, Profile: "rescue"})
		},
		"answered 404 Not Found": http.NotFound,
	} {
		srv := httptest.NewServer(answer)
		if err := s.probeHTTP(t.Context(), gate.NewSelf(srv.Listener.Addr(), "")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		srv.Close()
	}
}

// TestProbeTellsAHandshakeThatIsStuck upgrades and then says the wrong thing, or
// nothing.
func TestProbeTellsAHandshakeThatIsStuck(t *testing.T) {
	for _, c := range []struct {
		first, want string
		within      time.Duration
	}{
		{`{"type":"event","event":"tick"}`, "not with a challenge", 10 * time.Second},
		{"", "deadline exceeded", 100 * time.Millisecond},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer ws.CloseNow()
			if c.first != "" {
				_ = ws.Write(r.Context(), websocket.MessageText, []byte(c.first))
			}
			_, _, _ = ws.Read(r.Context()) // until the other side goes
		}))
		ctx, cancel := context.WithTimeout(t.Context(), c.within)
		if err := probeWebSocket(ctx, gate.NewSelf(srv.Listener.Addr(), "")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		cancel()
		srv.Close()
	}
}
