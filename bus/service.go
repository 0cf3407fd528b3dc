package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus/subject"
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

// Raw is a Handler's answer that is JSON already; it is sent as it is.
type Raw []byte

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
	err := json.Unmarshal(r.Data, v)
	if err == nil {
		return nil
	}
	var typeErr *json.UnmarshalTypeError
	if !errors.As(err, &typeErr) {
		return Errorf(CodeInvalidRequest, "not JSON: %v", err)
	}
	place := typeErr.Field
	if place == "" {
		place = "the request"
	}
	return Errorf(CodeInvalidRequest, "%s: must be %s, not %s", place, jsonType(typeErr.Type), typeErr.Value)
}

// jsonType is what people call the JSON that a Go type is read from.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// Endpoint is one subject that a service answers.
type Endpoint struct {
	Name    string // as shown by `nats micro info`: letters, digits, - and _
	Subject string
	Handle  Handler

	// Inline is for a Handle that answers from memory: it runs where the message
	// arrived, one at a time, which costs less than a goroutine.
	Inline bool
}

// ServiceConfig describes a micro service. Name, Version, Conn and Endpoints
// are required.
type ServiceConfig struct {
	Name        string // the component's name
	Version     string // semantic version
	Description string
	Profile     string // bus name, shown in the metadata; required with a Probe
	Conn        *nats.Conn
	Endpoints   []Endpoint

	// Probe does a small piece of the component's real work and says what it did;
	// it answers subject.Space.Probe(Name), one request at a time, and has
	// ProbeTime. nil means that nobody can ask.
	Probe func(ctx context.Context) (did string, err error)
}

// endpoints are those of the service and the one of its probe.
func (c ServiceConfig) endpoints() ([]Endpoint, error) {
	if c.Probe == nil {
		return c.Endpoints, nil
	}
	sp, err := subject.New(c.Profile)
	if err != nil {
		return nil, err
	}
	subj, err := sp.Probe(c.Name)
	if err != nil {
		return nil, err
	}
	p := &prober{probe: c.Probe}
	return append(slices.Clip(c.Endpoints), Endpoint{Name: "probe", Subject: subj, Handle: p.handle}), nil
}

// maxInFlight bounds the requests of one service that run at once; more are
// answered UNAVAILABLE and retryable.
const maxInFlight = 256

// Service is a running micro service.
type Service struct {
	svc    micro.Service
	conn   *nats.Conn
	ctx    context.Context // of the handlers
	cancel context.CancelFunc
	slots  chan struct{}

	mu      sync.Mutex // guards stopped, and wg against a request that comes while Stop waits
	stopped bool
	wg      sync.WaitGroup
}

// Serve adds the service to the bus and returns when its subscriptions have
// reached the server. The caller stops it before it closes the connection.
func Serve(cfg ServiceConfig) (*Service, error) {
	endpoints, err := cfg.endpoints()
	if err != nil {
		return nil, fmt.Errorf("bus service %s: %w", cfg.Name, err)
	}
	svc, err := micro.AddService(cfg.Conn, micro.Config{
		Name: cfg.Name, Version: cfg.Version, Description: cfg.Description,
		Metadata: map[string]string{"profile": cfg.Profile},
	})
	if err != nil {
		return nil, fmt.Errorf("bus service %s: %w", cfg.Name, err)
	}
	s := &Service{svc: svc, conn: cfg.Conn, slots: make(chan struct{}, maxInFlight)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, e := range endpoints {
		if err := svc.AddEndpoint(e.Name, micro.HandlerFunc(s.dispatch(e)), micro.WithEndpointSubject(e.Subject)); err != nil {
			return nil, errors.Join(fmt.Errorf("bus service %s: endpoint %s: %w", cfg.Name, e.Name, err), s.Stop())
		}
	}
	if err := cfg.Conn.FlushTimeout(5 * time.Second); err != nil {
		return nil, errors.Join(fmt.Errorf("bus service %s: %w", cfg.Name, err), s.Stop())
	}
	return s, nil
}

// Stop takes the service off the bus, cancels the handlers' context and waits
// for them. A request that arrives meanwhile is answered UNAVAILABLE and
// retryable. A second Stop does nothing.
func (s *Service) Stop() error {
	err := s.svc.Stop()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return err
}

// dispatch runs each request on its own goroutine: a subscription delivers one
// message at a time, and a slow request must not hold up a quick one.
func (s *Service) dispatch(e Endpoint) func(micro.Request) {
	return func(r micro.Request) {
		run := func() {
			out, err := e.Handle(s.ctx, &Request{Subject: r.Subject(), Data: r.Data(), Header: nats.Header(r.Headers())})
			s.reply(r, out, err)
		}
		if e.Inline {
			run()
			return
		}
		if err := s.admit(run); err != nil {
			s.reply(r, nil, err)
		}
	}
}

// admit starts run when the service may take one more request.
func (s *Service) admit(run func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return &Error{Code: CodeUnavailable, Message: "the service is stopping", Retryable: true, RetryAfterMs: 100}
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return &Error{Code: CodeUnavailable, Message: "too many requests in flight", Retryable: true, RetryAfterMs: 100}
	}
	s.wg.Go(func() {
		defer func() { <-s.slots }()
		run()
	})
	return nil
}

// reply answers a request. It does not use the request's own Respond and Error:
// those write what micro reads, unlocked, as soon as dispatch has returned.
func (s *Service) reply(r micro.Request, out any, err error) {
	Reply(s.conn, &nats.Msg{Subject: r.Subject(), Reply: r.Reply()}, out, err)
}

// Reply answers a request that came to a subscription, as services answer theirs:
// with out as JSON, or with err in the micro error headers. It needs only the
// request's Subject and Reply, and does nothing for one that wants no answer.
func Reply(nc *nats.Conn, request *nats.Msg, out any, err error) {
	m := nats.NewMsg(request.Reply)
	if err == nil {
		if m.Data, err = encode(out); err != nil {
			err = fmt.Errorf("reply of %s: %w", request.Subject, err)
		}
	}
	if err == nil && int64(len(m.Data)) > nc.MaxPayload() {
		err = Errorf(CodeUnavailable, "the reply of %s has %d bytes, more than the %d that the bus takes", request.Subject, len(m.Data), nc.MaxPayload())
	}
	if err != nil {
		e := asError(err)
		m.Header.Set(micro.ErrorHeader, e.Message)
		m.Header.Set(micro.ErrorCodeHeader, e.Code)
		m.Data, _ = json.Marshal(e) // details that JSON cannot hold are left out
	}
	_ = nc.PublishMsg(m) // fails only when the bus is gone or nobody asked for a reply
}

func encode(out any) ([]byte, error) {
	if raw, ok := out.(Raw); ok {
		return raw, nil
	}
	return json.Marshal(out)
}

// asError makes an error presentable: an *Error stays, with a code and a
// message in any case, for without them the caller would see a success.
func asError(err error) *Error {
	e := &Error{Code: CodeUnavailable, Message: err.Error()}
	var own *Error
	if errors.As(err, &own) {
		*e = *own
	}
	if e.Code == "" {
		e.Code = CodeUnavailable
	}
	if e.Message == "" {
		e.Message = e.Code
	}
	return e
}

// Call requests subject with in as JSON (nil sends nothing) and decodes the
// reply into out (nil drops it). It blocks until the reply or the end of ctx,
// which must have one. The callee's error comes back as *Error, and so does a
// subject that nobody serves: UNAVAILABLE and retryable.
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
		e := &Error{}
		if json.Unmarshal(m.Data, e) != nil || e.Code != code { // of a service that is not written with this package
			e = &Error{Code: code, Message: m.Header.Get(micro.ErrorHeader)}
		}
		return nil, e
	}
	return m.Data, nil
}
