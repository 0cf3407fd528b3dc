package devtools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp/remote"
)

// Why a call got no answer.
var (
	ErrLost     = errors.New("the connection to the browser is lost")
	ErrDetached = errors.New("the page was closed")
	ErrCrashed  = errors.New("the page crashed: navigate it again")
)

// Conn is an open connection to a browser. Its methods are safe for use by many
// goroutines.
type Conn struct {
	ws   *remote.Conn
	log  *slog.Logger
	next atomic.Int64
	lost chan struct{}
	root *Session

	mu       sync.Mutex
	sessions map[target.SessionID]*Session
}

// Dial connects to the WebSocket of a browser. A user and password in the
// address become a header; no error repeats the address.
func Dial(ctx context.Context, ws *url.URL, log *slog.Logger) (*Conn, error) {
	header := http.Header{}
	Authorize(header, ws)
	bare := *ws
	bare.User = nil
	conn, err := remote.DialContext(ctx, bare.String(), remote.WithConnHTTPHeader(header))
	if err != nil {
		return nil, fmt.Errorf("CDP at %s: %w", ws.Host, WithoutURL(err))
	}
	c := &Conn{ws: conn, log: log, lost: make(chan struct{}), sessions: map[target.SessionID]*Session{}}
	c.root = c.session(nil, &target.Info{}, "")
	go c.read()
	return c, nil
}

// Authorize carries the address's user and password in the header. A user
// without a password is a bearer token.
func Authorize(h http.Header, u *url.URL) {
	if u.User == nil {
		return
	}
	password, ok := u.User.Password()
	if !ok {
		h.Set("Authorization", "Bearer "+u.User.Username())
		return
	}
	r := http.Request{Header: h}
	r.SetBasicAuth(u.User.Username(), password)
}

// WithoutURL drops the address that net/http puts into its errors: it may hold
// a token.
func WithoutURL(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	return err
}

// Root is the session of the browser itself.
func (c *Conn) Root() *Session { return c.root }

// Lost is closed when the connection has ended.
func (c *Conn) Lost() <-chan struct{} { return c.lost }

// Close ends the connection and waits until nothing of it runs.
func (c *Conn) Close() {
	_ = c.ws.Close() // ends the reading; the browser may have closed first
	<-c.lost
}

// session adds the session of a target; parent is where it was announced.
func (c *Conn) session(parent *Session, info *target.Info, id target.SessionID) *Session {
	s := &Session{conn: c, parent: parent, id: id, info: info, calls: map[int64]chan<- answer{}, gone: make(chan struct{})}
	c.mu.Lock()
	c.sessions[id] = s
	c.mu.Unlock()
	return s
}

func (c *Conn) find(id target.SessionID) *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[id]
}

// read hands every message to its session until the connection ends.
func (c *Conn) read() {
	defer close(c.lost)
	for {
		var m cdproto.Message
		if err := c.ws.Read(context.Background(), &m); err != nil {
			c.log.Debug("CDP connection ended", "err", err)
			c.loseAll()
			return
		}
		s := c.find(m.SessionID)
		switch {
		case s == nil: // detached from meanwhile
		case m.ID != 0:
			s.reply(&m)
		default:
			c.event(s, &m)
		}
	}
}

// event keeps the list of sessions true, then tells the listeners. A session
// is known before its first event, and its end comes after its last.
func (c *Conn) event(s *Session, m *cdproto.Message) {
	switch string(m.Method) {
	case target.AttachedToTarget.Method:
		var e target.EventAttachedToTarget
		if Decode(m.Params, &e) == nil && c.find(e.SessionID) == nil {
			c.session(s, e.TargetInfo, e.SessionID)
		}
	case inspector.TargetCrashed.Method:
		s.fail(ErrCrashed, false)
	case inspector.TargetReloadedAfterCrash.Method:
		s.recover()
	}
	s.tell(string(m.Method), m.Params)
	if string(m.Method) != target.DetachedFromTarget.Method {
		return
	}
	var e target.EventDetachedFromTarget
	if Decode(m.Params, &e) != nil {
		return
	}
	if child := c.find(e.SessionID); child != nil {
		c.drop(child, ErrDetached)
	}
}

// drop ends a session and those that were announced in it.
func (c *Conn) drop(s *Session, why error) {
	c.mu.Lock()
	delete(c.sessions, s.id)
	var children []*Session
	for _, other := range c.sessions {
		if other.parent == s {
			children = append(children, other)
		}
	}
	c.mu.Unlock()
	for _, child := range children {
		c.drop(child, why)
	}
	s.fail(why, true)
}

func (c *Conn) loseAll() {
	c.mu.Lock()
	all := c.sessions
	c.sessions = map[target.SessionID]*Session{}
	c.mu.Unlock()
	for _, s := range all {
		s.fail(ErrLost, true)
	}
}

// Attach opens a session of a target.
func (c *Conn) Attach(ctx context.Context, id target.ID) (*Session, error) {
	flat := true
	got, err := Call(ctx, c.root, target.AttachToTarget, target.AttachToTargetParams{TargetID: id, Flatten: &flat})
	var refused *cdproto.Error
	if errors.As(err, &refused) && strings.HasPrefix(refused.Message, "No target with given id") {
		return nil, ErrDetached
	}
	if err != nil {
		return nil, err
	}
	if s := c.find(got.SessionID); s != nil {
		return s, nil
	}
	return nil, ErrDetached // closed before the answer was read
}

// Child returns the session that a Target.attachedToTarget event announced.
func (c *Conn) Child(id target.SessionID) (*Session, bool) {
	s := c.find(id)
	return s, s != nil
}
