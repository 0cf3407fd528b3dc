package devtools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Session is a line to one target: the browser, a page, or a frame with a
// process of its own. Its methods are safe for use by many goroutines.
type Session struct {
	conn   *Conn
	parent *Session // nil for the browser's own
	id     target.SessionID
	info   *target.Info
	gone   chan struct{} // closed at the end

	mu        sync.Mutex
	calls     map[int64]chan<- answer
	listeners []*listener
	why       error // the session ended, or its renderer crashed
	ended     bool
}

type answer struct {
	result jsonv2.Value
	err    error
}

// listener is one of On; method "" is every method.
type listener struct {
	method string
	tell   func(method string, params jsonv2.Value)
}

// ID is "" for the browser's own session.
func (s *Session) ID() target.SessionID { return s.id }

// Target is what the browser said of the target when it was attached to.
func (s *Session) Target() *target.Info { return s.info }

// Conn is the connection that the session is part of.
func (s *Session) Conn() *Conn { return s.conn }

// Gone is closed when the session has ended.
func (s *Session) Gone() <-chan struct{} { return s.gone }

// Crashed says whether the target's renderer crashed and was not reloaded yet.
func (s *Session) Crashed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Is(s.why, ErrCrashed)
}

// Call runs a command on a session and returns its result.
func Call[P, R any](ctx context.Context, s *Session, command cdp.Command[P, R], params P) (result R, err error) {
	err = s.call(ctx, command.Method, params, &result)
	return result, err
}

// Do runs a command whose result does not matter.
func Do[P, R any](ctx context.Context, s *Session, command cdp.Command[P, R], params P) error {
	return s.call(ctx, command.Method, params, nil)
}

// Post sends a command without waiting for its answer: commands and their
// effects keep the order in which they were sent. done returns the answer's
// error, for which nobody has to wait.
func Post[P, R any](ctx context.Context, s *Session, command cdp.Command[P, R], params P) (done func() error) {
	id, reply, err := s.send(command.Method, params)
	if err != nil {
		return func() error { return err }
	}
	return func() error { return s.wait(ctx, id, command.Method, reply, nil) }
}

func (s *Session) call(ctx context.Context, method string, params, result any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	id, reply, err := s.send(method, params)
	if err != nil {
		return err
	}
	return s.wait(ctx, id, method, reply, result)
}

func (s *Session) send(method string, params any) (id int64, reply <-chan answer, err error) {
	body, err := jsonv2.Marshal(params, chromedp.DefaultMarshalOptions)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", method, err)
	}
	id = s.conn.next.Add(1)
	got := make(chan answer, 1)
	s.mu.Lock()
	if s.why != nil && (s.ended || !revives(method)) {
		defer s.mu.Unlock()
		return 0, nil, s.why
	}
	s.calls[id] = got
	s.mu.Unlock()
	m := cdproto.Message{ID: id, SessionID: s.id, Method: cdproto.MethodType(method), Params: body}
	if err := s.conn.ws.Write(context.Background(), &m); err != nil {
		s.forget(id)
		return 0, nil, fmt.Errorf("%w: %s", ErrLost, method)
	}
	return id, got, nil
}

// revives says whether the command is answered although the renderer crashed:
// by the browser.
func revives(method string) bool {
	return method == page.Navigate.Method || method == page.Reload.Method || method == page.Close.Method || strings.HasPrefix(method, "Target.")
}

func (s *Session) wait(ctx context.Context, id int64, method string, reply <-chan answer, result any) error {
	select {
	case a := <-reply:
		if a.err != nil || result == nil {
			return a.err
		}
		if err := Decode(a.result, result); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		return nil
	case <-ctx.Done():
		s.forget(id)
		return ctx.Err()
	}
}

// Decode reads the JSON of an event or a result.
func Decode(data jsonv2.Value, into any) error {
	return jsonv2.Unmarshal(data, into, chromedp.DefaultUnmarshalOptions)
}

func (s *Session) forget(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, id)
}

func (s *Session) reply(m *cdproto.Message) {
	s.mu.Lock()
	got := s.calls[m.ID]
	delete(s.calls, m.ID)
	s.mu.Unlock()
	if got == nil { // nobody waits any longer
		return
	}
	a := answer{result: m.Result}
	if m.Error != nil {
		a.err = m.Error
	}
	got <- a
}

// On has f called for each event of the kind until off is called. f runs on the
// goroutine that reads the connection, in the order of the events: it must
// return soon and must not call the browser.
func On[E any](s *Session, kind cdp.Event[E], f func(E)) (off func()) {
	return s.Listen(kind.Method, func(_ string, params jsonv2.Value) {
		var e E
		if err := Decode(params, &e); err != nil {
			s.conn.log.Debug("CDP event", "method", kind.Method, "err", err)
			return
		}
		f(e)
	})
}

// Listen is On for a method by its name, or for every method when that is "".
func (s *Session) Listen(method string, f func(method string, params jsonv2.Value)) (off func()) {
	l := &listener{method, f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(slices.Clip(s.listeners), l) // tell reads a slice that was there before
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listeners = slices.DeleteFunc(slices.Clone(s.listeners), func(other *listener) bool { return other == l })
	}
}

func (s *Session) tell(method string, params jsonv2.Value) {
	s.mu.Lock()
	all := s.listeners
	s.mu.Unlock()
	for _, l := range all {
		if l.method == "" || l.method == method {
			l.tell(method, params)
		}
	}
}

// fail ends the calls under way, and for good those to come too.
func (s *Session) fail(why error, forGood bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = why
	if forGood && !s.ended {
		s.ended = true
		close(s.gone)
	}
	for id, got := range s.calls {
		got <- answer{err: why}
		delete(s.calls, id)
	}
}

func (s *Session) recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.why = nil
	}
}

// Detach ends the session; the target stays.
func (s *Session) Detach(ctx context.Context) error {
	err := Do(ctx, s.conn.root, target.DetachFromTarget, target.DetachFromTargetParams{SessionID: s.id})
	s.conn.drop(s, ErrDetached)
	return err
}
