package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// The error codes of the wire protocol, which travel as micro error headers.
const (
	CodeInvalidRequest = "INVALID_REQUEST"
	CodeUnavailable    = "UNAVAILABLE"
	CodeNotPaired      = "NOT_PAIRED"
	CodeNotLinked      = "NOT_LINKED"
	CodeAgentTimeout   = "AGENT_TIMEOUT"
)

// Error is a reply's error as callers see it on either side of the bus.
type Error struct {
	Code         string         `json:"code"`
	Message      string         `json:"message"`
	Details      map[string]any `json:"details,omitempty"`
	Retryable    bool           `json:"retryable,omitempty"`
	RetryAfterMs int64          `json:"retryAfterMs,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an *Error with the code and the formatted message.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Handler answers one request. The reply is encoded as JSON; an error that is
// no *Error is sent with code UNAVAILABLE. Handlers of one service run
// concurrently; ctx ends when the service stops.
type Handler func(ctx context.Context, req *Request) (any, error)

// Request is what a Handler gets.
type Request struct {
	Subject string
	Data    []byte
	Header  nats.Header
}

// Decode reads the request's JSON into v. An empty request leaves v as it is.
// What does not fit is an INVALID_REQUEST naming the place.
func (r *Request) Decode(v any) error {
	if len(r.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Data, v); err != nil {
		var typeErr *json.UnmarshalTypeError
		if errors.As(err, &typeErr) {
			return Errorf(CodeInvalidRequest, "%s: must be %s, not %s", typeErr.Field, typeErr.Type, typeErr.Value)
		}
		return Errorf(CodeInvalidRequest, "not JSON: %v", err)
	}
	return nil
}

// Endpoint is one subject that a service answers.
type Endpoint struct {
	Name    string // as shown by `nats micro info`: letters, digits, - and _
	Subject string
	Handle  Handler
}

// ServiceConfig describes a micro service. Name, Version, Conn and Endpoints
// are required.
type ServiceConfig struct {
	Name        string // the component's name
	Version     string // semantic version
	Description string
	Profile     string // bus name, shown in the metadata
	Conn        *nats.Conn
	Endpoints   []Endpoint
}

// maxInFlight bounds the requests of one service that run at once; more are
// answered UNAVAILABLE and retryable.
const maxInFlight = 256

// Service is a running micro service.
type Service struct {
	svc    micro.Service
	cancel context.CancelFunc
	slots  chan struct{}
	wg     sync.WaitGroup
	ctx    context.Context
}

// Serve adds the service to the bus and returns when its subscriptions have
// reached the server.
func Serve(cfg ServiceConfig) (*Service, error) {
	svc, err := micro.AddService(cfg.Conn, micro.Config{
		Name: cfg.Name, Version: cfg.Version, Description: cfg.Description,
		Metadata: map[string]string{"profile": cfg.Profile},
	})
	if err != nil {
		return nil, fmt.Errorf("bus service %s: %w", cfg.Name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{svc: svc, ctx: ctx, cancel: cancel, slots: make(chan struct{}, maxInFlight)}
	for _, e := range cfg.Endpoints {
		if err := svc.AddEndpoint(e.Name, micro.HandlerFunc(s.dispatch(e.Handle)), micro.WithEndpointSubject(e.Subject)); err != nil {
			return nil, errors.Join(fmt.Errorf("bus service %s: endpoint %s: %w", cfg.Name, e.Name, err), s.Stop())
		}
	}
	if err := cfg.Conn.FlushTimeout(5 * time.Second); err != nil {
		return nil, errors.Join(fmt.Errorf("bus service %s: %w", cfg.Name, err), s.Stop())
	}
	return s, nil
}

// Stop takes the service off the bus, cancels the handlers' context and waits
// for them.
func (s *Service) Stop() error {
	err := s.svc.Stop()
	s.cancel()
	s.wg.Wait()
	return err
}

// dispatch runs each request on its own goroutine: a subscription delivers one
// message at a time, and a slow request must not hold up a quick one.
func (s *Service) dispatch(h Handler) func(micro.Request) {
	return func(r micro.Request) {
		select {
		case s.slots <- struct{}{}:
		default:
			respondError(r, &Error{Code: CodeUnavailable, Message: "too many requests in flight", Retryable: true, RetryAfterMs: 100})
			return
		}
		s.wg.Go(func() {
			defer func() { <-s.slots }()
			out, err := h(s.ctx, &Request{Subject: r.Subject(), Data: r.Data(), Header: nats.Header(r.Headers())})
			if err != nil {
				respondError(r, asError(err))
				return
			}
			_ = r.RespondJSON(out) // fails only when the caller or the bus is gone
		})
	}
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeUnavailable, Message: err.Error()}
}

func respondError(r micro.Request, e *Error) {
	body, err := json.Marshal(e)
	if err != nil { // details that JSON cannot hold
		body = nil
	}
	_ = r.Error(e.Code, e.Message, body)
}

// Call requests subject with in as JSON (nil sends nothing) and decodes the
// reply into out (nil drops it). The callee's error comes back as *Error; a
// subject that nobody serves is an *Error with code UNAVAILABLE that wraps
// nats.ErrNoResponders in its text.
func Call(ctx context.Context, nc *nats.Conn, subject string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("request %s: %w", subject, err)
		}
	}
	reply, err := CallRaw(ctx, nc, subject, body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(reply, out); err != nil {
		return fmt.Errorf("reply of %s: %w", subject, err)
	}
	return nil
}

// CallRaw is Call with JSON bytes on both sides.
func CallRaw(ctx context.Context, nc *nats.Conn, subject string, body []byte) ([]byte, error) {
	m, err := nc.RequestWithContext(ctx, subject, body)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, &Error{Code: CodeUnavailable, Message: "nobody serves " + subject, Retryable: true}
	}
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", subject, err)
	}
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
		e := &Error{Code: code, Message: m.Header.Get(micro.ErrorHeader)}
		_ = json.Unmarshal(m.Data, e) // details, when there are any
		return nil, e
	}
	return m.Data, nil
}
