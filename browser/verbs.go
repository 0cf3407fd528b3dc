package browser

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"clawdbot/browser/api"
	"clawdbot/bus"
)

// maxBody is the longest request body in bytes.
const maxBody = 1 << 20

// answer is what a call answers with.
type answer = api.Answer

// verb is one call: its name on the bus, its route over HTTP, its function.
type verb struct {
	name  string
	route string // pattern of http.ServeMux
	run   func(ctx context.Context, b *browser, a args) (answer, error)
}

// verbs is every call there is.
func (s *Server) verbs() []verb {
	return slices.Concat([]verb{
		{"status", "GET /{$}", s.status},
		{"start", "POST /start", s.start},
		{"stop", "POST /stop", s.stop},
		{"profiles", "GET /profiles", s.profiles},
		{"tabs", "GET /tabs", s.tabs},
		{"open", "POST /tabs/open", with(s.open)},
		{"focus", "POST /tabs/focus", with(s.focus)},
		{"close", "DELETE /tabs/{targetId}", with(s.close)},
		{"navigate", "POST /navigate", s.navigating()},
	}, s.manageVerbs(), s.ownerVerbs(), s.actVerbs(), s.snapshotVerbs(), s.captureVerbs(), s.observeVerbs())
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
		return nil, api.Errorf(http.StatusServiceUnavailable, "browser control is off: set browser.enabled to true")
	}
	if s.cfg.Remote != nil {
		out, err := s.cfg.Remote.call(ctx, v, a)
		if err == nil {
			out.AnsweredBy(s.cfg.Subjects.Profile())
		}
		return out, err
	}
	var which api.ProfileRequest
	if err := a.bind(&which); err != nil {
		return nil, err
	}
	b, err := s.browsers.named(which.Profile)
	if err != nil {
		return nil, err
	}
	if !v.looks() {
		defer b.using.begin()()
	}
	out, err := v.run(ctx, b, a)
	if err != nil {
		return nil, err
	}
	out.AnsweredBy(s.cfg.Subjects.Profile())
	return out, nil
}

// routes are all of HTTP, behind the gate.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, v := range s.verbs() {
		mux.HandleFunc(v.route, s.overHTTP(v))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.respondError(w, api.Errorf(http.StatusNotFound, "no such route: %s %s", r.Method, r.URL.Path))
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
		return nil, api.Errorf(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", maxBody)
	}
	if err != nil {
		return nil, api.Errorf(http.StatusBadRequest, "read the body: %w", err)
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
	failure := &api.Failure{Error: err.Error()}
	failure.AnsweredBy(s.cfg.Subjects.Profile())
	respond(w, api.StatusOf(err), failure)
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
	status, code := api.StatusOf(err), bus.CodeUnavailable
	if status < http.StatusInternalServerError {
		code = bus.CodeInvalidRequest
	}
	e := bus.Errorf(code, "%s", err)
	e.Details = map[string]any{"status": status}
	return e
}
