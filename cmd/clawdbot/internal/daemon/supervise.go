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

const beatEvery = 250 * time.Millisecond

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
	trials   chan *healthTrial
	marks    chan stuckMark
	configs  chan msg.ConfigChange

	// The rest belongs to the loop.
	beat    msg.Beat
	began   time.Time
	own     []msg.Component   // as the components say themselves
	stuck   map[string]string // by component: why it is taken for stuck
	trial   *healthTrial      // nil when nothing is to be proven
	fedAt   time.Time
	up      bool // started is closed
	ended   chan struct{}
	stopped context.CancelFunc
}

type phaseChange struct {
	phase  msg.Phase
	detail string
	done   chan struct{}
}

// stuckMark takes a component for stuck, or with no reason clears it.
type stuckMark struct{ name, why string }

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
		subjects: cfg.subjects, watchdog: cfg.watchdog, every: cfg.every,
		states: make(chan *nats.Msg, 256), phases: make(chan phaseChange), pings: make(chan chan msg.Beat),
		trials: make(chan *healthTrial), marks: make(chan stuckMark), configs: make(chan msg.ConfigChange),
		started: make(chan struct{}), ended: make(chan struct{}), stopped: cancel,
		beat: cfg.first, began: time.Now(), own: cfg.first.Components, stuck: map[string]string{},
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

// stuckFor takes a component for stuck because of why, or, when that is "", no
// longer.
func (s *supervisor) stuckFor(name, why string) {
	select {
	case s.marks <- stuckMark{name, why}:
	case <-s.ended:
	}
}

// runs tells with the next beat which config runs.
func (s *supervisor) runs(c msg.ConfigChange) {
	select {
	case s.configs <- c:
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
			if s.trial.judge(s.beat, time.Now()) {
				s.trial = nil
			}
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
		case t := <-s.trials:
			s.trial.end(errSuperseded)
			s.trial = t
		case m := <-s.marks:
			s.stuck[m.name] = m.why
			s.combine()
		case c := <-s.configs:
			s.beat.Generation, s.beat.Source = c.Generation, c.Source
			s.send()
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
	i := slices.IndexFunc(s.own, func(o msg.Component) bool { return o.Name == c.Name })
	switch {
	case i < 0:
		s.own = append(s.own, c)
		slices.SortFunc(s.own, func(a, b msg.Component) int { return strings.Compare(a.Name, b.Name) })
	case s.own[i] != c:
		s.own[i] = c
	default:
		return
	}
	s.combine()
}

// combine makes the beat tell what the components say of themselves, and of
// those that are stuck what they do not say.
func (s *supervisor) combine() {
	next := slices.Clone(s.own)
	for i, c := range next {
		if why := s.stuck[c.Name]; why != "" && c.State != msg.StateFailed && c.State != msg.StateOff {
			next[i].State, next[i].Detail = msg.StateDegraded, why
		}
	}
	if slices.Equal(next, s.beat.Components) {
		return
	}
	s.beat.Components = next
	s.send()
	if !s.up && !slices.ContainsFunc(s.own, func(c msg.Component) bool { return c.State == msg.StateStarting }) {
		s.up = true
		close(s.started)
	}
}

func (s *supervisor) feed(now time.Time) {
	if s.watchdog != nil && now.Sub(s.fedAt) >= s.every {
		s.fedAt = now
		_ = s.watchdog() // the manager's own deadline tells of a failure
	}
}
