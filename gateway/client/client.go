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
)

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
}

// maxMessage bounds one answer in bytes.
const maxMessage = 16 << 20

// Client is one connection. Its methods are safe for use by many goroutines;
// calls run one after another. Events are not kept.
type Client struct {
	mu    sync.Mutex
	ws    *websocket.Conn
	next  int
	hello frame.HelloOK
}

// Dial connects and shakes hands, within ctx. It goes through no proxy.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	direct := &http.Client{Transport: &http.Transport{}} // the default one asks the environment
	ws, resp, err := websocket.Dial(ctx, cfg.URL, &websocket.DialOptions{HTTPClient: direct})
	if err != nil {
		if resp != nil && (resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized) {
			return nil, fmt.Errorf("%w: %s answers %s", ErrUnauthorized, cfg.URL, resp.Status)
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, cfg.URL, root(err))
	}
	ws.SetReadLimit(maxMessage)
	c := &Client{ws: ws}
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
// are left out. A refused call is a *frame.Error. After any other error,
// the end of ctx included, the connection is of no more use.
func (c *Client) Call(ctx context.Context, method string, params, out any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	req := frame.Request{Type: frame.TypeRequest, ID: strconv.Itoa(c.next), Method: method}
	if params != nil {
		body, err := json.Marshal(params)
		if err != nil {
			return fmt.Errorf("%s: params: %w", method, err)
		}
		req.Params = body
	}
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if err := c.ws.Write(ctx, websocket.MessageText, body); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	payload, err := c.await(ctx, req.ID)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(payload, out); err != nil {
		return fmt.Errorf("%s: answer: %w", method, err)
	}
	return nil
}

// await reads until the response with the id.
func (c *Client) await(ctx context.Context, id string) (json.RawMessage, error) {
	for {
		_, body, err := c.ws.Read(ctx)
		if err != nil {
			return nil, err
		}
		var r frame.Response
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, fmt.Errorf("a frame that is not JSON: %w", err)
		}
		switch {
		case r.Type != frame.TypeResponse || r.ID != id:
		case r.OK:
			return r.Payload, nil
		case r.Error == nil:
			return nil, errors.New("a refusal without a reason")
		default:
			return nil, r.Error
		}
	}
}

// Close ends the connection at once.
func (c *Client) Close() error { return c.ws.CloseNow() }
