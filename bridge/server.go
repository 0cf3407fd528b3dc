package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

const name = "bridge"

// Config configures a bridge. All but Limits are required.
type Config struct {
	Listener net.Listener // the bridge owns it
	Subjects subject.Space
	Dial     func() (*nats.Conn, error) // the bridge owns the connection
	Version  string                     // semantic version of the product
	Log      *slog.Logger
	Limits   Limits
}

// Limits bound what nodes can take. A zero field means its default.
type Limits struct {
	MaxLine    int           // longest line in bytes, without its end; 1 MiB
	MaxConns   int           // connections at once; 64
	Refusals   int           // error answers in a burst; 20
	FirstFrame time.Duration // until the end of the first line; 10 s
	Idle       time.Duration // until the end of any later line; 2 min
	Stranger   time.Duration // in all for a node that does not log in; 30 s
	Write      time.Duration // for the peer to take a frame; 10 s
}

func (l Limits) withDefaults() Limits {
	l.MaxLine = cmp.Or(l.MaxLine, 1<<20)
	l.MaxConns = cmp.Or(l.MaxConns, 64)
	l.Refusals = cmp.Or(l.Refusals, 20)
	l.FirstFrame = cmp.Or(l.FirstFrame, 10*time.Second)
	l.Idle = cmp.Or(l.Idle, 2*time.Minute)
	l.Stranger = cmp.Or(l.Stranger, 30*time.Second)
	l.Write = cmp.Or(l.Write, 10*time.Second)
	return l
}

// Server is a running bridge. Its methods are safe for use by many goroutines.
type Server struct {
	listener net.Listener
	subjects subject.Space
	limits   Limits
	log      *slog.Logger
	nc       *nats.Conn
	svc      *bus.Service
	health   *bus.Health
	slots    chan struct{} // one for each connection
}

// New dials the bus and puts the micro service on it. The listener is closed
// on error.
func New(cfg Config) (*Server, error) {
	s := &Server{
		listener: cfg.Listener, subjects: cfg.Subjects, limits: cfg.Limits.withDefaults(), log: cfg.Log,
	}
	s.slots = make(chan struct{}, s.limits.MaxConns)
	nc, err := cfg.Dial()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bridge: bus: %w", err), cfg.Listener.Close())
	}
	s.nc = nc
	if err := s.serveBus(cfg.Version); err != nil {
		nc.Close()
		return nil, errors.Join(fmt.Errorf("bridge: %w", err), cfg.Listener.Close())
	}
	s.health.Set(msg.StateOK, "listens on "+s.Addr().String())
	return s, nil
}

// Name returns bridge.
func (s *Server) Name() string { return name }

// Addr returns the address that nodes connect to.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run accepts nodes until ctx ends, closes their connections and leaves the
// bus. It returns an error when the listener breaks by itself.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.nc.Close() // after Stop, nothing is left to drain
	var conns sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	err := s.accept(ctx, &conns)
	if err != nil {
		s.health.Set(msg.StateFailed, err.Error())
	}
	if stop() {
		_ = s.listener.Close() // it is broken already
	}
	cancel()
	conns.Wait()
	return errors.Join(err, s.svc.Stop())
}

// accept returns nil when ctx ended.
func (s *Server) accept(ctx context.Context, conns *sync.WaitGroup) error {
	for {
		socket, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = socket.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("bridge: %w", err)
		case err != nil: // out of file descriptors, or the peer went meanwhile
			s.log.Warn("accept", "err", err)
			pause(ctx, 100*time.Millisecond)
			continue
		}
		c := newConn(s, socket)
		select {
		case s.slots <- struct{}{}:
			conns.Go(func() {
				defer func() { <-s.slots }()
				c.serve(ctx)
			})
		default:
			s.log.Warn("connection refused: all slots are taken", "client", socket.RemoteAddr().String(), "slots", s.limits.MaxConns)
			// A fresh socket takes a frame without waiting.
			_ = c.send(reply{Type: "error", Code: bus.CodeUnavailable, Message: "too many nodes are connected"})
			_ = socket.Close()
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
