package relay

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// maxMessage is the longest WebSocket message in bytes: a picture of a long page,
// in base64.
const maxMessage = 64 << 20

// writeTimeout is how long a reader may take to let one message in.
const writeTimeout = 10 * time.Second

// lender is an extension that is connected. Its methods are safe for use by many
// goroutines.
type lender struct {
	ctx     context.Context // ends with the connection
	conn    *websocket.Conn
	product string        // Chrome/156.0.0.0
	agent   string        // its User-Agent
	timeout time.Duration // of a command
	ping    time.Duration // between two pings

	mu      sync.Mutex
	last    int64
	waiting map[int64]waiter
	heard   time.Time
	gone    bool
}

// waiter waits for the answer to a command.
type waiter struct {
	method string
	until  time.Time
	told   func(json.RawMessage, *cdpError)
}

var errGone = &cdpError{codeServer, "the extension went away"}

// send forwards a command. told is called once: with the result, or with why
// there is none.
func (l *lender) send(f forwarded, told func(json.RawMessage, *cdpError)) {
	l.mu.Lock()
	if l.gone {
		l.mu.Unlock()
		told(nil, errGone)
		return
	}
	l.last++
	id := l.last
	l.waiting[id] = waiter{f.Method, time.Now().Add(l.timeout), told}
	l.mu.Unlock()
	if write(l.ctx, l.conn, message{ID: id, Method: methodCommand, Params: encode(f)}) != nil {
		l.settle(id, nil, errGone)
	}
}

// call forwards a command and waits for its result.
func (l *lender) call(method, session string, params any) (json.RawMessage, *cdpError) {
	type outcome struct {
		result json.RawMessage
		err    *cdpError
	}
	done := make(chan outcome, 1)
	l.send(forwarded{method, encode(params), session}, func(r json.RawMessage, err *cdpError) { done <- outcome{r, err} })
	got := <-done // the timeout bounds it
	return got.result, got.err
}

// settle ends the wait for a command's answer.
func (l *lender) settle(id int64, result json.RawMessage, err *cdpError) {
	l.mu.Lock()
	w, ok := l.waiting[id]
	delete(l.waiting, id)
	l.mu.Unlock()
	if !ok { // too late
		return
	}
	if err == nil && len(result) == 0 {
		result = json.RawMessage("{}")
	}
	w.told(result, err)
}

// read takes what the extension sends until the connection ends. Events are told
// on the calling goroutine, in their order.
func (l *lender) read(told func(event)) error {
	for {
		var m message
		if err := read(l.ctx, l.conn, &m); err != nil {
			return err
		}
		l.mu.Lock()
		l.heard = time.Now()
		l.mu.Unlock()
		switch {
		case m.ID != 0 && m.Error != "":
			l.settle(m.ID, nil, errorOf(m.Error))
		case m.ID != 0:
			l.settle(m.ID, m.Result, nil)
		case m.Method == methodEvent:
			var e event
			if json.Unmarshal(m.Params, &e) == nil {
				told(e)
			}
		}
	}
}

// watch pings the extension, which also keeps Chrome from ending it, and cuts the
// connection when nothing comes for three pings. It gives up commands whose time
// is over. It returns with the connection.
func (l *lender) watch() {
	pings, checks := time.NewTicker(l.ping), time.NewTicker(l.timeout/30)
	defer pings.Stop()
	defer checks.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-pings.C:
			l.mu.Lock()
			silent := time.Since(l.heard) > 3*l.ping
			l.mu.Unlock()
			if silent || write(l.ctx, l.conn, message{Method: methodPing}) != nil {
				_ = l.conn.CloseNow() // what reads hears of it
				return
			}
		case now := <-checks.C:
			l.giveUp(func(w waiter) bool { return now.After(w.until) }, func(w waiter) *cdpError {
				return failf(codeServer, "%s: the tab did not answer within %s", w.method, l.timeout)
			})
		}
	}
}

// leave ends all that waits: the connection is over.
func (l *lender) leave() {
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
	l.giveUp(func(waiter) bool { return true }, func(waiter) *cdpError { return errGone })
}

func (l *lender) giveUp(on func(waiter) bool, why func(waiter) *cdpError) {
	l.mu.Lock()
	over := map[int64]*cdpError{}
	for id, w := range l.waiting {
		if on(w) {
			over[id] = why(w)
		}
	}
	l.mu.Unlock()
	for id, err := range over {
		l.settle(id, nil, err)
	}
}

// read reads one JSON message.
func read(ctx context.Context, conn *websocket.Conn, into any) error {
	kind, body, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	if kind != websocket.MessageText {
		return errors.New("a message is no text")
	}
	return json.Unmarshal(body, into)
}

// write sends one JSON message. A reader that lets nothing in for writeTimeout
// loses the connection.
func write(ctx context.Context, conn *websocket.Conn, v any) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, encode(v))
}
