package canvas

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"
)

const (
	maxAction  = 64 << 10 // longest message of a page in bytes
	pingEvery  = 30 * time.Second
	pageAnswer = 10 * time.Second // for a page to take a message or answer a ping
)

var errNoAction = errors.New("canvas: not a userAction with an id")

// action is what a page sends, and with a time the event canvas.action.
type action struct {
	UserAction map[string]any `json:"userAction"`
	TS         int64          `json:"ts"`
}

// serveSocket tells a page to reload, and takes its user actions, until it goes.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	p := s.pages.join(r.URL.Query().Get("version"))
	if p == nil {
		fail(w, http.StatusServiceUnavailable, "too many canvas pages are open")
		return
	}
	defer s.pages.leave(p)
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the gate has checked the Origin, and knows more of them
	})
	if err != nil {
		s.log.Debug("no websocket", "client", r.RemoteAddr, "err", err)
		return
	}
	defer c.CloseNow()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var reader sync.WaitGroup
	defer reader.Wait()
	defer c.CloseNow() // ends the reader
	reader.Go(func() {
		defer cancel()
		s.readActions(ctx, c)
	})
	s.tellReloads(ctx, c, p)
}

// tellReloads returns when the page has gone or ctx ended.
func (s *Server) tellReloads(ctx context.Context, c *websocket.Conn, p *page) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var send func(context.Context) error
		select {
		case <-ctx.Done():
			return
		case <-p.stale:
			if !s.live {
				continue
			}
			send = func(ctx context.Context) error { return c.Write(ctx, websocket.MessageText, []byte("reload")) }
		case <-ping.C:
			send = c.Ping
		}
		bounded, cancel := context.WithTimeout(ctx, pageAnswer)
		err := send(bounded)
		cancel()
		if err != nil {
			return
		}
	}
}

// readActions publishes what the user does on the page. A page that sends too
// much is cut off.
func (s *Server) readActions(ctx context.Context, c *websocket.Conn) {
	c.SetReadLimit(maxAction)
	limit := rate.NewLimiter(20, 60)
	for {
		_, data, err := c.Read(ctx)
		if err != nil {
			return
		}
		if !limit.Allow() {
			s.log.Warn("page cut off: too many messages")
			return
		}
		if err := s.publishAction(data); err != nil {
			s.log.Debug("page message dropped", "err", err)
		}
	}
}

func (s *Server) publishAction(data []byte) error {
	var a action
	if err := json.Unmarshal(data, &a); err != nil {
		return err
	}
	if id, ok := a.UserAction["id"].(string); !ok || id == "" {
		return errNoAction
	}
	a.TS = time.Now().UnixMilli()
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	subj, err := s.subjects.Event("canvas.action")
	if err != nil {
		return err
	}
	return s.nc.Publish(subj, body)
}
