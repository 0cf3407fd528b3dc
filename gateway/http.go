package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"clawdbot/bus/msg"
)

// connKey is where a request's context has its net.Conn.
type connKey struct{}

func (s *Server) newHTTP() *http.Server {
	return &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // of a body; an upgrade to WebSocket lifts it
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
}

// handler upgrades WebSocket requests on any path, as clients of the original
// expect, and serves the others by path.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.serveRoot)
	mux.HandleFunc("GET /healthz", s.serveHealthz)
	mux.HandleFunc("GET /readyz", s.serveReadyz)
	mux.Handle("GET /metrics", s.cfg.Gate.Wrap(promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})))
	mux.HandleFunc("/", serveNotFound)
	return s.cfg.Gate.WrapOpen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			s.serveWebSocket(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

// vitals is what healthz and readyz answer, to anyone on the host.
type vitals struct {
	OK       bool      `json:"ok"`
	Profile  string    `json:"profile"`
	Phase    msg.Phase `json:"phase,omitempty"`
	SafeMode bool      `json:"safeMode,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// beatLate is the age at which the own last beat tells that the supervised
// loop, which sends one every 250 ms, has stopped.
const beatLate = time.Second

// serveHealthz tells whether the supervised loop beats.
func (s *Server) serveHealthz(w http.ResponseWriter, _ *http.Request) { s.answerVitals(w, s.alive()) }

// serveReadyz tells whether the gateway takes work: all of it, but in safe mode.
func (s *Server) serveReadyz(w http.ResponseWriter, _ *http.Request) {
	v := s.alive()
	switch {
	case !v.OK:
	case v.Phase != msg.PhaseReady:
		v.OK, v.Reason = false, fmt.Sprintf("the gateway is %s", v.Phase)
		if detail := s.state.snapshot().beat.Detail; detail != "" {
			v.Reason += ": " + detail
		}
	case v.SafeMode:
		v.Reason = "safe mode: only the bus, health and repair run"
	}
	s.answerVitals(w, v)
}

func (s *Server) alive() vitals {
	now := s.state.snapshot()
	v := vitals{OK: true, Profile: s.cfg.Identity.Profile, Phase: now.beat.Phase, SafeMode: isSafe(s.cfg.Generation())}
	switch age := time.Since(now.beatAt); {
	case now.beatAt.IsZero():
		v.OK, v.Reason = false, "the supervised loop has not beaten yet"
	case age > beatLate:
		v.OK, v.Reason = false, fmt.Sprintf("the supervised loop's last beat is %d ms old", age.Milliseconds())
	}
	return v
}

func (s *Server) answerVitals(w http.ResponseWriter, v vitals) {
	status := http.StatusOK
	if !v.OK {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, v)
}

func (s *Server) serveRoot(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "clawdbot gateway %s\n", s.cfg.Identity.Profile)
}

func serveNotFound(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusNotFound, map[string]string{"error": "nothing is served at " + r.Method + " " + r.URL.Path})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only when the client is gone
}
