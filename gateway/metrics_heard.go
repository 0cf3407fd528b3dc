package gateway

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"clawdbot/gateway/frame"
)

// heardMetrics tells the gateway's state at the moment of the scrape.
type heardMetrics struct {
	srv *Server

	info, build, uptime, clients, component, verdict, incidents, restarts *prometheus.Desc

	busMessages, busBytes, busSlow, busClients, busLinks    *prometheus.Desc
	storeBytes, storeCommits, storeWritten, storeSyncs      *prometheus.Desc
	browserRunning, browserTabs, cronJobs, cronOn, cronNext *prometheus.Desc
}

func newHeardMetrics(s *Server) *heardMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("clawdbot_"+name, help, labels, nil)
	}
	return &heardMetrics{
		srv:       s,
		info:      desc("info", "Always 1.", "profile", "version"),
		build:     desc("build_info", "Always 1: what this program was built with, and for.", "version", "goversion", "goos", "goarch"),
		uptime:    desc("uptime_seconds", "Time since the gateway started."),
		clients:   desc("clients", "Clients that are connected.", "role"),
		component: desc("component_state", "1 for the state that a component is in.", "component", "state"),
		verdict:   desc("peer_verdict", "1 for the verdict on a peer.", "peer", "verdict"),
		incidents: desc("incidents_open", "Troubles of a peer that are not over.", "peer", "kind"),
		restarts:  desc("component_restarts_total", "Restarts of a component alone, since the gateway started.", "component"),

		busMessages: desc("bus_messages_total", "Messages on the bus, by direction.", "direction"),
		busBytes:    desc("bus_bytes_total", "Bytes of the messages on the bus, by direction.", "direction"),
		busSlow:     desc("bus_slow_consumers_total", "Connections that the bus dropped because they did not read."),
		busClients:  desc("bus_clients", "Clients of the bus, components included."),
		busLinks:    desc("bus_links", "Links of the bus to peers and clusters."),

		storeBytes:   desc("store_bytes", "Size of the store on disk."),
		storeCommits: desc("store_commits_total", "Commits in the store's life."),
		storeWritten: desc("store_written_bytes_total", "Bytes written to the store's log, since it was opened."),
		storeSyncs:   desc("store_sync_seconds", "Time to sync the store's log to disk."),

		browserRunning: desc("browser_running", "1 for a browser profile whose browser runs.", "browser_profile"),
		browserTabs:    desc("browser_tabs", "Tabs of a browser profile's browser.", "browser_profile"),

		cronOn:   desc("cron_enabled", "1 when scheduled jobs run."),
		cronJobs: desc("cron_jobs", "Scheduled jobs."),
		cronNext: desc("cron_next_run_timestamp_seconds", "When the next scheduled job runs; absent when none waits."),
	}
}

// Describe implements prometheus.Collector.
func (h *heardMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		h.info, h.build, h.uptime, h.clients, h.component, h.verdict, h.incidents, h.restarts,
		h.busMessages, h.busBytes, h.busSlow, h.busClients, h.busLinks,
		h.storeBytes, h.storeCommits, h.storeWritten, h.storeSyncs,
		h.browserRunning, h.browserTabs, h.cronJobs, h.cronOn, h.cronNext,
	} {
		out <- d
	}
}

// scrape is one collection.
type scrape chan<- prometheus.Metric

func (out scrape) gauge(d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (out scrape) counter(d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// Collect implements prometheus.Collector.
func (h *heardMetrics) Collect(to chan<- prometheus.Metric) {
	out := scrape(to)
	h.collectGateway(out)
	h.collectBus(out)
	h.collectStore(out)
	h.collectBrowser(out)
	h.collectCron(out)
}

func (h *heardMetrics) collectGateway(out scrape) {
	s, now := h.srv, h.srv.state.snapshot()
	out.gauge(h.info, 1, s.cfg.Identity.Profile, s.cfg.Version)
	out.gauge(h.build, 1, s.cfg.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	out.gauge(h.uptime, time.Since(s.started).Seconds())
	roles := map[string]int{frame.RoleOperator: 0, frame.RoleNode: 0}
	for _, c := range s.hub.connected() {
		roles[c.connect.Role]++
	}
	for role, n := range roles {
		out.gauge(h.clients, float64(n), role)
	}
	for _, c := range now.components {
		out.gauge(h.component, 1, c.Name, string(c.State))
	}
	for _, p := range now.peers {
		out.gauge(h.verdict, 1, p.Profile, string(p.Verdict))
	}
	for of, n := range now.incidentCounts() {
		out.gauge(h.incidents, float64(n), of.peer, string(of.kind))
	}
	for component, n := range now.restarts {
		out.counter(h.restarts, float64(n), component)
	}
}

func (h *heardMetrics) collectBus(out scrape) {
	f := &h.srv.figures
	if bus, ok := figureNow(f, &f.bus); ok {
		out.counter(h.busMessages, float64(bus.InMsgs), "in")
		out.counter(h.busMessages, float64(bus.OutMsgs), "out")
		out.counter(h.busBytes, float64(bus.InBytes), "in")
		out.counter(h.busBytes, float64(bus.OutBytes), "out")
		out.counter(h.busSlow, float64(bus.SlowConsumers))
		out.gauge(h.busClients, float64(bus.Clients))
		out.gauge(h.busLinks, float64(bus.Links))
	}
}

func (h *heardMetrics) collectStore(out scrape) {
	st, err := h.srv.cfg.Store.Stats()
	if err != nil { // closed, or broken, which the store itself tells
		return
	}
	out.gauge(h.storeBytes, float64(st.Bytes))
	out.counter(h.storeCommits, float64(st.Commits))
	out.counter(h.storeWritten, float64(st.Written))
	buckets := make(map[float64]uint64, len(st.Syncs.Buckets))
	for bound, n := range st.Syncs.Buckets {
		buckets[bound.Seconds()] = n
	}
	out <- prometheus.MustNewConstHistogram(h.storeSyncs, st.Syncs.Count, st.Syncs.Sum.Seconds(), buckets)
}

func (h *heardMetrics) collectBrowser(out scrape) {
	f := &h.srv.figures
	browser, _ := figureNow(f, &f.browser)
	for _, p := range browser.Profiles {
		out.gauge(h.browserRunning, oneIf(p.Running), p.Name)
		out.gauge(h.browserTabs, float64(p.TabCount), p.Name)
	}
}

func (h *heardMetrics) collectCron(out scrape) {
	f := &h.srv.figures
	cron, ok := figureNow(f, &f.cron)
	if !ok {
		return
	}
	out.gauge(h.cronOn, oneIf(cron.Enabled))
	out.gauge(h.cronJobs, float64(cron.Jobs))
	if cron.NextWakeAtMs != nil {
		out.gauge(h.cronNext, float64(*cron.NextWakeAtMs)/1000)
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
