package browser

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"clawdbot/bus"
)

// maxBody is the longest request body in bytes.
const maxBody = 1 << 20

// verb is one call: its name on the bus, its route over HTTP, its function.
type verb struct {
	name  string
	route string // pattern of http.ServeMux
	run   func(ctx context.Context, b *browser, a args) (answer, error)
}

// verbs is every call there is.
func (s *Server) verbs() []verb {
	return []verb{
		{"status", "GET /{$}", s.status},
		{"start", "POST /start", s.start},
		{"stop", "POST /stop", s.stop},
		{"profiles", "GET /profiles", s.profiles},
		{"tabs", "GET /tabs", s.tabs},
		{"open", "POST /tabs/open", with(s.open)},
		{"focus", "POST /tabs/focus", with(s.focus)},
		{"close", "DELETE /tabs/{targetId}", with(s.close)},
		{"screenshot", "POST /screenshot", with(s.screenshot)},
		{"snapshot", "GET /snapshot", with(s.snapshot)},
	}
}

// with gives f its arguments as a struct.
func with[In any](f func(context.Context, *browser, In) (answer, error)) func(context.Context, *browser, args) (answer, error) {
	return func(ctx context.Context, b *browser, a args) (answer, error) {
		var in In
		if err := a.bind(&in); err != nil {
			return nil, err
		}
		return f(ctx, b, in)
	}
}

// call runs a verb on the browser profile that the arguments choose.
func (s *Server) call(ctx context.Context, v verb, a args) (answer, error) {
	if !s.cfg.Settings.Enabled {
		return nil, failf(http.StatusServiceUnavailable, "browser control is off: set browser.enabled to true")
	}
	var which ProfileRequest
	if err := a.bind(&which); err != nil {
		return nil, err
	}
	b, err := s.browser(which.Profile)
	if err != nil {
		return nil, err
	}
	out, err := v.run(ctx, b, a)
	if err != nil {
		return nil, err
	}
	out.answeredBy(s.cfg.Subjects.Profile())
	return out, nil
}

// routes are all of HTTP, behind the gate.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, v := range s.verbs() {
		mux.HandleFunc(v.route, s.overHTTP(v))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.respondError(w, failf(http.StatusNotFound, "no such route: %s %s", r.Method, r.URL.Path))
	})
	return mux
}

func (s *Server) overHTTP(v verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := requestArgs(w, r, v.route)
		if err != nil {
			s.respondError(w, err)
			return
		}
		out, err := s.call(r.Context(), v, a)
		if err != nil {
			s.respondError(w, err)
			return
		}
		respond(w, http.StatusOK, out)
	}
}

// requestArgs collects the body's, the query's and the path's arguments.
func requestArgs(w http.ResponseWriter, r *http.Request, route string) (args, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, failf(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", maxBody)
	}
	if err != nil {
		return nil, failf(http.StatusBadRequest, "read the body: %w", err)
	}
	a, err := readArgs(body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.URL.Query() {
		a.set(name, values[0])
	}
	for part := range strings.SplitSeq(route, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok && name != "$}" {
			name = strings.TrimSuffix(name, "}")
			a.set(name, r.PathValue(name))
		}
	}
	return a, nil
}

func (s *Server) respondError(w http.ResponseWriter, err error) {
	failure := &Failure{Error: err.Error()}
	failure.answeredBy(s.cfg.Subjects.Profile())
	respond(w, statusOf(err), failure)
}

func respond(w http.ResponseWriter, status int, out answer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // fails only when the client is gone
}

// overBus answers a verb on the bus.
func (s *Server) overBus(v verb) bus.Handler {
	return func(ctx context.Context, r *bus.Request) (any, error) {
		a, err := readArgs(r.Data)
		if err != nil {
			return nil, busError(err)
		}
		out, err := s.call(ctx, v, a)
		if err != nil {
			return nil, busError(err)
		}
		return out, nil
	}
}

func busError(err error) error {
	status, code := statusOf(err), bus.CodeUnavailable
	if status < http.StatusInternalServerError {
		code = bus.CodeInvalidRequest
	}
	e := bus.Errorf(code, "%s", err)
	e.Details = map[string]any{"status": status}
	return e
}
