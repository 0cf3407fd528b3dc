package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"clawdbot/gateway/hooks"
	"clawdbot/gateway/jsonhttp"
	"clawdbot/gateway/openai"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
)

// HTTP says what the base port serves beside WebSocket. The zero value serves
// /healthz, /readyz, /metrics and /tools/invoke.
type HTTP struct {
	UI        http.Handler         // the dashboard; nil means none
	BasePath  string               // where it is, passed to it as it comes; "" means /
	Hooks     config.Hooks         // served when enabled
	Endpoints config.HTTPEndpoints // served when enabled
	DenyTools []string             // patterns of tools that are not invoked
}

// newHTTP fails with webhooks that cannot be served safely. The contexts of its
// requests end when it is shut down.
func (s *Server) newHTTP() (*http.Server, error) {
	handler, err := s.handler()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // of a body; an upgrade to WebSocket lifts it
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		ConnState:         s.door.state,
		ConnContext:       s.door.context,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	srv.RegisterOnShutdown(cancel)
	return srv, nil
}

// handler upgrades WebSocket requests on any path, as clients of the original
// expect, and serves the others by path.
func (s *Server) handler() (http.Handler, error) {
	others, err := s.others()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, r := range s.httpRoutes() {
		mux.Handle(r.method+" "+r.path, r.handler)
		mux.Handle(r.path, notAllowed(r.method))
	}
	mux.Handle("/", others)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.cfg.Gate.CheckRequest(r); err != nil {
			s.quiet.say(slog.LevelInfo, "refused a request", err.Error(), "client", r.RemoteAddr, "reason", err)
			gate.Deny(w, err)
			return
		}
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			s.serveWebSocket(w, r)
			return
		}
		guard(w.Header())
		mux.ServeHTTP(w, r)
	}), nil
}

// httpRoute is one path with its only method.
type httpRoute struct {
	method, path string
	handler      http.Handler
}

func (s *Server) httpRoutes() []httpRoute {
	ai := openai.New(openai.Config{Endpoints: s.cfg.HTTP.Endpoints, Subjects: s.cfg.Subjects, Conn: s.nc, Log: s.cfg.Log})
	behind := func(next http.Handler, failure func(int, string) any) http.Handler {
		return s.cfg.Gate.WrapAs(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.door.known(r)
			next.ServeHTTP(w, r)
		}), shaped(failure))
	}
	known := func(f http.HandlerFunc) http.Handler { return behind(f, openai.Failure) }
	return []httpRoute{
		{http.MethodGet, "/healthz", http.HandlerFunc(s.serveHealthz)},
		{http.MethodGet, "/readyz", http.HandlerFunc(s.serveReadyz)},
		{http.MethodGet, "/metrics", s.cfg.Gate.Wrap(promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))},
		{http.MethodPost, "/v1/chat/completions", known(ai.Chat)},
		{http.MethodPost, "/v1/responses", known(ai.Responses)},
		{http.MethodGet, "/v1/models", known(ai.Models)},
		{http.MethodGet, "/v1/models/{id}", known(ai.Model)},
		{http.MethodPost, "/tools/invoke", behind(http.HandlerFunc(s.serveTool), toolFailure)},
	}
}

// shaped makes an endpoint's own shape of what the gate refuses.
func shaped(failure func(status int, message string) any) func(error) any {
	return func(err error) any { return failure(gate.Status(err), err.Error()) }
}

// others serves the paths that the config chooses, which no fixed one gives way
// to: the webhooks, then the dashboard.
func (s *Server) others() (http.Handler, error) {
	var webhooks *hooks.Handler
	if cfg := s.cfg.HTTP.Hooks; cfg.Enabled {
		var err error
		webhooks, err = hooks.New(hooks.Config{
			Settings: cfg, Gateway: s.cfg.Gate, Known: s.door.known, Subjects: s.cfg.Subjects, Conn: s.nc, Log: s.cfg.Log,
		})
		if err != nil {
			return nil, err
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if webhooks != nil && webhooks.Serves(r.URL.Path) {
			webhooks.ServeHTTP(w, r)
			return
		}
		s.serveUI(w, r)
	}), nil
}

// serveUI serves what is below the dashboard's path. What is not read there, or
// lies elsewhere, is nothing.
func (s *Server) serveUI(w http.ResponseWriter, r *http.Request) {
	base := "/" + strings.Trim(s.cfg.HTTP.BasePath, "/")
	inside := base == "/" || strings.HasPrefix(r.URL.Path, base+"/")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case s.cfg.HTTP.UI != nil && reads && inside:
		s.cfg.HTTP.UI.ServeHTTP(w, r)
	case s.cfg.HTTP.UI != nil && reads && r.URL.Path == base:
		http.Redirect(w, r, base+"/", http.StatusMovedPermanently)
	case reads && r.URL.Path == "/":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "clawdbot gateway %s\n", s.cfg.Identity.Profile)
	default:
		writeError(w, http.StatusNotFound, "nothing is served at "+r.Method+" "+r.URL.Path)
	}
}

// notAllowed answers another method than the one.
func notAllowed(method string) http.Handler {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		writeError(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+allow+" only")
	})
}

// guard keeps what is served from being framed, sniffed or run as a page. The
// dashboard sets a policy of its own.
func guard(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

func writeError(w http.ResponseWriter, status int, message string) {
	jsonhttp.Write(w, status, map[string]string{"error": message})
}
