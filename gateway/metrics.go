package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what /metrics tells.
type metrics struct {
	registry *prometheus.Registry
	beats    *prometheus.CounterVec
	requests *prometheus.HistogramVec
	events   prometheus.Counter
	slow     prometheus.Counter
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		beats: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "clawdbot_beats_total", Help: "Beats heard, by the profile that sent them.",
		}, []string{"profile"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "clawdbot_request_seconds", Help: "Time to answer a client's request, by method and result.",
			Buckets: []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10, 30},
		}, []string{"method", "code"}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "clawdbot_events_total", Help: "Events forwarded to clients.",
		}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "clawdbot_slow_clients_total", Help: "Clients dropped because they did not read.",
		}),
	}
	m.registry.MustRegister(m.beats, m.requests, m.events, m.slow, collectors.NewGoCollector(), newHeardMetrics(s))
	return m
}

func (m *metrics) request(method, code string, elapsed time.Duration) {
	m.requests.WithLabelValues(method, code).Observe(elapsed.Seconds())
}
