package gateway

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
)

// figures are what others tell of themselves for /metrics, as of the last look.
// One that has not been told for keep is forgotten: its owner is gone.
type figures struct {
	keep time.Duration

	mu      sync.Mutex
	bus     figure[msg.BusInfo]
	cron    figure[msg.CronStatus]
	browser figure[browserFigures]
}

type figure[T any] struct {
	at    time.Time // zero when there is none
	value T
}

// browserFigures is what /metrics has of the answer of browser.profiles.
type browserFigures struct {
	Profiles []struct {
		Name     string `json:"name"`
		Running  bool   `json:"running"`
		TabCount int    `json:"tabCount"`
	} `json:"profiles"`
}

func (f *figures) hearBus(m *nats.Msg)     { keepFigure(f, m, &f.bus) }
func (f *figures) hearCron(m *nats.Msg)    { keepFigure(f, m, &f.cron) }
func (f *figures) hearBrowser(m *nats.Msg) { keepFigure(f, m, &f.browser) }

// keepFigure takes an answer.
func keepFigure[T any](f *figures, m *nats.Msg, to *figure[T]) {
	hear(m, func(v T) {
		f.mu.Lock()
		defer f.mu.Unlock()
		*to = figure[T]{time.Now(), v}
	})
}

// figureNow returns the figure unless it is too old.
func figureNow[T any](f *figures, of *figure[T]) (T, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return of.value, !of.at.IsZero() && time.Since(of.at) < f.keep
}

// askFigures has look ask for the figures, and returns where the answers come.
func (s *Server) askFigures() (map[string]nats.MsgHandler, error) {
	s.figures.keep = 3 * s.cfg.Limits.TickInterval
	inboxes, err := s.asksFor(map[string]nats.MsgHandler{
		"bus.info": s.figures.hearBus, "cron.status": s.figures.hearCron,
	})
	if err != nil {
		return nil, err
	}
	a := ask{inbox: s.nc.NewInbox()}
	a.subject, err = s.cfg.Subjects.Browser("profiles")
	s.asks = append(s.asks, a)
	inboxes[a.inbox] = s.figures.hearBrowser
	return inboxes, err
}
