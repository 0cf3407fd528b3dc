//go:build unix

package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

// core serves methods as a gateway's own core does.
func core(t *testing.T, c *crew, on *stage, answers map[string]any) {
	t.Helper()
	nc, err := on.rescue.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	var endpoints []bus.Endpoint
	for method, answer := range answers {
		subj, err := on.rescue.Subjects.RPC(method)
		if err != nil {
			t.Fatal(err)
		}
		endpoints = append(endpoints, bus.Endpoint{
			Name: strings.ReplaceAll(method, ".", "-"), Subject: subj,
			Handle: func(context.Context, *bus.Request) (any, error) { return answer, nil },
		})
	}
	svc, err := bus.Serve(bus.ServiceConfig{Name: "core", Version: "1.2.3", Profile: "main", Conn: nc, Endpoints: endpoints})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Stop() })
}

// refusedFile is a core whose gateway runs on generation 7 because of line 3.
func refusedFile() map[string]any {
	line, _ := json.Marshal(msg.LogLine{Time: "2026-01-02T15:04:05.000Z", Level: "error", Profile: "main", Msg: "config refused"})
	return map[string]any{
		"config.get": msg.ConfigFile{Issues: []string{"clawdbot.json:3:12: gateway.port: must be a whole number"}},
		"generations.list": map[string]any{
			"generations": []config.Generation{{N: 6, Verdict: config.Good}, {N: 7, Verdict: config.Good}, {N: 8, Verdict: config.Bad}},
			"running":     7, "source": "fallback", "reason": "clawdbot.json:3:12: gateway.port: must be a whole number; running generation 7",
		},
		"component.list": map[string]any{"components": []msg.Component{{Name: "bridge", State: msg.StateOK}}},
		"logs.tail":      msg.LogTail{Lines: []string{string(line), "not a line of ours"}},
	}
}

// mirror runs a rescue component on main's bus, as main does, to be asked by
// its peer.
func (c *crew) mirror(answers map[string]any) {
	c.t.Helper()
	m := &stage{t: c.t, rescue: c.main, registry: c.registry, store: c.store, hands: idle{}}
	m.settings.Store(&config.Rescue{})
	s, err := store.Open(store.Config{Dir: filepath.Join(c.t.TempDir(), "store")})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = s.Close() })
	m.store = s
	core(c.t, c, m, answers)
	m.run()
}

// TestBadConfigTellsTheLine: main crashed and came back by itself on its last
// good generation, because its file cannot be used.
func TestBadConfigTellsTheLine(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.manager.State = "activating"
	c.evidence.Config = &msg.ConfigState{Generation: 7, LastGood: 7, Diff: "-1\n+x\n"}
	c.mirror(refusedFile())
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.next("starts it again by itself")
	c.set(func() { c.source = "fallback" })
	c.mustLive()
	i := c.resolved()
	line := "clawdbot.json:3:12: gateway.port: must be a whole number"
	if i.Kind != msg.KindBadConfig || !strings.Contains(i.Summary, line) || !strings.Contains(i.Result, "on generation 7, instead of its config file") {
		t.Errorf("%s: %q, %q", i.Kind, i.Summary, i.Result)
	}
	if cfg := i.Config; cfg.Source != "fallback" || cfg.LastGood != 7 || len(cfg.Issues) != 1 || cfg.Diff == "" || cfg.Verdict != "good" {
		t.Errorf("config %+v", cfg)
	}
	// What is told once is no second incident, until it is something else.
	c.verdict(msg.VerdictOK)
	if st := c.next(""); st.Incident != "" {
		t.Errorf("a second incident: %+v", st)
	}
	c.set(func() { c.source = "file" })
	c.until("it runs the file", func([]msg.Peer) bool { return c.heard("file") })
	c.set(func() { c.source = "fallback" })
	again := c.await("a new one", func(n msg.Incident) bool { return n.ID != i.ID && n.Config != nil })
	if again.Kind != msg.KindBadConfig || again.State != msg.IncidentOpen || !strings.Contains(again.Summary, line) || len(again.LastLog) != 1 || c.deeds() != "" {
		t.Errorf("%s %s: %q, log %v; hands %q", again.Kind, again.State, again.Summary, again.LastLog, c.deeds())
	}
	c.set(func() { c.source = "file" })
	if done := c.resolved(); done.ID != again.ID || !strings.HasPrefix(done.Result, "it is over after ") {
		t.Errorf("%s: %q", done.ID, done.Result)
	}
}

// heard says whether a beat with the source has been judged: a second one was
// sent since the source was set, and the component answers after it.
func (c *crew) heard(source string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source == source && c.beat.Source == source && c.beat.Seq > c.marked+2
}

// TestTroublesOfALivingPeer are incidents, and nobody touches it for them.
func TestTroublesOfALivingPeer(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		component msg.Component
		kind      msg.IncidentKind
		summary   string
	}{
		"failed":  {msg.Component{Name: "bridge", State: msg.StateFailed, Detail: "port is gone"}, msg.KindComponentStuck, "bridge of main does not work: port is gone"},
		"stuck":   {msg.Component{Name: "browser", State: msg.StateDegraded, Detail: "stuck: does not do its work"}, msg.KindComponentStuck, "browser of main does not work: stuck"},
		"full":    {msg.Component{Name: "store", State: msg.StateFailed, Detail: "no space left on device"}, msg.KindDiskFull, "the store of main is failed: no space"},
		"damaged": {msg.Component{Name: "store", State: msg.StateDegraded, Detail: "was damaged and replaced"}, msg.KindStoreCorrupt, "the store of main is degraded: was damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrew(t)
			c.mustLive()
			c.watch()
			c.verdict(msg.VerdictOK)
			c.set(func() {
				c.beat.Components = []msg.Component{want.component, {Name: "canvas", State: msg.StateDegraded, Detail: "no folder yet"}}
			})
			i := c.await("it is told", func(i msg.Incident) bool { return i.State == msg.IncidentOpen })
			if i.Kind != want.kind || !strings.HasPrefix(i.Summary, want.summary) || i.Verdict != msg.VerdictDegraded {
				t.Errorf("%s (%s): %q", i.Kind, i.Verdict, i.Summary)
			}
			c.next("it runs: a restart is not what it lacks")
			c.refused("rescue.repair", msg.RescueOrder{Peer: "main"}, "nothing to repair: main is degraded")
			c.set(func() { c.beat.Components = nil })
			if i := c.resolved(); c.deeds() != "" || whats(i) != "" {
				t.Errorf("hands %q, actions %q", c.deeds(), whats(i))
			}
		})
	}
	t.Run("only the link", func(t *testing.T) {
		t.Parallel()
		c := newCrew(t)
		c.mustLive()
		c.watch()
		c.verdict(msg.VerdictOK)
		c.set(func() { c.beating = false }) // /healthz goes on
		if i := c.await("it is told", func(i msg.Incident) bool { return i.State == msg.IncidentOpen }); i.Kind != msg.KindLinkOnly {
			t.Errorf("%s: %q", i.Kind, i.Summary)
		}
		c.set(func() { c.beating = true })
		if c.resolved(); c.deeds() != "" {
			t.Errorf("hands %q", c.deeds())
		}
	})
	t.Run("one that then dies", func(t *testing.T) {
		t.Parallel()
		c := newCrew(t)
		c.mustLive()
		c.watch()
		c.verdict(msg.VerdictOK)
		c.set(func() { c.beat.Components = []msg.Component{{Name: "bridge", State: msg.StateFailed, Detail: "gone"}} })
		first := c.await("it is told", func(i msg.Incident) bool { return i.State == msg.IncidentOpen })
		c.kill()
		if i := c.resolved(); i.ID != first.ID || !strings.HasPrefix(i.Result, "then main failed") {
			t.Errorf("%s: %q", i.ID, i.Result)
		}
		if i := c.resolved(); i.ID == first.ID || whats(i) != "restart" {
			t.Errorf("%s: %+v", i.ID, i.Actions)
		}
	})
}

// TestForgedLifeIsNotBelieved: a beat of a boot that is not registered says
// nothing, also when the peer is dead.
func TestForgedLifeIsNotBelieved(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.settings.Store(&config.Rescue{Policy: config.PolicyObserve})
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.verdict(msg.VerdictDown)
	c.set(func() { c.beat.Boot, c.beat.Seq, c.beating, c.marked = "forged", 0, true, 0 })
	c.until("some came", func([]msg.Peer) bool { c.mu.Lock(); defer c.mu.Unlock(); return c.beat.Seq > 4 })
	if l := c.list(); l[0].Verdict != msg.VerdictDown {
		t.Errorf("main is %s (%s)", l[0].Verdict, l[0].Reason)
	}
}

func TestPeerThatIsRemovedEndsItsIncident(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.settings.Store(&config.Rescue{Policy: config.PolicyObserve})
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.next("observe")
	if err := c.registry.Remove("main"); err != nil {
		t.Fatal(err)
	}
	if i := c.resolved(); !strings.HasPrefix(i.Result, "main is not watched any more after") {
		t.Errorf("%q", i.Result)
	}
}

// TestBrokenStoreDoesNotSilenceTheObserver: the incident is told, listed and
// repaired, and the component says that it is not kept.
func TestBrokenStoreDoesNotSilenceTheObserver(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	sub, err := c.observer.SubscribeSync(c.stage.rescue.Subjects.Healths())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.observer.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := c.store.Close(); err != nil {
		t.Fatal(err)
	}
	c.kill()
	i := c.resolved()
	if whats(i) != "restart" {
		t.Errorf("%+v", i.Actions)
	}
	for {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatal("it does not say that incidents are not kept:", err)
		}
		var h msg.Component
		if json.Unmarshal(m.Data, &h) == nil && h.Name == "rescue" && h.State == msg.StateDegraded {
			break
		}
	}
	var list msg.IncidentsList
	c.ask("incidents.list", msg.IncidentsQuery{Peer: "main"}, &list)
	if len(list.Incidents) != 1 || list.Incidents[0].ID != i.ID {
		t.Errorf("%+v", list)
	}
}

func TestIncidentsList(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	b := newBook(c.store, nil)
	for n, peer := range []string{"main", "dev", "main", "main"} {
		body, err := json.Marshal(msg.Incident{
			ID: fmt.Sprintf("2026010%d-%s", n, peer), Peer: peer, State: msg.IncidentResolved,
			LastLog: []msg.LogLine{{Msg: "x"}}, Config: &msg.ConfigState{Diff: "x"},
		})
		if err != nil {
			t.Fatal(err)
		}
		b.put(kindIncident, fmt.Sprintf("2026010%d-%s", n, peer), body)
	}
	if err := b.write(); err != nil {
		t.Fatal(err)
	}
	c.mustLive()
	c.watch()
	for want, q := range map[string]msg.IncidentsQuery{
		"20260103-main 20260102-main 20260101-dev 20260100-main": {},
		"20260103-main 20260102-main":                            {Peer: "main", Limit: 2},
		"20260101-dev":                                           {Peer: "dev"},
		"":                                                       {Peer: "nobody"},
	} {
		var list msg.IncidentsList
		c.ask("incidents.list", q, &list)
		var ids []string
		for _, i := range list.Incidents {
			ids = append(ids, i.ID)
			if i.LastLog != nil || i.Config.Diff != "" {
				t.Errorf("%s comes with its log or difference", i.ID)
			}
		}
		if got := strings.Join(ids, " "); got != want || list.Incidents == nil {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
	c.refused("incidents.show", msg.IncidentQuery{ID: "none"}, `no incident "none"`)
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mirror(refusedFile())
	c.observer = c.stage.rescue.Conn(t)
	subj, err := c.main.Subjects.Rescue("diagnose")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var d msg.Diagnosis
	for bus.Call(ctx, c.observer, subj, nil, &d) != nil && ctx.Err() == nil { // until the link knows of it
	}
	if d.Profile != "main" || d.Config.Generation != 7 || d.Config.LastGood != 7 || len(d.Config.Issues) != 1 || len(d.Components) != 1 || len(d.LastLog) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestProbeIsTheWatchLoop(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	srv, err := New(c.config())
	if err != nil {
		t.Fatal(err)
	}
	c.observer = c.stage.rescue.Conn(t)
	subj, err := c.stage.rescue.Subjects.Probe("rescue")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var p msg.Probe
	var failed *bus.Error
	if err := bus.Call(ctx, c.observer, subj, nil, &p); !errors.As(err, &failed) { // the loop does not run yet
		t.Errorf("%+v, %v", p, err)
	}
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(run) }()
	if err := bus.Call(ctx, c.observer, subj, nil, &p); err != nil || !strings.Contains(p.Did, "watch loop") {
		t.Errorf("%+v, %v", p, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	for field, remove := range map[string]func(*Config){
		"Dial": func(c *Config) { c.Dial = nil }, "DialSystem": func(c *Config) { c.DialSystem = nil },
		"Settings": func(c *Config) { c.Settings = nil }, "Store": func(c *Config) { c.Store = nil },
		"Hands": func(c *Config) { c.Hands = nil }, "Log": func(c *Config) { c.Log = nil },
	} {
		cfg := c.config()
		remove(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("without %s: %v", field, err)
		}
	}
}

// TestUnchangedIsProvenBeforeEachRepair: what happened since the verdict.
func TestUnchangedIsProvenBeforeEachRepair(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.mustLive()
	s := &Server{cfg: c.config()}
	failed := c.peer
	for name, step := range map[string]struct {
		hung   bool
		change func()
		want   string
	}{
		"it hangs still":   {true, func() {}, ""},
		"it runs":          {false, func() {}, "main runs"},
		"another runs":     {false, func() { i := failed; i.Process = proc.Identity{PID: 1, Start: "x"}; c.register(i) }, "another process of main runs by now"},
		"stopped in order": {false, func() { i := failed; i.Process, i.StoppedAt = proc.Identity{}, time.Now(); c.register(i) }, "main was stopped in order"},
	} {
		step.change()
		err := (&job{s: s, peer: failed, hung: step.hung}).unchanged(time.Now())
		if got := fmt.Sprint(err); err == nil && step.want != "" || err != nil && got != step.want {
			t.Errorf("%s: %v, want %q", name, err, step.want)
		}
		c.register(failed)
	}
	s.nc = c.stage.rescue.Conn(t)
	j := &job{s: s, peer: failed, hung: true}
	if err := j.silent(t.Context()); err == nil || err.Error() != "main answers again" {
		t.Errorf("a peer that answers: %v", err)
	}
	c.status.Store(503)
	if err := j.silent(t.Context()); err != nil {
		t.Errorf("a peer that does not answer: %v", err)
	}
	c.kill()
	if err := (&job{s: s, peer: failed}).unchanged(time.Now()); err != nil {
		t.Error(err)
	}
	if err := (&job{s: s, peer: failed, hung: true}).unchanged(time.Now()); err == nil {
		t.Error("it hangs no more, it is gone")
	}
}

func TestLongIncidentIsBounded(t *testing.T) {
	d := &dossier{incident: &msg.Incident{}}
	now := time.Now()
	d.note(now, "first")
	for n := range 3 * maxTimeline {
		d.note(now.Add(time.Duration(n)*time.Second), fmt.Sprint("again ", n))
	}
	d.note(now.Add(time.Hour), "last")
	line := d.incident.Timeline
	if len(line) != maxTimeline || line[0].What != "first" || line[len(line)-1].What != "last" {
		t.Errorf("%d lines, from %v to %v", len(line), line[0], line[len(line)-1])
	}
	d.failures = []failure{{at: now}}
	if quick, slow := d.pace(time.Second, now), d.pace(time.Second, now.Add(time.Hour)); quick != time.Second || slow < 10*time.Second {
		t.Errorf("looked at every %s, and later every %s", quick, slow)
	}
}

// TestRecordHoldsNoSecret: log lines and differences come from files that may hold any.
func TestRecordHoldsNoSecret(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.set(func() {
		c.evidence.LastLog = []msg.LogLine{{Msg: "GET /v1 Authorization: Bearer planted-secret-1", Attrs: map[string]any{"apiKey": "planted-secret-2"}}}
		c.evidence.Config = &msg.ConfigState{Generation: 1, Diff: "+  apiToken: \"planted-secret-3\",\n"}
	})
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	i := c.resolved()
	body, err := json.Marshal(i)
	if err != nil || len(i.LastLog) != 1 || i.LastLog[0].Msg == "" {
		t.Fatalf("%v: %s", err, body)
	}
	if strings.Contains(string(body), "planted-secret") {
		t.Errorf("the record has a secret: %s", body)
	}
}
