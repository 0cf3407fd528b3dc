package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

const (
	beatEvery = 250 * time.Millisecond
	// probationTime is how long every component must be healthy until the
	// config that runs counts as good.
	probationTime = 5 * time.Second
)

// supervisor is the one loop that beats. It hears the components' states on
// the bus, answers pings and feeds the service manager's watchdog; whatever
// stops it stops the beat.
type supervisor struct {
	subjects subject.Space
	nc       *nats.Conn
	service  *bus.Service
	states   chan *nats.Msg
	phases   chan phaseChange
	pings    chan chan msg.Beat
	watchdog func() error  // nil when no service manager waits for it
	every    time.Duration // between two calls of watchdog
	started  chan struct{} // closed once no component is starting any more
	healthy  chan struct{} // closed once the config has proven itself

	// The rest belongs to the loop.
	beat    msg.Beat
	began   time.Time
	wellAt  time.Time // when all components were first well; zero while one is not
	fedAt   time.Time
	up      bool // started is closed
	proven  bool // healthy is closed
	ended   chan struct{}
	stopped context.CancelFunc
}

type phaseChange struct {
	phase  msg.Phase
	detail string
	done   chan struct{}
}

// supervisorConfig is what newSupervisor needs; first is the beat's fixed part,
// with the components that have to start.
type supervisorConfig struct {
	subjects subject.Space
	dial     func() (*nats.Conn, error)
	version  string
	first    msg.Beat
	watchdog func() error
	every    time.Duration
}

// newSupervisor starts the loop.
func newSupervisor(cfg supervisorConfig) (*supervisor, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &supervisor{
		subjects: cfg.subjects, states: make(chan *nats.Msg, 256), phases: make(chan phaseChange), pings: make(chan chan msg.Beat),
		watchdog: cfg.watchdog, every: cfg.every, started: make(chan struct{}), healthy: make(chan struct{}),
		beat: cfg.first, began: time.Now(), ended: make(chan struct{}), stopped: cancel,
	}
	if err := s.connect(cfg); err != nil {
		cancel()
		if s.nc != nil {
			s.nc.Close()
		}
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	go s.loop(ctx)
	return s, nil
}

func (s *supervisor) connect(cfg supervisorConfig) (err error) {
	if s.nc, err = cfg.dial(); err != nil {
		return err
	}
	if _, err = s.nc.ChanSubscribe(s.subjects.Healths(), s.states); err != nil {
		return err
	}
	s.service, err = bus.Serve(bus.ServiceConfig{
		Name: "supervisor", Version: cfg.version, Description: "beats for the gateway and answers pings",
		Profile: s.subjects.Profile(), Conn: s.nc,
		Endpoints: []bus.Endpoint{{Name: "ping", Subject: s.subjects.Ping(), Handle: s.ping}},
	})
	return err
}

// ping asks the loop itself, so that only a loop that turns answers.
func (s *supervisor) ping(ctx context.Context, _ *bus.Request) (any, error) {
	reply := make(chan msg.Beat, 1)
	select {
	case s.pings <- reply:
		return <-reply, nil
	case <-ctx.Done():
		return nil, errors.New("stopping")
	}
}

// setPhase changes the phase and returns when the beat that tells it is out.
// Nothing comes after stopping.
func (s *supervisor) setPhase(p msg.Phase, detail string) {
	c := phaseChange{p, detail, make(chan struct{})}
	select {
	case s.phases <- c:
		<-c.done
	case <-s.ended:
	}
}

// close ends the loop.
func (s *supervisor) close() error {
	s.stopped()
	<-s.ended
	err := s.service.Stop()
	s.nc.Close()
	return err
}

func (s *supervisor) loop(ctx context.Context) {
	defer close(s.ended)
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	s.send()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.send()
			s.judge(time.Now())
			s.feed(time.Now())
		case m := <-s.states:
			s.hear(m)
		case c := <-s.phases:
			if s.beat.Phase != msg.PhaseStopping {
				s.beat.Phase, s.beat.Detail = c.phase, c.detail
			}
			s.send()
			_ = s.nc.FlushTimeout(time.Second) // out before anything is closed; fails only with the bus itself
			close(c.done)
		case reply := <-s.pings:
			reply <- s.stamp()
		}
	}
}

// stamp returns the next beat.
func (s *supervisor) stamp() msg.Beat {
	s.beat.Seq++
	s.beat.TS = time.Now().UnixMilli()
	s.beat.MonoMs = time.Since(s.began).Milliseconds()
	b := s.beat
	b.Components = slices.Clone(s.beat.Components)
	return b
}

func (s *supervisor) send() {
	body, err := json.Marshal(s.stamp())
	if err == nil {
		_ = s.nc.Publish(s.subjects.Beat(), body) // fails only when the connection is closed, at the end
	}
}

// hear takes in a component's state. Beats come by here too and are left out.
func (s *supervisor) hear(m *nats.Msg) {
	var c msg.Component
	if m.Subject == s.subjects.Beat() || m.Subject == s.subjects.Ping() || json.Unmarshal(m.Data, &c) != nil {
		return
	}
	if subj, err := s.subjects.Health(c.Name); err != nil || subj != m.Subject {
		return // it speaks of another component than its subject
	}
	i := slices.IndexFunc(s.beat.Components, func(o msg.Component) bool { return o.Name == c.Name })
	switch {
	case i < 0:
		s.beat.Components = append(s.beat.Components, c)
		slices.SortFunc(s.beat.Components, func(a, b msg.Component) int { return strings.Compare(a.Name, b.Name) })
	case s.beat.Components[i] != c:
		s.beat.Components[i] = c
	default:
		return
	}
	s.send()
	if !s.up && !slices.ContainsFunc(s.beat.Components, func(c msg.Component) bool { return c.State == msg.StateStarting }) {
		s.up = true
		close(s.started)
	}
}

// judge closes healthy once all components have been well for long enough.
func (s *supervisor) judge(now time.Time) {
	well := s.beat.Phase == msg.PhaseReady
	for _, c := range s.beat.Components {
		well = well && c.State != msg.StateFailed && c.State != msg.StateStarting
	}
	switch {
	case !well:
		s.wellAt = time.Time{}
	case s.wellAt.IsZero():
		s.wellAt = now
	case !s.proven && now.Sub(s.wellAt) >= probationTime:
		s.proven = true
		close(s.healthy)
	}
}

func (s *supervisor) feed(now time.Time) {
	if s.watchdog != nil && now.Sub(s.fedAt) >= s.every {
		s.fedAt = now
		_ = s.watchdog() // the manager's own deadline tells of a failure
	}
}
