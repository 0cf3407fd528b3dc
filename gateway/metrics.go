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

// heardMetrics tells the gateway's state at the moment of the scrape.
type heardMetrics struct {
	srv *Server

	info, uptime, clients, component, verdict, incidents, restarts *prometheus.Desc
}

func newHeardMetrics(s *Server) *heardMetrics {
	desc := prometheus.NewDesc
	return &heardMetrics{
		srv:       s,
		info:      desc("clawdbot_info", "Always 1.", []string{"profile", "version"}, nil),
		uptime:    desc("clawdbot_uptime_seconds", "Time since the gateway started.", nil, nil),
		clients:   desc("clawdbot_clients", "Clients that are connected.", nil, nil),
		component: desc("clawdbot_component_state", "1 for the state that a component is in.", []string{"component", "state"}, nil),
		verdict:   desc("clawdbot_peer_verdict", "1 for the verdict on a peer.", []string{"peer", "verdict"}, nil),
		incidents: desc("clawdbot_incidents_open", "Troubles of a peer that are not over.", []string{"peer", "kind"}, nil),
		restarts:  desc("clawdbot_component_restarts_total", "Restarts of a component alone, since the gateway started.", []string{"component"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (h *heardMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{h.info, h.uptime, h.clients, h.component, h.verdict, h.incidents, h.restarts} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (h *heardMetrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s, now := h.srv, h.srv.state.snapshot()
	gauge(h.info, 1, s.cfg.Identity.Profile, s.cfg.Version)
	gauge(h.uptime, time.Since(s.started).Seconds())
	gauge(h.clients, float64(s.hub.count()))
	for _, c := range now.components {
		gauge(h.component, 1, c.Name, string(c.State))
	}
	for _, p := range now.peers {
		gauge(h.verdict, 1, p.Profile, string(p.Verdict))
	}
	for of, n := range now.incidentCounts() {
		gauge(h.incidents, float64(n), of.peer, string(of.kind))
	}
	for component, n := range now.restarts {
		out <- prometheus.MustNewConstMetric(h.restarts, prometheus.CounterValue, float64(n), component)
	}
}
