// Package client is a small client of the gateway's WebSocket, for commands
// that ask a few questions and end.
package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"clawdbot/gateway/frame"
)

// Why there is no answer. Errors of Dial wrap one of them; a refused call is a
// *frame.Error.
var (
	ErrUnreachable  = errors.New("gateway is not reachable")
	ErrUnauthorized = errors.New("gateway refuses the credential")
	ErrOtherProfile = errors.New("another profile's gateway answered")
	ErrCertificate  = errors.New("certificate is not trusted")
)

// ErrClosed is why a call has no answer whose connection ended.
var ErrClosed = errors.New("the connection ended")

// Config says where to connect and as whom. URL is required.
type Config struct {
	URL      string // ws:// or wss://
	Token    string
	Password string
	Profile  string   // the profile that must answer; "" takes any
	ClientID string   // as frame.Client.ID; "" means cli
	Mode     string   // as frame.Client.Mode; "" means cli
	Version  string   // of the client; "" means dev
	Scopes   []string // nil means all

	// TLSFingerprint pins the certificate of a wss:// URL, as cert.ParseFingerprint
	// reads it. Then no authority need have signed it; "" trusts those of the system.
	TLSFingerprint string
}

// maxMessage bounds one answer in bytes.
const maxMessage = 16 << 20

// Client is one connection. Its methods are safe for use by many goroutines,
// whose calls run beside each other. Events are not kept.
type Client struct {
	ws    *websocket.Conn
	hello frame.HelloOK
	ended chan struct{} // read has returned

	mu      sync.Mutex
	next    int
	waiting map[string]chan<- frame.Response // by the request's id
	err     error                            // why read returned
}

// Dial connects and shakes hands, within ctx. It goes through no proxy.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	transport := &http.Transport{} // the default one asks the environment for a proxy
	if cfg.TLSFingerprint != "" {
		var err error
		if transport.TLSClientConfig, err = pinned(cfg.URL, cfg.TLSFingerprint); err != nil {
			return nil, err
		}
	}
	ws, resp, err := websocket.Dial(ctx, cfg.URL, &websocket.DialOptions{HTTPClient: &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { // the token goes where we say
			return http.ErrUseLastResponse
		},
	}})
	if err != nil {
		if resp != nil && (resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized) {
			return nil, fmt.Errorf("%w: %s answers %s", ErrUnauthorized, cfg.URL, resp.Status)
		}
		if untrusted := distrust(err); untrusted != nil {
			return nil, fmt.Errorf("%s: %w", cfg.URL, untrusted)
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, cfg.URL, root(err))
	}
	ws.SetReadLimit(maxMessage)
	c := &Client{ws: ws, ended: make(chan struct{}), waiting: map[string]chan<- frame.Response{}}
	go c.read()
	if err := c.connect(ctx, cfg); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) connect(ctx context.Context, cfg Config) error {
	err := c.Call(ctx, frame.MethodConnect, cfg.connect(), &c.hello)
	var refused *frame.Error
	switch {
	case errors.As(err, &refused) && isCredential(refused):
		return fmt.Errorf("%w at %s: %w", ErrUnauthorized, cfg.URL, err)
	case errors.As(err, &refused):
		return fmt.Errorf("connect to %s: %w", cfg.URL, err)
	case err != nil:
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, cfg.URL, root(err))
	}
	if got := c.hello.Server.Profile; cfg.Profile != "" && got != cfg.Profile {
		return fmt.Errorf("%w: %s is profile %q, not %q", ErrOtherProfile, cfg.URL, got, cfg.Profile)
	}
	return nil
}

// root is what people need to know of a chain of transport errors.
func root(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// isCredential says whether a refused connect is about who asks.
func isCredential(e *frame.Error) bool {
	return e.Code == frame.CodeNotPaired || e.RetryAfterMs > 0 || strings.HasPrefix(e.Message, "unauthorized")
}

func (cfg Config) connect() frame.Connect {
	or := func(v, fallback string) string {
		if v == "" {
			return fallback
		}
		return v
	}
	return frame.Connect{
		MinProtocol: frame.Protocol, MaxProtocol: frame.Protocol,
		Client: frame.Client{
			ID: or(cfg.ClientID, "cli"), Mode: or(cfg.Mode, "cli"), Version: or(cfg.Version, "dev"),
			Platform: runtime.GOOS, InstanceID: rand.Text(),
		},
		Role: frame.RoleOperator, Scopes: cfg.Scopes,
		Auth: frame.Auth{Token: cfg.Token, Password: cfg.Password},
	}
}

// Hello is what the gateway said at the start.
func (c *Client) Hello() frame.HelloOK { return c.hello }

// Call asks for a method and decodes the answer into out; nil params and out
// are left out. A refused call is a *frame.Error; when the connection ended the
// error is ErrClosed.
func (c *Client) Call(ctx context.Context, method string, params, out any) error {
	return c.ask(ctx, method, params, out, c.await)
}

// CallFinal is Call for a method with two answers, such as agent: when the
// first one only says that it was accepted, it waits for the other.
func (c *Client) CallFinal(ctx context.Context, method string, params, out any) error {
	return c.ask(ctx, method, params, out, c.awaitFinal)
}

func isAccepted(payload json.RawMessage) bool {
	var p struct {
		Status string `json:"status"`
	}
	return json.Unmarshal(payload, &p) == nil && p.Status == "accepted"
}

// most is how many answers a request can have.
const most = 2

// ask sends a request and decodes the answer that await brings.
func (c *Client) ask(ctx context.Context, method string, params, out any, await func(context.Context, <-chan frame.Response) (json.RawMessage, error)) error {
	req := frame.Request{Type: frame.TypeRequest, Method: method}
	if params != nil {
		body, err := json.Marshal(params)
		if err != nil {
			return fmt.Errorf("%s: params: %w", method, err)
		}
		req.Params = body
	}
	answers := make(chan frame.Response, most)
	req.ID = c.expect(answers)
	defer c.forget(req.ID)
	body, err := json.Marshal(req)
	if err == nil {
		err = c.ws.Write(ctx, websocket.MessageText, body)
	}
	var payload json.RawMessage
	if err == nil {
		payload, err = await(ctx, answers)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", method, err)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(payload, out); err != nil {
		return fmt.Errorf("%s: answer: %w", method, err)
	}
	return nil
}

func (c *Client) expect(answers chan<- frame.Response) (id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id = strconv.Itoa(c.next)
	c.waiting[id] = answers
	return id
}

func (c *Client) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *Client) await(ctx context.Context, answers <-chan frame.Response) (json.RawMessage, error) {
	select {
	case r := <-answers:
		return answer(r)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ended:
	}
	select {
	case r := <-answers: // it came before the end
		return answer(r)
	default:
		return nil, c.err
	}
}

func (c *Client) awaitFinal(ctx context.Context, answers <-chan frame.Response) (json.RawMessage, error) {
	payload, err := c.await(ctx, answers)
	if err == nil && isAccepted(payload) {
		return c.await(ctx, answers)
	}
	return payload, err
}

func answer(r frame.Response) (json.RawMessage, error) {
	switch {
	case r.OK:
		return r.Payload, nil
	case r.Error == nil:
		return nil, errors.New("a refusal without a reason")
	}
	return nil, r.Error
}

// read hands out the answers until the connection ends.
func (c *Client) read() {
	defer close(c.ended)
	for {
		_, body, err := c.ws.Read(context.Background()) // Close ends it
		if err != nil {
			c.err = fmt.Errorf("%w: %w", ErrClosed, err)
			return
		}
		var r frame.Response
		if err := json.Unmarshal(body, &r); err != nil {
			c.err = fmt.Errorf("a frame that is not JSON: %w", err)
			return
		}
		if r.Type != frame.TypeResponse {
			continue
		}
		c.mu.Lock()
		answers := c.waiting[r.ID]
		c.mu.Unlock()
		select {
		case answers <- r:
		default: // nobody waits for it
		}
	}
}

// Close ends the connection at once.
func (c *Client) Close() error {
	err := c.ws.CloseNow()
	<-c.ended
	return err
}
