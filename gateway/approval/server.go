package approval

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

const name = "approval"

// Config configures a Server. Subjects, Dial, Version, Path and Log are required.
type Config struct {
	Subjects   subject.Space
	Dial       func() (*nats.Conn, error) // the server owns the connection
	Version    string                     // semantic version of the product
	Path       string                     // of the document; its folder is there
	MaxWaiting int                        // requests that wait at once; 0 means 64
	Log        *slog.Logger
}

// Server asks people and keeps the document. Its methods are safe for use by
// many goroutines.
type Server struct {
	cfg    Config
	nc     *nats.Conn
	svc    *bus.Service
	health *bus.Health
	closed chan struct{} // the bus ended the connection

	requested, resolved string // subjects of the events

	mu      sync.Mutex // guards waiting, and lets one write the document at a time
	waiting map[string]*request
}

// New dials the bus and puts the micro service on it. Requests are taken from
// then on.
func New(cfg Config) (*Server, error) {
	cfg.MaxWaiting = cmp.Or(cfg.MaxWaiting, 64)
	s := &Server{cfg: cfg, closed: make(chan struct{}), waiting: map[string]*request{}}
	var err error
	if s.nc, err = cfg.Dial(); err != nil {
		return nil, fmt.Errorf("approval: bus: %w", err)
	}
	s.nc.SetClosedHandler(func(*nats.Conn) { close(s.closed) })
	if err := s.serve(); err != nil {
		s.nc.Close()
		return nil, fmt.Errorf("approval: %w", err)
	}
	_, err = s.read()
	s.note(err)
	return s, nil
}

// serve puts the health and the micro service on the bus.
func (s *Server) serve() (err error) {
	if s.health, err = bus.NewHealth(s.nc, s.cfg.Subjects, name); err != nil {
		return err
	}
	if s.requested, err = s.cfg.Subjects.Event("exec.approval.requested"); err != nil {
		return err
	}
	if s.resolved, err = s.cfg.Subjects.Event("exec.approval.resolved"); err != nil {
		return err
	}
	var endpoints []bus.Endpoint
	for _, m := range []struct {
		method, endpoint string
		handle           bus.Handler
	}{
		{"exec.approval.request", "request", s.request},
		{"exec.approval.resolve", "resolve", s.resolve},
		{"exec.approvals.get", "get", s.get},
		{"exec.approvals.set", "set", s.set},
		{"exec.approvals.node.get", "node-get", s.nodeGet},
		{"exec.approvals.node.set", "node-set", s.nodeSet},
	} {
		subj, err := s.cfg.Subjects.RPC(m.method)
		if err != nil {
			return err
		}
		endpoints = append(endpoints, bus.Endpoint{Name: m.endpoint, Subject: subj, Handle: m.handle})
	}
	s.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: s.cfg.Version, Description: "asks people whether a command may run", Profile: s.cfg.Subjects.Profile(),
		Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

// Name returns approval.
func (s *Server) Name() string { return name }

// Run serves until ctx ends, refuses those who still wait and leaves the bus. It
// returns an error when the bus ends the connection.
func (s *Server) Run(ctx context.Context) (err error) {
	select {
	case <-ctx.Done():
	case <-s.closed:
		err = fmt.Errorf("approval: the bus ended the connection: %w", cmp.Or(s.nc.LastError(), nats.ErrConnectionClosed))
	}
	err = errors.Join(err, s.svc.Stop())
	s.nc.Close()
	return err
}

// note tells of a document that cannot be read or written.
func (s *Server) note(err error) {
	if err != nil {
		s.health.Set(msg.StateDegraded, "what is always allowed is not known: "+err.Error())
		return
	}
	s.health.Set(msg.StateOK, "")
}

func (s *Server) publish(subj string, event any) {
	body, _ := json.Marshal(event) // strings and numbers always encode
	_ = s.nc.Publish(subj, body)   // fails only when the bus is gone
}

// probe reads the document as a request for it does.
func (s *Server) probe(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.read()
	s.note(err)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("read what is always allowed (%d agents)", len(doc.file.Agents)), nil
}
