package gateway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/gateway"
)

// TestMetrics scrapes a gateway with everything there is, and has the text judged
// by Prometheus's own rules.
func TestMetrics(t *testing.T) {
	next := int64(1_700_000_000_500)
	f := begin(t, gateway.Limits{TickInterval: 300 * time.Millisecond}, func(f *fixture) {
		f.serveMethods("core", map[string]bus.Handler{
			"bus.info": func(context.Context, *bus.Request) (any, error) {
				return msg.BusInfo{Clients: 7, Links: 1, InMsgs: 10, OutMsgs: 20, InBytes: 100, OutBytes: 200, SlowConsumers: 3}, nil
			},
			"cron.status": func(context.Context, *bus.Request) (any, error) {
				return msg.CronStatus{Enabled: true, Jobs: 2, NextWakeAtMs: &next}, nil
			},
		})
		f.serveAt("browser", map[string]bus.Handler{
			f.must(f.bus.Subjects.Browser("profiles")): func(context.Context, *bus.Request) (any, error) {
				return map[string]any{"profiles": []map[string]any{{"name": "clawd", "running": true, "tabCount": 2}, {"name": "work"}}}, nil
			},
		})
	})
	f.beat(msg.PhaseReady, "", msg.Component{Name: "browser", State: msg.StateOK})
	c, _ := f.connect()
	c.request("1", "health", nil)
	c.response("1")
	c.request("2", "made.up", nil)
	c.response("2")
	var text string
	eventually(t, "all figures", func() bool {
		_, text = f.get("/metrics", "Authorization", "Bearer "+token)
		return strings.Contains(text, "clawdbot_cron_jobs") && strings.Contains(text, "clawdbot_bus_clients") && strings.Contains(text, "clawdbot_browser_tabs") &&
			strings.Contains(text, `method="health"`)
	})
	for _, want := range []string{
		`clawdbot_info{profile="main",version="1.2.3"} 1`, `clawdbot_build_info{goarch=`,
		`clawdbot_clients{role="operator"} 1`, `clawdbot_clients{role="node"} 0`,
		`clawdbot_beats_total{profile="main"} 1`, `clawdbot_component_state{component="browser",state="ok"} 1`,
		`clawdbot_request_seconds_count{code="ok",method="health"} 1`, `clawdbot_request_seconds_count{code="INVALID_REQUEST",method="other"} 1`,
		`clawdbot_bus_messages_total{direction="out"} 20`, `clawdbot_bus_bytes_total{direction="in"} 100`, "clawdbot_bus_slow_consumers_total 3",
		"clawdbot_bus_clients 7", "clawdbot_bus_links 1",
		"clawdbot_store_bytes ", "clawdbot_store_commits_total ", "clawdbot_store_written_bytes_total ", `clawdbot_store_sync_seconds_bucket{le="0.001"}`,
		`clawdbot_browser_running{browser_profile="clawd"} 1`, `clawdbot_browser_running{browser_profile="work"} 0`, `clawdbot_browser_tabs{browser_profile="clawd"} 2`,
		"clawdbot_cron_enabled 1", "clawdbot_cron_jobs 2", "clawdbot_cron_next_run_timestamp_seconds 1.7000000005e+09",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(text, "made.up") {
		t.Error("a client made up a label")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestFiguresOfAnOwnerThatIsGone are told no more.
func TestFiguresOfAnOwnerThatIsGone(t *testing.T) {
	f := start(t, gateway.Limits{TickInterval: 20 * time.Millisecond})
	subj := f.must(f.bus.Subjects.RPC("cron.status"))
	svc, err := bus.Serve(bus.ServiceConfig{Name: "cron", Version: "1.0.0", Conn: f.nc, Endpoints: []bus.Endpoint{{
		Name: "status", Subject: subj, Handle: func(context.Context, *bus.Request) (any, error) { return msg.CronStatus{Jobs: 1}, nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "its figure", func() bool { return f.metric("clawdbot_cron_jobs") != "" })
	if err := svc.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its figure to be forgotten", func() bool { return f.metric("clawdbot_cron_jobs") == "" })
}
