package openai

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/subject"
	"clawdbot/gateway/jsonhttp"
	"clawdbot/profile/config"
)

// Config configures a Server. All of it is required.
type Config struct {
	Endpoints config.HTTPEndpoints
	Subjects  subject.Space
	Conn      *nats.Conn // stays the caller's
	Log       *slog.Logger
}

// Server serves the endpoints. It is safe for use by many goroutines.
type Server struct {
	cfg     Config
	methods jsonhttp.Methods
}

// New returns the server of what is enabled. Credentials are the caller's to
// check, before any of its handlers.
func New(cfg Config) *Server {
	return &Server{cfg, jsonhttp.Methods{Conn: cfg.Conn, Subjects: cfg.Subjects}}
}

// maxBody is the longest body of a request in bytes.
const maxBody = 1 << 20

// Chat is POST /v1/chat/completions.
func (s *Server) Chat(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, s.cfg.Endpoints.ChatCompletions.Enabled, "chatCompletions", readChat)
}

// Responses is POST /v1/responses.
func (s *Server) Responses(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, s.cfg.Endpoints.Responses.Enabled, "responses", readResponse)
}

// prompt is what a body asks for, and how it wants to be answered.
type prompt struct {
	model        string
	user         string
	session      string // of the request that this one goes on with
	instructions string
	turns        []turn
	stream       bool
	answer       answerer
}

// answerer writes one protocol's answers.
type answerer interface {
	begin(run) // told once, first
	whole(text string) any
	// The parts of a stream, each a list of events.
	opening() []event
	piece(text string) []event
	closing(text string) []event
	failing(e *jsonhttp.Error) []event
}

// event is one server-sent event; name may be empty.
type event struct {
	name string
	data any
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, on bool, key string, read func([]byte) (*prompt, error)) {
	if !on {
		s.refuse(w, r, jsonhttp.Errorf(http.StatusNotFound, "%s is off: set gateway.http.endpoints.%s.enabled to true", r.URL.Path, key))
		return
	}
	body, err := jsonhttp.Body(w, r, maxBody)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	p, err := read(body)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	ask, err := newRun(r.Header, p)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	p.answer.begin(ask)
	if p.stream {
		err = s.stream(w, r, ask, p.answer)
	} else {
		err = s.reply(w, r, ask, p.answer)
	}
	if errors.Is(err, errGone) || errors.Is(err, context.Canceled) {
		s.cfg.Log.Info("ended the run of a client that hung up", "client", r.RemoteAddr, "run", ask.IdempotencyKey, "err", s.abort(r.Context(), ask))
		return
	}
	if err != nil {
		s.refuse(w, r, err)
	}
}

// reply answers when the run has ended.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, ask run, a answerer) error {
	if err := s.start(r.Context(), ask); err != nil {
		return err
	}
	text, err := s.wait(r.Context(), ask)
	if err != nil {
		return err
	}
	jsonhttp.Write(w, http.StatusOK, a.whole(text))
	return nil
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := jsonhttp.Of(err)
	s.cfg.Log.Info("refused a request", "path", r.URL.Path, "client", r.RemoteAddr, "status", e.Status, "err", e)
	jsonhttp.Refuse(w, e, Failure(e.Status, e.Message))
}

// Failure is the shape of an error.
func Failure(status int, message string) any {
	kind := "api_error"
	switch {
	case status == http.StatusUnauthorized:
		kind = "authentication_error"
	case status == http.StatusForbidden:
		kind = "permission_error"
	case status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case status < http.StatusInternalServerError:
		kind = "invalid_request_error"
	}
	type detail struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return map[string]any{"error": detail{Message: message, Type: kind}}
}
