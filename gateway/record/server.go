package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

const name = "record"

// Config configures a recorder. Subjects, Dial, Version, Log and Store are
// required.
type Config struct {
	Subjects subject.Space
	Dial     func() (*nats.Conn, error) // the recorder owns the connection
	Version  string                     // semantic version of the product
	Log      *slog.Logger
	Store    *store.Store // the ring lies beside it; it outlives Run
	// Served says whether a message on the subject would reach anybody but the
	// connection with that id, as bus.Server.Served does. nil: requests are not
	// recorded.
	Served func(subject string, except uint64) bool
	// Secrets are values that must not be kept wherever they stand; it is asked
	// about once a second. nil means none.
	Secrets  func() []string
	MaxBytes int64         // of the ring; 0 means 64 MiB
	MaxAge   time.Duration // of the ring's entries; 0 means 24 h
}

// Server is a running recorder. Its methods are safe for use by many goroutines.
type Server struct {
	cfg    Config
	nc     *nats.Conn
	cid    uint64 // of nc
	closed chan struct{}
	svc    *bus.Service
	own    []string // subjects that svc answers
	health *bus.Health
	ring   *store.Ring[tape.Entry]
	asks   chan ask

	mu    sync.Mutex // guards count
	count counts

	// The rest belongs to Run.
	incoming chan *nats.Msg // has room for the credit of all taps
	taps     []*tap
	batch    []tape.Entry
	weight   int       // of the batch, in bytes
	lost     int       // entries that the disk refused
	failed   error     // of the last write
	newest   time.Time // of the last entry that was written
	proven   time.Time // of the last entry that was read back
	last     time.Time
	beats    map[string]*beat // by subject
	heard    map[string]bool  // subjects that somebody else listens on, in this window
	looks    int              // at who listens, in this window
	hide     *tape.Redactor
	hideAt   time.Time // when hide was made
	due      *time.Timer
	armed    bool
}

// counts are what is told of this life of the recorder.
type counts struct {
	kinds map[string]int64 // messages by kind
	gaps  int64
	lost  int64

	flooded int // taps that miss messages now
}

// ask wants the loop to write what waits.
type ask struct {
	prove bool // and to read the newest entry back
	done  chan error
}

// New dials the bus, listens and puts the micro service on it. Nothing is
// written before Run.
func New(cfg Config) (*Server, error) {
	s := &Server{
		cfg: cfg, closed: make(chan struct{}), asks: make(chan ask), taps: newTaps(cfg),
		count: counts{kinds: map[string]int64{}}, beats: map[string]*beat{}, heard: map[string]bool{}, due: time.NewTimer(time.Hour),
	}
	var err error
	s.ring, err = store.NewRing[tape.Entry](cfg.Store, tape.Component, tape.Kind, store.RingLimits{
		Bytes: cmp.Or(cfg.MaxBytes, 64<<20), Age: cmp.Or(cfg.MaxAge, 24*time.Hour),
	})
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if s.nc, err = cfg.Dial(); err != nil {
		return nil, fmt.Errorf("record: bus: %w", err)
	}
	s.nc.SetClosedHandler(func(*nats.Conn) { close(s.closed) })
	if err := s.join(); err != nil {
		s.nc.Close()
		return nil, fmt.Errorf("record: %w", err)
	}
	s.health.Set(msg.StateOK, "")
	return s, nil
}

// join opens the taps and serves the component's methods.
func (s *Server) join() (err error) {
	if s.cid, err = s.nc.GetClientID(); err != nil {
		return err
	}
	if s.health, err = bus.NewHealth(s.nc, s.cfg.Subjects, name); err != nil {
		return err
	}
	s.incoming = make(chan *nats.Msg, len(s.taps)*mostMessages)
	for _, t := range s.taps {
		if err := t.open(s.nc, s.incoming); err != nil {
			return err
		}
	}
	return s.serve()
}

// Name returns record.
func (s *Server) Name() string { return name }

// Run records until ctx ends, writes out what waits and leaves the bus. It
// returns an error when the bus ends the connection.
func (s *Server) Run(ctx context.Context) (err error) {
	defer func() {
		err = errors.Join(err, s.svc.Stop())
		s.nc.Close()
		err = errors.Join(err, s.ring.Close())
	}()
	s.begin()
	for {
		select {
		case <-ctx.Done():
			s.end("the recorder was asked to stop")
			return nil
		case <-s.closed:
			s.end("the bus ended the connection")
			return fmt.Errorf("record: the bus ended the connection: %w", cmp.Or(s.nc.LastError(), nats.ErrConnectionClosed))
		case m := <-s.incoming:
			s.keep(m)
		case a := <-s.asks:
			a.done <- s.answer(a)
		case <-s.due.C:
			s.turn()
		}
	}
}
