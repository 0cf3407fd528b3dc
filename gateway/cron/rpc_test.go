package cron

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

// try calls a method as a client does: by the table's rules, with raw params.
func (r *rig) try(method, params string, out any) error {
	r.Helper()
	for _, m := range rpc.Methods() {
		if m.Name == method {
			if err := m.Check([]byte(params)); err != nil {
				return err
			}
			return r.call(method, json.RawMessage(params), out)
		}
	}
	r.Fatalf("no method %s in the table", method)
	return nil
}

func TestUpdate(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	var j msg.CronJob
	err := r.try("cron.add", `{"name":" weather ","agentId":"ops","schedule":{"kind":"every","everyMs":60000},"sessionTarget":"isolated","wakeMode":"now",
		"payload":{"kind":"agentTurn","message":"how is it?","deliver":false,"timeoutSeconds":30},"isolation":{"postToMainPrefix":"W"}}`, &j)
	if err != nil {
		t.Fatal(err)
	}
	if j.Name != "weather" || j.AgentID != "ops" || j.Schedule.AnchorMs != j.CreatedAtMs || j.State.NextRunAtMs != j.CreatedAtMs+60000 {
		t.Errorf("job %+v", j)
	}
	update := func(patch string) (changed msg.CronJob) {
		t.Helper()
		if err := r.try("cron.update", `{"jobId":"`+j.ID+`","patch":`+patch+`}`, &changed); err != nil {
			t.Fatal(err)
		}
		if again := r.job(j.ID); again.UpdatedAtMs != changed.UpdatedAtMs || again.CreatedAtMs != j.CreatedAtMs {
			t.Errorf("listed %+v, answered %+v", again, changed)
		}
		return changed
	}
	if got := update(`{"agentId":null,"payload":{"kind":"agentTurn","model":"big"}}`); got.AgentID != "" || got.Payload.Message != "how is it?" ||
		got.Payload.Model != "big" || got.Payload.Deliver == nil || *got.Payload.Deliver || got.Isolation.PostToMainPrefix != "W" {
		t.Errorf("job %+v", got)
	}
	if got := update(`{"enabled":false,"description":"off"}`); got.Enabled || got.State.NextRunAtMs != 0 || got.Description != "off" {
		t.Errorf("job %+v", got)
	}
	var list msg.CronJobs
	if err := r.try("cron.list", `{}`, &list); err != nil || len(list.Jobs) != 0 {
		t.Errorf("list %+v, %v", list, err)
	}
	got := update(`{"enabled":true,"schedule":{"kind":"cron","expr":"0 7 * * *"},"sessionTarget":"main","payload":{"kind":"systemEvent","text":"up"}}`)
	if got.Schedule != (msg.CronSchedule{Kind: "cron", Expr: "0 7 * * *"}) || got.Payload != (msg.CronPayload{Kind: "systemEvent", Text: "up"}) || got.State.NextRunAtMs == 0 {
		t.Errorf("job %+v", got)
	}
	if err := r.try("cron.update", `{"id":"`+j.ID+`","patch":{"payload":{"kind":"agentTurn","message":"no"}}}`, nil); err == nil || !strings.Contains(err.Error(), "sessionTarget: must be isolated") {
		t.Errorf("a payload that does not fit: %v", err)
	}
	if again := r.job(j.ID); again.Payload.Text != "up" {
		t.Errorf("a refused patch changed the job: %+v", again)
	}
	var removed msg.CronRemoved
	if err := r.try("cron.remove", `{"id":"`+j.ID+`"}`, &removed); err != nil || !removed.Removed {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if err := r.try("cron.remove", `{"id":"`+j.ID+`"}`, &removed); err != nil || removed != (msg.CronRemoved{OK: true}) {
		t.Errorf("removed a second time: %+v, %v", removed, err)
	}
}

// A finished job of kind at gets a new time, and runs again.
func TestNewTime(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	j := r.add(text(msg.CronSchedule{Kind: "at", AtMs: r.at(0)}))
	r.next(j.ID, "finished")
	r.must("cron.update", map[string]any{"id": j.ID, "patch": map[string]any{"enabled": true}}, nil)
	if got := r.job(j.ID); got.State.NextRunAtMs != 0 {
		t.Errorf("a time that was run comes again: %+v", got)
	}
	r.must("cron.update", map[string]any{"id": j.ID, "patch": map[string]any{"schedule": map[string]any{"kind": "at", "atMs": r.at(0)}}}, nil)
	r.next(j.ID, "finished")
	if got := r.requests("wake"); len(got) != 2 || got[0].key() == got[1].key() {
		t.Errorf("the agent was asked %+v", got)
	}
}

func TestRunByHand(t *testing.T) {
	r := newRig(t)
	r.agent()
	r.start(r.config())
	j := r.add(text(hourly()))
	var ran msg.CronRan
	if err := r.try("cron.run", `{"id":"`+j.ID+`","mode":"due"}`, &ran); err != nil || ran.Ran || ran.Reason != "not-due" {
		t.Errorf("ran %+v, %v", ran, err)
	}
	if err := r.try("cron.run", `{"id":"`+j.ID+`"}`, &ran); err != nil || !ran.Ran {
		t.Errorf("ran %+v, %v", ran, err)
	}
	r.next(j.ID, "finished")
	if got := r.job(j.ID); got.State.NextRunAtMs != j.State.NextRunAtMs || got.State.LastStatus != "ok" {
		t.Errorf("job %+v", got)
	}
	var h msg.CronHistory
	r.must("cron.run", msg.CronRun{ID: j.ID}, nil)
	r.next(j.ID, "finished")
	if err := r.try("cron.runs", `{"id":"`+j.ID+`","limit":1}`, &h); err != nil || len(h.Entries) != 1 {
		t.Errorf("history %+v, %v", h, err)
	}
}

func TestBadRequests(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	const rest = `"sessionTarget":"main","wakeMode":"now","payload":{"kind":"systemEvent","text":"x"}`
	const hourly = `"schedule":{"kind":"every","everyMs":3600000}`
	for _, tt := range []struct{ method, params, want string }{
		{"cron.add", `{}`, "at /name: is required"},
		{"cron.add", `{"name":"  ",` + hourly + `,` + rest + `}`, "name: missing"},
		{"cron.add", `{"name":"x","schedule":{"kind":"weekly"},` + rest + `}`, "at /schedule/kind: must be one of at, every, cron"},
		{"cron.add", `{"name":"x","schedule":{"kind":"every","everyMs":1},` + rest + `}`, "at /schedule/everyMs: "},
		{"cron.add", `{"name":"x","schedule":{"kind":"cron","expr":"0 24 * * *"},` + rest + `}`, "schedule.expr: hour: "},
		{"cron.add", `{"name":"x","schedule":{"kind":"cron","expr":"0 0 31 2 *"},` + rest + `}`, "schedule: it has no time to come"},
		{"cron.add", `{"name":"x","schedule":{"kind":"at","at":"2020-01-01T00:00:00Z"},` + rest + `}`, "schedule: it has no time to come"},
		{"cron.add", `{"name":"x",` + hourly + `,"sessionTarget":"isolated","wakeMode":"now","payload":{"kind":"systemEvent","text":"x"}}`, "sessionTarget: must be main for a payload of kind systemEvent"},
		{"cron.add", `{"name":"x",` + hourly + `,"sessionTarget":"main","wakeMode":"later","payload":{"kind":"systemEvent","text":"x"}}`, "at /wakeMode: "},
		{"cron.add", `{"name":"x",` + hourly + `,"sessionTarget":"main","wakeMode":"now","payload":{"kind":"systemEvent"}}`, "payload.text: missing"},
		{"cron.add", `{"name":"x",` + hourly + `,"sessionTarget":"isolated","wakeMode":"now","payload":{"kind":"agentTurn","text":"x"}}`, "payload.message: missing"},
		{"cron.add", `{"name":"x",` + hourly + `,` + rest + `,"id":"y"}`, "unknown key"},
		{"cron.update", `{"patch":{}}`, "id: missing"},
		{"cron.update", `{"id":"nobody","patch":{}}`, "unknown job id: nobody"},
		{"cron.update", `{"id":"nobody","patch":{"state":{}}}`, "at /patch/state: unknown key"},
		{"cron.run", `{"id":"nobody"}`, "unknown job id: nobody"},
		{"cron.run", `{}`, "id: missing"},
		{"cron.runs", `{}`, "id: missing"},
		{"cron.runs", `{"id":"x","limit":0}`, "at /limit: "},
		{"cron.remove", `{}`, "id: missing"},
	} {
		err := r.try(tt.method, tt.params, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %s", tt.method, tt.params, err, tt.want)
		}
		if refused := new(bus.Error); errors.As(err, &refused) && refused.Code != bus.CodeInvalidRequest {
			t.Errorf("%s: code %s", tt.method, refused.Code)
		}
	}
	for _, bad := range []any{ // a service on the bus is not checked by the table
		map[string]any{"name": "x", "schedule": map[string]any{"kind": "every", "everyMs": 1000}, "payload": map[string]any{"kind": "dance"}},
		map[string]any{"name": "x", "schedule": map[string]any{"kind": "every", "everyMs": 1000}, "sessionTarget": "main", "wakeMode": "x", "payload": map[string]any{"kind": "systemEvent", "text": "x"}},
		text(msg.CronSchedule{Kind: "every", EveryMs: -1}), "text", []int{1},
	} {
		if err := r.call("cron.add", bad, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if err := r.call("cron.runs", msg.CronRuns{ID: "x", Limit: -1}, nil); err == nil {
		t.Error("a negative limit is taken")
	}
}

func TestJobsAreBounded(t *testing.T) {
	r := newRig(t)
	s, err := New(r.config())
	if err != nil {
		t.Fatal(err)
	}
	for range maxJobs {
		e := &entry{times: func(int64) int64 { return 0 }}
		e.ID = strings.Repeat("x", len(s.entries)+1)
		s.entries[e.ID] = e
	}
	stop := r.run(s)
	if err := r.call("cron.add", text(hourly()), nil); err == nil || !strings.Contains(err.Error(), "no more are taken") {
		t.Errorf("one job more: %v", err)
	}
	stop()
}

// The history keeps the newest runs.
func TestHistoryIsBounded(t *testing.T) {
	r := newRig(t)
	s, err := New(r.config())
	if err != nil {
		t.Fatal(err)
	}
	defer r.run(s)()
	began := time.Now()
	for i := range 12 {
		told := make([]msg.CronEvent, 500)
		for n := range told {
			told[n] = msg.CronEvent{JobID: "x", Action: "finished", TS: int64(500*i + n)}
		}
		if err := s.store(job{CronJob: msg.CronJob{ID: "x"}}, told...); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("6000 runs in %s", time.Since(began))
	n := 0
	for _, err := range s.runs.From(0) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n < maxHistory || n >= maxHistory+64 {
		t.Errorf("%d runs are kept", n)
	}
}
