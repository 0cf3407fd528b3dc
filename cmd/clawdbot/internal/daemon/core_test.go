package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

// call asks one of the gateway's methods as its own components do.
func (g *gatewayUnderTest) call(method string, in, out any) error {
	g.t.Helper()
	nc, err := g.d.bus.Dial()
	if err != nil {
		g.t.Fatal(err)
	}
	defer nc.Close()
	subj, err := g.p.Subjects().RPC(method)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return bus.Call(ctx, nc, subj, in, out)
}

func (g *gatewayUnderTest) mustCall(method string, in, out any) {
	g.t.Helper()
	if err := g.call(method, in, out); err != nil {
		g.t.Fatalf("%s: %v", method, err)
	}
}

// sees waits until the gateway's own list has the peer with the verdict.
func (g *gatewayUnderTest) sees(peer string, want msg.Verdict) {
	g.t.Helper()
	for deadline := time.After(15 * time.Second); ; {
		var list struct{ Peers []msg.Peer }
		g.mustCall("peers.list", nil, &list)
		if i := slices.IndexFunc(list.Peers, func(p msg.Peer) bool { return p.Profile == peer }); i >= 0 && list.Peers[i].Verdict == want {
			return
		}
		select {
		case <-deadline:
			g.t.Fatalf("%s does not see %s as %s: %+v", g.p.Name, peer, want, list.Peers)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// refuses wants INVALID_REQUEST with a sentence that has the words.
func (g *gatewayUnderTest) refuses(method string, in any, words string) {
	g.t.Helper()
	var e *bus.Error
	if err := g.call(method, in, nil); !errors.As(err, &e) || e.Code != bus.CodeInvalidRequest || !strings.Contains(e.Message, words) {
		g.t.Errorf("%s %v: got %v, want INVALID_REQUEST with %q", method, in, err, words)
	}
}

func TestGrantHoldsAtOnceUntilItIsRevoked(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	ask := bus.User{Name: "weather", Publish: []string{"clawdbot.main.in.weather"}, Subscribe: []string{"clawdbot.main.event.>"}}
	connect := func(grant msg.BusGrant) (*nats.Conn, error) {
		return nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", grant.Port), nats.UserInfo(grant.User, grant.Password),
			nats.CustomInboxPrefix(grant.InboxPrefix), nats.NoReconnect())
	}
	var first, second msg.BusGrant
	g.mustCall("bus.grant", ask, &first)
	nc, err := connect(first)
	if err != nil {
		t.Fatalf("the answer came before the grant held: %v", err)
	}
	defer nc.Close()
	ended := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(ended) })

	var users struct{ Users []bus.User }
	g.mustCall("bus.users", nil, &users)
	if len(users.Users) != 3 || users.Users[2].Name != "weather" || users.Users[2].Password != "" {
		t.Errorf("users are %+v", users.Users)
	}
	g.mustCall("bus.grant", ask, &second) // a new password takes the place of the old
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the old password's connection goes on")
	}
	if nc, err := connect(first); err == nil {
		nc.Close()
		t.Error("the old password still lets in")
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	g = h.start(g.p, h.base) // a grant outlives the gateway
	if nc, err = connect(second); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	g.mustCall("bus.revoke", bus.User{Name: "weather"}, nil)
	if nc, err := connect(second); err == nil {
		nc.Close()
		t.Error("a revoked grant lets in")
	}
	g.refuses("bus.revoke", bus.User{Name: "weather"}, `no grant named "weather"`)
	g.refuses("bus.grant", bus.User{Name: "svc", Publish: ask.Publish}, "name of the gateway's own")
}

func TestBusInfoTellsOfPeers(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	h.start(h.profile("rescue"), h.base+ports.Step)
	for deadline := time.After(10 * time.Second); ; {
		var info msg.BusInfo
		g.mustCall("bus.info", nil, &info)
		if info.Name != "main" || info.Port != h.base+ports.OffsetBus {
			t.Fatalf("got %+v", info)
		}
		if len(info.Peers) == 1 && info.Peers[0] == "rescue" && info.Links == 1 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("no link to rescue: %+v", info)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestConfigGetKeepsSecrets(t *testing.T) {
	const secret = "a-token-that-nobody-may-read-0001"
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{gateway: {auth: {token: '"+secret+"'}, prot: 1}}")
	g := h.start(p, h.base)
	var raw json.RawMessage
	g.mustCall("config.get", nil, &raw)
	if strings.Contains(string(raw), secret) {
		t.Errorf("config.get shows the token: %s", raw)
	}
	var f msg.ConfigFile
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	if !f.Exists || !f.Valid || f.Hash == "" || len(f.Warnings) != 1 || len(f.Issues) != 0 {
		t.Errorf("got %+v", f)
	}
	h.write(p, "{gateway: ") // it tells of the file as it is now
	g.mustCall("config.get", nil, &f)
	if f.Valid || len(f.Issues) == 0 || !strings.Contains(f.Issues[0], "clawdbot.json:1:") {
		t.Errorf("a broken file: %+v", f)
	}
	var gens msg.GenerationsList
	g.mustCall("generations.list", nil, &gens)
	if len(gens.Generations) != 1 || gens.Running != 1 || gens.Source != string(config.FromFile) {
		t.Errorf("generations: %+v", gens)
	}
	var schema struct {
		Schema, UIHints map[string]any
		GeneratedAt     time.Time
	}
	g.mustCall("config.schema", nil, &schema)
	if schema.Schema["$schema"] == nil || schema.UIHints == nil || schema.GeneratedAt.IsZero() {
		t.Errorf("schema: %v", schema)
	}
}

func TestStateMethods(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	var list struct{ Keys []struct{ Key string } }
	g.mustCall("state.ls", msg.StateList{Prefix: "config/generation/"}, &list)
	if len(list.Keys) != 1 || list.Keys[0].Key != "config/generation/1" {
		t.Errorf("keys: %+v", list)
	}
	var got struct {
		Key   string
		Value config.Generation
	}
	g.mustCall("state.get", msg.StateGet{Key: "config/generation/1"}, &got)
	if got.Key != "config/generation/1" || got.Value.Verdict != config.Probation || strings.Contains(string(got.Value.Text()), g.d.settings().token) {
		t.Errorf("got %+v", got)
	}
	g.mustCall("bus.grant", msg.BusUser{Name: "weather", Publish: []string{"clawdbot.main.in.weather"}}, nil)
	var grant struct{ Value bus.User }
	g.mustCall("state.get", msg.StateGet{Key: "bus/grant/weather"}, &grant)
	if grant.Value.Name != "weather" || grant.Value.Password != config.Redacted {
		t.Errorf("a password outside the answer of bus.grant: %+v", grant)
	}
	g.refuses("state.get", msg.StateGet{Key: "config/generation/9"}, `no key "config/generation/9"`)
	g.refuses("state.get", msg.StateGet{Key: "/"}, `no key "/"`)
	g.refuses("state.ls", map[string]any{"limit": "many"}, "limit: must be a whole number")
	var made struct{ Path string }
	g.mustCall("state.checkpoint", nil, &made)
	if _, err := os.Stat(made.Path); err != nil {
		t.Error(err)
	}
	g.mustCall("state.verify", nil, nil)
}

func TestLogsTail(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	for _, bad := range []msg.LogQuery{{Limit: -1}, {Limit: tailMaxLines + 1}, {MaxBytes: tailMaxBytes + 1}, {Cursor: -1}} {
		g.refuses("logs.tail", bad, "limit must be 1 to 5000")
	}
	// The rest is asked of a file of its own, that nobody else writes to.
	d := newDaemon(Options{}, trial{})
	d.logPath = h.home + "/a.log"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(d.logPath, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tail := func(q msg.LogQuery) msg.LogTail {
		t.Helper()
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		out, err := d.logsTail(t.Context(), &bus.Request{Data: body})
		if err != nil {
			t.Fatal(err)
		}
		return out.(msg.LogTail)
	}
	check := func(what string, got msg.LogTail, cursor int64, truncated, reset bool, lines ...string) {
		t.Helper()
		if strings.Join(got.Lines, "|") != strings.Join(lines, "|") || got.Cursor != cursor || got.Truncated != truncated || got.Reset != reset {
			t.Errorf("%s: got %+v", what, got)
		}
	}
	write("")
	check("empty", tail(msg.LogQuery{}), 0, false, false)
	write("one\ntwo\nthr")
	check("a line that is being written", tail(msg.LogQuery{}), 8, false, false, "one", "two")
	check("nothing new but its beginning", tail(msg.LogQuery{Cursor: 8}), 8, false, false)
	write("one\ntwo\nthree\n")
	check("after the cursor", tail(msg.LogQuery{Cursor: 8}), 14, false, false, "three")
	check("the last lines", tail(msg.LogQuery{Limit: 2}), 14, true, false, "two", "three")
	check("the last bytes", tail(msg.LogQuery{MaxBytes: 8}), 14, true, false, "three")
	check("bytes that begin with a line", tail(msg.LogQuery{MaxBytes: 10}), 14, true, false, "two", "three")
	check("rotated", tail(msg.LogQuery{Cursor: 99}), 14, false, true, "one", "two", "three")
	check("a line longer than what is asked for", tail(msg.LogQuery{MaxBytes: 3}), 14, true, false)
	if err := os.Remove(d.logPath); err != nil {
		t.Fatal(err)
	}
	check("rotated just now", tail(msg.LogQuery{Cursor: 9}), 0, false, true)
}

func TestLogFileThatIsRotatedAway(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	if st, err := os.Stat(g.d.logPath); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("log file: %v, %v", st, err)
	}
	var l msg.LogTail
	g.mustCall("logs.tail", msg.LogQuery{Limit: 5}, &l)
	if len(l.Lines) == 0 || l.File != g.p.LogFile() {
		t.Fatalf("got %+v", l)
	}
	var line msg.LogLine
	if err := json.Unmarshal([]byte(l.Lines[0]), &line); err != nil || line.Profile != "main" || line.Level == "" {
		t.Errorf("line %q (%v)", l.Lines[0], err)
	}
	if profile.InUse(h.base+ports.OffsetMonitor) || profile.InUse(h.base+ports.OffsetWebSocket) {
		t.Error("a listener that is off listens")
	}
}
