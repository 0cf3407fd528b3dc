package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"sync"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/profile/config"
)

const configText = "{\n  // the base port\n  gateway: { port: 18789 },\n}\n"

// owners stand for the components that own the methods, and note what they are
// asked to do.
type owners struct {
	f     *fixture
	mu    sync.Mutex
	asked map[string]json.RawMessage // the last params by method
	said  []msg.ChatMessage          // in the main session
	lines []string                   // of the log
	text  string                     // of the config file
	conn  string                     // of the client that watches the tab
}

// startWhole runs a gateway with an owner for every method of the pages, which
// beats, has one peer, and one incident behind it.
func startWhole(t *testing.T) (*fixture, *owners) {
	t.Helper()
	o := &owners{asked: map[string]json.RawMessage{}, text: configText}
	o.log("info", "ready port=18789")
	o.log("warn", "the disk is nearly full")
	methods := map[string]bus.Handler{
		"component.list": o.answer(components()), "component.restart": o.note("component.restart", msg.ComponentRestarted{Restarted: "canvas"}),
		"ports.list":     o.answer(portsList()),
		"incidents.list": o.answer(msg.IncidentsList{Incidents: []msg.Incident{incident()}}), "incidents.show": o.answer(msg.IncidentShown{Incident: incident()}),
		"rescue.status": o.answer(msg.RescueStatus{Peers: []msg.PeerStatus{{Profile: "rescue", Verdict: msg.VerdictDown, Policy: "repair", Incident: "20260102-150405.123-rescue-3f2a"}}}),
		"rescue.repair": o.note("rescue.repair", msg.RescueOutcome{Peer: "rescue", Action: msg.Action{What: "restart", Why: "its process is gone", Result: "begun"}}),
		"rescue.hold":   o.note("rescue.hold", msg.RescueOutcome{Peer: "rescue", Action: msg.Action{What: "hold", Result: "repairs are held until they are resumed"}}),
		"sessions.list": o.answer(msg.SessionList{Sessions: []msg.Session{{Key: "agent:main:main", DerivedTitle: "The disk", LastMessagePreview: "how is the disk", SessionEntry: msg.SessionEntry{UpdatedAt: time.Now().UnixMilli()}}}}),
		"chat.history":  o.history, "chat.send": o.send, "chat.abort": o.abort,
		"config.get": o.configGet, "config.schema": o.answer(msg.ConfigSchema{Schema: json.RawMessage(config.Schema())}),
		"config.plan": o.configPlan, "config.apply": o.configApply,
		"generations.list": o.answer(msg.GenerationsList{Running: 4, Source: "file", Generations: []msg.GenerationInfo{
			{N: 3, Hash: "aaaa", Time: time.UnixMilli(1_790_000_000_000), Source: "file", Verdict: "bad", Reason: "the bridge did not start"},
			{N: 4, Hash: "bbbb", Time: time.UnixMilli(1_790_000_060_000), Source: "file", Verdict: "good"},
			{N: 5, Hash: "cccc", Time: time.UnixMilli(1_790_000_120_000), Source: "file", Verdict: "probation"},
		}}),
		"generations.show":     o.answer(msg.GenerationShown{Raw: &o.text, Diff: "--- generation 3\n+++ file\n@@ -1 +1 @@\n-{}\n+{gateway: {}}\n"}),
		"generations.rollback": o.note("generations.rollback", msg.ConfigApplied{OK: true, Generation: 5, ProbationMs: 5000}),
		"events.since":         o.note("events.since", msg.EventsSince{Complete: true, Events: []msg.PastEvent{{Event: "incident", Payload: json.RawMessage("{}")}}}),
		"logs.tail":            o.logsTail, "browser.request": o.browser, "browser.watch": o.watch,
		"browser.unwatch": o.note("browser.unwatch", msg.OK{OK: true}),
	}
	o.f = start(t, "", methods)
	o.live(t)
	return o.f, o
}

// answer always says the same.
func (o *owners) answer(v any) bus.Handler {
	return func(context.Context, *bus.Request) (any, error) { return v, nil }
}

// note is answer that keeps the params.
func (o *owners) note(method string, v any) bus.Handler {
	return func(_ context.Context, r *bus.Request) (any, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asked[method] = r.Data
		return v, nil
	}
}

func (o *owners) last(method string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.asked[method])
}

// live beats for the gateway and for its peer, and tells the verdict on it.
func (o *owners) live(t *testing.T) {
	sp := o.f.bus.Subjects
	verdict := o.f.subject(sp.Peer("rescue"))
	ctx, cancel := context.WithCancel(context.Background())
	var beating sync.WaitGroup
	nc := o.f.bus.Conn(t)
	beating.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for seq := uint64(1); ; seq++ {
			own := msg.Beat{Profile: "main", Seq: seq, Phase: msg.PhaseReady, Generation: 4, Source: "file", Components: components().plain()}
			peer := own
			peer.Profile, peer.Components = "rescue", []msg.Component{{Name: "the-peers-bridge", State: msg.StateOK}}
			for subj, v := range map[string]any{
				sp.Beat(): own, "clawdbot.rescue.health.beat": peer,
				verdict: msg.Peer{Profile: "rescue", Verdict: msg.VerdictOK, Reason: "beats arrive", Since: time.Now().Add(-time.Minute).UnixMilli(), PID: 4711},
			} {
				if b, err := json.Marshal(v); err == nil {
					_ = nc.Publish(subj, b) // fails only when the test ends
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		beating.Wait()
	})
}

type componentList struct {
	Components []msg.ComponentInfo `json:"components"`
}

func (l componentList) plain() []msg.Component {
	var list []msg.Component
	for _, c := range l.Components {
		list = append(list, c.Component)
	}
	return list
}

func components() componentList {
	since := time.Now().Add(-time.Hour)
	return componentList{[]msg.ComponentInfo{
		{Component: msg.Component{Name: "canvas", State: msg.StateOK}, Since: since, Probe: msg.Probe{Did: "served a file of its own over HTTP", TookUs: 900}},
		{Component: msg.Component{Name: "bridge", State: msg.StateDegraded, Detail: "stuck: " + long}, Since: since, Restarts: 2},
	}}
}

// long is a text without a place to break it.
const long = "/a/very/long/path/without/any/space/in/it/that/must/not/make/the/page/wider/than/a/phone/clawdbot.json"

func portsList() msg.PortsList {
	return msg.PortsList{NextFree: 19213, Profiles: []msg.ProfilePorts{{Profile: "main", Running: true, Holders: []msg.PortUse{
		{Port: 18789, Component: "gateway", State: "held", PID: 4242, Program: "clawdbot"},
		{Port: 18790, Component: "bridge", State: "taken", PID: 99, Program: "nc", Summary: "port 18790 belongs to bridge of profile main, but nc holds it", Try: "clawdbot config set gateway.port 19213"},
	}}}}
}

func incident() msg.Incident {
	const began = 1_795_332_414_567
	return msg.Incident{
		ID: "20260102-150405.123-rescue-3f2a", Observer: "main", Peer: "rescue", Kind: msg.KindBadConfig, State: msg.IncidentHeld,
		Summary: "rescue does not run its config: " + long + ":3:7: gateway.port must be a number", Fingerprint: "bad-config gateway.port",
		Began: began, Detected: began + 800, DetectMs: 800, Verdict: msg.VerdictDown,
		Witnesses: []msg.Witness{{Name: "link", Said: "lost 12ms ago"}, {Name: "process", Said: "gone"}},
		Exit:      &msg.Exit{Manager: "systemd", Unit: "clawdbot-gateway-rescue.service", State: "failed", Status: 78},
		Config: &msg.ConfigState{Generation: 3, Source: "fallback", LastGood: 2, Reason: "the file is refused",
			Issues: []string{"clawdbot.json:3:7: gateway.port: must be a whole number"}, Diff: "--- last good\n+++ file\n@@ -1,3 +1,3 @@\n {\n-  port: 18789,\n+  port: \"x\",\n }\n"},
		LastLog:  []msg.LogLine{{Time: "2026-01-02T15:04:05.123Z", Level: "error", Component: "config", Msg: "refused", Attrs: map[string]any{"line": 3}}},
		Actions:  []msg.Action{{At: began + 4000, What: "restart", Why: "its process is gone", By: "rescue", TookMs: 20, Result: "done"}},
		Timeline: []msg.Moment{{At: began, What: "first sign of trouble"}, {At: began + 800, What: "down: link lost and its process is gone"}, {At: began + 9000, What: "held: three repairs in 15 minutes"}},
	}
}

func text(role, said string) msg.ChatMessage {
	return msg.ChatMessage{Role: role, Content: []msg.ChatContent{{Type: "text", Text: said}}, Timestamp: time.Now().UnixMilli()}
}

func (o *owners) history(_ context.Context, r *bus.Request) (any, error) {
	var q msg.ChatQuery
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	h := msg.ChatHistory{SessionKey: q.SessionKey, Messages: []msg.ChatMessage{}}
	if q.SessionKey == "agent:main:main" {
		h.Messages = append(h.Messages, o.said...)
	}
	return h, nil
}

// send begins an answer; the message "finish" ends it.
func (o *owners) send(_ context.Context, r *bus.Request) (any, error) {
	var q msg.ChatSend
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.said = append(o.said, text("user", q.Message))
	o.mu.Unlock()
	begun := text("assistant", "It is half")
	o.f.event("chat", msg.ChatEvent{RunID: q.IdempotencyKey, SessionKey: q.SessionKey, Seq: 1, State: "delta", Message: &begun})
	return msg.ChatSent{RunID: q.IdempotencyKey, Status: "started"}, nil
}

// finish ends the answer as it would without an abort.
func (o *owners) finish() {
	whole := text("assistant", "It is half full.")
	o.mu.Lock()
	o.said = append(o.said, whole)
	o.mu.Unlock()
	o.f.event("chat", msg.ChatEvent{RunID: "r", SessionKey: "agent:main:main", Seq: 2, State: "final", Message: &whole})
}

func (o *owners) abort(ctx context.Context, r *bus.Request) (any, error) {
	var q msg.ChatAbort
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	part := text("assistant", "It is half")
	part.StopReason = "aborted"
	o.mu.Lock()
	o.said = append(o.said, part)
	o.mu.Unlock()
	o.f.event("chat", msg.ChatEvent{RunID: q.RunID, SessionKey: q.SessionKey, Seq: 2, State: "aborted"})
	return o.note("chat.abort", msg.ChatAborted{OK: true, Aborted: true, RunIDs: []string{q.RunID}})(ctx, r)
}

func (o *owners) configGet(context.Context, *bus.Request) (any, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tree := map[string]any{"gateway": map[string]any{"port": 18789}}
	raw := o.text
	return msg.ConfigFile{
		Path: "/p/clawdbot.json", Exists: true, Raw: &raw, Parsed: tree, Config: tree, Valid: true, Hash: fmt.Sprintf("%x", len(o.text)),
		Issues: []string{}, Warnings: []string{"clawdbot.json:2:3: gatway: unknown key; did you mean gateway?"},
	}, nil
}

// rewrite is another one's edit of the config file.
func (o *owners) rewrite(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = text
}

func (o *owners) configPlan(ctx context.Context, r *bus.Request) (any, error) {
	raw := "{ gateway: { port: 19000 } }"
	return o.note("config.plan", msg.ConfigPlanned{
		Valid: true, Raw: &raw, Issues: []msg.ConfigIssue{}, Effect: "restart", Against: 4,
		Changes: []msg.PlannedChange{{Path: "gateway.port", Effect: "restart", Why: "18789 becomes 19000: every port follows from it"}},
	})(ctx, r)
}

func (o *owners) configApply(ctx context.Context, r *bus.Request) (any, error) {
	return o.note("config.apply", msg.ConfigApplied{OK: true, Generation: 5, Effect: "restart", ProbationMs: 5000})(ctx, r)
}

func (o *owners) log(level, said string) {
	line, err := json.Marshal(msg.LogLine{Time: "2026-01-02T15:04:05.123Z", Level: level, Profile: "main", Component: "store", Msg: said})
	if err != nil {
		panic(err) // strings always encode
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, string(line))
}

// logsTail counts its cursor in lines.
func (o *owners) logsTail(_ context.Context, r *bus.Request) (any, error) {
	var q msg.LogQuery
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return msg.LogTail{File: "/p/logs/gateway.log", Cursor: int64(len(o.lines)), Lines: append([]string{}, o.lines[q.Cursor:]...)}, nil
}

// picture is a PNG of some colours.
func picture() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 640, 400))
	for i := range m.Pix {
		m.Pix[i] = byte(255 - i%4*(i/2560)/8)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a picture of that size always encodes
	}
	return b.Bytes()
}

// watch sends the client that asks a frame at once.
func (o *owners) watch(ctx context.Context, r *bus.Request) (any, error) {
	var q msg.BrowserWatch
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	o.frame(r.Header.Get(rpc.HeaderConn), msg.BrowserFrame{ContentType: "image/png", Data: picture(), Width: 640, Height: 400})
	return o.note("browser.watch", msg.BrowserWatched{Profile: q.Profile, TargetID: q.TargetID, LeaseMs: 400})(ctx, r)
}

// frame sends a frame of the tab to one client, the last one for "".
func (o *owners) frame(conn string, f msg.BrowserFrame) {
	o.mu.Lock()
	if conn == "" {
		conn = o.conn
	}
	o.conn = conn
	o.mu.Unlock()
	f.Profile, f.TargetID, f.TS = "clawd", "T1", time.Now().UnixMilli()
	payload, err := json.Marshal(f)
	if err != nil {
		panic(err) // plain structs always encode
	}
	o.f.publish(o.f.subject(o.f.bus.Subjects.Client(conn)), msg.ClientEvent{Event: "browser.frame", Payload: payload})
}

func (o *owners) browser(ctx context.Context, r *bus.Request) (any, error) {
	var q msg.BrowserRequest
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	tab := map[string]any{"targetId": "T1", "title": "Example", "url": "https://example.org/" + long, "type": "page"}
	switch q.Method + " " + q.Path {
	case "GET /profiles":
		return map[string]any{"profiles": []map[string]any{{"name": "clawd", "running": true, "tabCount": 1, "isDefault": true}}}, nil
	case "GET /tabs":
		return map[string]any{"running": true, "tabs": []any{tab}}, nil
	case "GET /snapshot":
		return map[string]any{"format": "aria", "nodes": []any{
			map[string]any{"ref": "ax1", "role": "RootWebArea", "name": "A page", "depth": 0},
			map[string]any{"ref": "ax2", "role": "button", "name": "Go", "depth": 1},
		}}, nil
	}
	return o.note("browser.request", tab)(ctx, r)
}
