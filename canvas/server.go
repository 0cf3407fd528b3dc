package canvas

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/gate"
)

const name = "canvas"

// Config configures a canvas host. All but LiveReload are required.
type Config struct {
	Listener   net.Listener // the canvas owns it
	Root       string       // absolute path of the folder to serve; made when missing, with a starter page when empty
	LiveReload bool         // tell open pages of changes
	Gate       *gate.Gate
	Subjects   subject.Space
	Dial       func() (*nats.Conn, error) // the canvas owns the connection
	Version    string                     // semantic version of the product
	Log        *slog.Logger
}

// Server is a running canvas host. Its methods are safe for use by many goroutines.
type Server struct {
	listener net.Listener
	root     string
	live     bool
	gate     *gate.Gate
	passes   *passes
	pages    *pages
	subjects subject.Space
	log      *slog.Logger
	nc       *nats.Conn
	svc      *bus.Service
	health   *bus.Health
	guarded  http.Handler // serve behind the bearer token
}

// New makes the root, dials the bus and puts the micro service on it. The
// listener is closed on error.
func New(cfg Config) (*Server, error) {
	s := &Server{
		listener: cfg.Listener, root: filepath.Clean(cfg.Root), live: cfg.LiveReload, gate: cfg.Gate, subjects: cfg.Subjects, log: cfg.Log,
		passes: newPasses(), pages: newPages(),
	}
	s.guarded = s.gate.Wrap(http.HandlerFunc(s.serve))
	if err := s.open(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("canvas: %w", err), cfg.Listener.Close())
	}
	s.health.Set(msg.StateOK, "listens on "+s.Addr().String())
	return s, nil
}

func (s *Server) open(cfg Config) (err error) {
	if err := prepareRoot(s.root); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	if s.nc, err = cfg.Dial(); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if err := s.serveBus(cfg.Version); err != nil {
		s.nc.Close()
		return err
	}
	return nil
}

// Name returns canvas.
func (s *Server) Name() string { return name }

// Addr returns the address that browsers connect to.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, lets requests in flight finish for a second, and
// leaves the bus. It returns an error when the listener breaks by itself.
func (s *Server) Run(ctx context.Context) error {
	defer s.nc.Close() // after Stop, nothing is left to drain
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.gate.WrapOpen(http.HandlerFunc(s.route)),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      5 * time.Minute, // of a big file over a slow line
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	var group sync.WaitGroup
	group.Go(func() { served <- server.Serve(s.listener) })
	if s.live {
		group.Go(func() { s.watch(ctx) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
		err = fmt.Errorf("canvas: %w", err)
		s.health.Set(msg.StateFailed, err.Error())
		cancel()
	}
	s.shutdown(server)
	group.Wait()
	s.pages.close()
	return errors.Join(err, s.svc.Stop())
}

func (s *Server) shutdown(server *http.Server) {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // its connections are ours to cut
	}
}
