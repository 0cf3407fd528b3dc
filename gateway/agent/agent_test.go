package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a bus and a store on which agents come and go.
type rig struct {
	*testing.T
	bus       *bustest.Bus
	dir       string
	nc        *nats.Conn
	responder Responder // nil means the commands
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigIn(t, filepath.Join(t.TempDir(), "store"))
}

func newRigIn(t *testing.T, dir string) *rig {
	t.Helper()
	b := bustest.Start(t, "main")
	return &rig{T: t, bus: b, dir: dir, nc: b.Conn(t)}
}

// quick retries without making a test wait.
var quick = Limits{RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond, Ack: 5 * time.Second}

// start runs an agent until stop is called or the test ends.
func (r *rig) start(limits Limits) (a *Agent, stop func()) {
	r.Helper()
	s, err := store.Open(store.Config{Dir: r.dir})
	if err != nil {
		r.Fatal(err)
	}
	return r.startOn(s, limits)
}

func (r *rig) startOn(s *store.Store, limits Limits) (a *Agent, stop func()) {
	r.Helper()
	a, err := New(r.config(s, limits))
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			r.Errorf("Run: %v", err)
		}
		if err := s.Close(); err != nil && s.Err() == nil {
			r.Errorf("store: %v", err)
		}
	}
	r.Cleanup(stop)
	return a, stop
}

func (r *rig) config(s *store.Store, limits Limits) Config {
	return Config{
		Subjects: r.bus.Subjects, Dial: r.bus.Dial, Version: "1.2.3", Store: s, Limits: limits, Responder: r.responder,
		Log: slog.New(slog.NewTextHandler(r.Output(), nil)),
	}
}

func (r *rig) send(channel string, in msg.In) (msg.Accepted, error) {
	r.Helper()
	subj, err := r.bus.Subjects.In(channel)
	if err != nil {
		r.Fatal(err)
	}
	var accepted msg.Accepted
	return accepted, bus.Call(r.Context(), r.nc, subj, in, &accepted)
}

func (r *rig) mustSend(channel string, in msg.In) msg.Accepted {
	r.Helper()
	accepted, err := r.send(channel, in)
	if err != nil {
		r.Fatal(err)
	}
	return accepted
}

// connect is a connector that acknowledges what it gets.
func (r *rig) connect(channel string) <-chan msg.Out {
	r.Helper()
	got := make(chan msg.Out, 1000)
	r.connectWith(channel, func(out msg.Out) error { got <- out; return nil })
	return got
}

func (r *rig) connectWith(channel string, handle func(msg.Out) error) (disconnect func()) {
	r.Helper()
	subj, err := r.bus.Subjects.Out(channel)
	if err != nil {
		r.Fatal(err)
	}
	svc, err := bus.Serve(bus.ServiceConfig{
		Name: "connector", Version: "1.0.0", Profile: "main", Conn: r.bus.Conn(r),
		Endpoints: []bus.Endpoint{{Name: "out", Subject: subj, Handle: func(_ context.Context, req *bus.Request) (any, error) {
			var out msg.Out
			if err := req.Decode(&out); err != nil {
				return nil, err
			}
			return struct{}{}, handle(out)
		}}},
	})
	if err != nil {
		r.Fatal(err)
	}
	return func() {
		if err := svc.Stop(); err != nil {
			r.Error(err)
		}
	}
}

func (r *rig) receive(from <-chan msg.Out) msg.Out {
	r.Helper()
	select {
	case out := <-from:
		return out
	case <-time.After(10 * time.Second):
		r.Fatal("no answer in 10 s")
		return msg.Out{}
	}
}

func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("not in 10 s: %s", what)
		}
	}
}

func TestAnswer(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	telegram := r.connect("telegram")
	accepted := r.mustSend("telegram", msg.In{ID: "m1", From: "ann", Thread: "t", Text: "hello"})
	if accepted != (msg.Accepted{Seq: 1}) {
		t.Errorf("accepted %+v", accepted)
	}
	out := r.receive(telegram)
	want := msg.Out{Seq: 1, InReply: 1, To: "ann", Thread: "t", Text: out.Text}
	if out != want || !strings.Contains(out.Text, "No model is configured") || !strings.Contains(out.Text, "/help") {
		t.Errorf("got %+v", out)
	}
	r.mustSend("telegram", msg.In{From: "ann", To: "room", Text: "/help"})
	out = r.receive(telegram)
	if out.To != "room" || !strings.Contains(out.Text, "/peers – ") {
		t.Errorf("got %+v", out)
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, tt := range map[string]struct {
		channel, body, want string
	}{
		"nothing":           {"x", ``, "text: missing"},
		"blank text":        {"x", `{"text":" \n"}`, "text: missing"},
		"not JSON":          {"x", `{`, "not JSON"},
		"text is no string": {"x", `{"text":5}`, "text: must be a string"},
		"long text":         {"x", `{"text":"` + long(65537) + `"}`, "text: 65537 bytes, at most 65536"},
		"long id":           {"x", `{"text":"a","id":"` + long(257) + `"}`, "id: 257 bytes, at most 256"},
		"control in id":     {"x", `{"text":"a","id":"a\nb"}`, "id: holds a control character"},
		"long from":         {"x", `{"text":"a","from":"` + long(1025) + `"}`, "from: 1025 bytes"},
		"long to":           {"x", `{"text":"a","to":"` + long(1025) + `"}`, "to: 1025 bytes"},
		"long thread":       {"x", `{"text":"a","thread":"` + long(1025) + `"}`, "thread: 1025 bytes"},
		"long meta":         {"x", `{"text":"a","meta":"` + long(65536) + `"}`, "meta: 65538 bytes"},
		"slash in channel":  {"a/b", `{"text":"a"}`, `channel: "a/b" is not a word`},
		"long channel":      {long(65), `{"text":"a"}`, "of at most 64 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			subj, err := r.bus.Subjects.In(tt.channel)
			if err != nil {
				t.Fatal(err)
			}
			_, err = bus.CallRaw(t.Context(), r.nc, subj, []byte(tt.body))
			e, ok := errors.AsType[*bus.Error](err)
			if !ok || e.Code != bus.CodeInvalidRequest || !strings.Contains(e.Message, tt.want) {
				t.Errorf("got %v, want INVALID_REQUEST %s", err, tt.want)
			}
		})
	}
	if accepted := r.mustSend("x", msg.In{Text: "a"}); accepted.Seq != 1 {
		t.Errorf("refused messages took numbers: %+v", accepted)
	}
}

func TestDuplicate(t *testing.T) {
	r := newRig(t)
	a, stop := r.start(Limits{})
	telegram, slack := r.connect("telegram"), r.connect("slack")
	first := r.mustSend("telegram", msg.In{ID: "1", Text: "/help"})
	again := msg.Accepted{Seq: first.Seq, Duplicate: true}
	if got := r.mustSend("telegram", msg.In{ID: "1", Text: "/help"}); got != again {
		t.Errorf("got %+v, want %+v", got, again)
	}
	if got := r.mustSend("slack", msg.In{ID: "1", Text: "/help"}); got.Duplicate {
		t.Errorf("the same id of another channel: %+v", got)
	}
	r.receive(telegram)
	r.receive(slack)
	r.eventually("the acknowledgements are stored", func() bool { return len(a.waiting()) == 0 })

	stop()
	r.start(Limits{})
	if got := r.mustSend("telegram", msg.In{ID: "1", Text: "/help"}); got != again {
		t.Errorf("after a restart: got %+v, want %+v", got, again)
	}
	r.mustSend("telegram", msg.In{ID: "2", Text: "/help"})
	if out := r.receive(telegram); out.InReply == first.Seq {
		t.Errorf("the duplicate was answered: %+v", out)
	}
}

// Many senders of one id at the same moment: one message.
func TestDuplicateAtOnce(t *testing.T) {
	r := newRig(t)
	r.start(Limits{})
	got := make(chan msg.Accepted)
	const senders = 20
	for range senders {
		go func() {
			accepted, err := r.send("telegram", msg.In{ID: "1", Text: "/help"})
			if err != nil {
				t.Error(err)
			}
			got <- accepted
		}()
	}
	firsts := 0
	for range senders {
		accepted := <-got
		if accepted.Seq != 1 {
			t.Errorf("got %+v", accepted)
		}
		if !accepted.Duplicate {
			firsts++
		}
	}
	if firsts != 1 {
		t.Errorf("%d messages were new, want 1", firsts)
	}
}

func TestForget(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{MaxSeen: 8})
	r.connect("telegram")
	for i := range 20 {
		r.mustSend("telegram", msg.In{ID: fmt.Sprint(i), Text: "/help"})
	}
	r.eventually("old ids are forgotten", func() bool {
		return !r.mustSend("telegram", msg.In{ID: "0", Text: "/help"}).Duplicate
	})
	if !r.mustSend("telegram", msg.In{ID: "19", Text: "/help"}).Duplicate {
		t.Error("a recent id was forgotten")
	}
	if err := a.forget(time.Now().Add(a.limits.SeenAge + time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r.mustSend("telegram", msg.In{ID: "19", Text: "/help"}).Duplicate {
		t.Error("an id older than SeenAge was remembered")
	}
}

// A connector that is away, then refuses, then takes: nothing lost, in order.
func TestRedelivery(t *testing.T) {
	r := newRig(t)
	r.start(quick)
	const n = 20
	for range n {
		r.mustSend("telegram", msg.In{Text: "/help"})
	}
	attempts := make(chan msg.Out, 1000)
	refusals := 3
	r.connectWith("telegram", func(out msg.Out) error {
		attempts <- out
		if out.Seq == 5 && refusals > 0 {
			refusals--
			return errors.New("network is away")
		}
		return nil
	})
	var last uint64
	tries := map[uint64]int{}
	for last < n {
		out := r.receive(attempts)
		if out.Seq != out.InReply || out.Seq < last || out.Seq > last+1 {
			t.Fatalf("got %+v after %d", out, last)
		}
		last = out.Seq
		tries[out.Seq]++
	}
	if len(tries) != n || tries[5] != 4 {
		t.Errorf("tries: %v", tries)
	}
}

func TestBackOff(t *testing.T) {
	r := newRig(t)
	r.start(Limits{RetryMin: 20 * time.Millisecond, RetryMax: 40 * time.Millisecond})
	attempts := make(chan time.Time, 100)
	r.connectWith("telegram", func(msg.Out) error {
		attempts <- time.Now()
		return errors.New("network is away")
	})
	r.mustSend("telegram", msg.In{Text: "/help"})
	last := <-attempts
	for i, least := range []time.Duration{20, 40, 40} {
		next := <-attempts
		if pause := next.Sub(last); pause < least*time.Millisecond {
			t.Errorf("pause %d was %v, want %d ms at least", i, pause, least)
		}
		last = next
	}
}

// One channel without a connector does not hold up another.
func TestChannelsAreIndependent(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{})
	r.mustSend("nobody", msg.In{Text: "/help"})
	r.eventually("an answer waits", func() bool { return a.waiting()["nobody"] == 1 })
	telegram := r.connect("telegram")
	r.mustSend("telegram", msg.In{Text: "/status"})
	if out := r.receive(telegram); !strings.Contains(out.Text, "answers waiting for nobody: 1") {
		t.Errorf("got %q", out.Text)
	}
}

func TestFull(t *testing.T) {
	r := newRig(t)
	limits := quick
	limits.MaxPending, limits.MaxChannels = 3, 1
	_, stop := r.start(limits)
	for range 3 {
		r.mustSend("telegram", msg.In{Text: "/help"})
	}
	for channel, want := range map[string]string{
		"telegram": "3 messages of channel telegram wait, its queue is full",
		"slack":    "messages of 1 channels wait, the queue is full",
	} {
		_, err := r.send(channel, msg.In{Text: "/help"})
		e, ok := errors.AsType[*bus.Error](err)
		if !ok || e.Code != bus.CodeUnavailable || !e.Retryable || e.Message != want {
			t.Errorf("%s: got %v, want UNAVAILABLE %s", channel, err, want)
		}
	}

	stop()
	r.start(limits)
	if _, err := r.send("telegram", msg.In{Text: "/help"}); err == nil {
		t.Error("a restart emptied the queue")
	}
	telegram := r.connect("telegram")
	for range 3 {
		r.receive(telegram)
	}
	r.eventually("there is room again", func() bool {
		_, err := r.send("slack", msg.In{Text: "/help"})
		return err == nil
	})
}

// The store refuses writes: nothing is acknowledged, and after the next start
// all that was acknowledged is delivered.
func TestDiskFull(t *testing.T) {
	r := newRig(t)
	full := errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errors.New("no space left on device")
		}
		return nil
	})}
	s, err := store.Open(store.Config{Dir: r.dir, FS: errorfs.Wrap(vfs.Default, &full)})
	if err != nil {
		t.Fatal(err)
	}
	health, err := r.nc.SubscribeSync(r.bus.Subjects.Healths())
	if err != nil {
		t.Fatal(err)
	}
	_, stop := r.startOn(s, quick)
	kept := r.mustSend("telegram", msg.In{ID: "kept", Text: "/help"})
	full.On()
	_, err = r.send("telegram", msg.In{ID: "refused", Text: "/help"})
	e, ok := errors.AsType[*bus.Error](err)
	if !ok || e.Code != bus.CodeUnavailable || !strings.HasPrefix(e.Message, "message not stored: ") {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
	r.eventually("health says failed", func() bool {
		m, err := health.NextMsg(time.Second)
		return err == nil && strings.Contains(string(m.Data), `"state":"failed"`)
	})
	stop()

	telegram := r.connect("telegram")
	r.start(quick)
	if out := r.receive(telegram); out.InReply != kept.Seq {
		t.Errorf("got %+v", out)
	}
}

func TestCommands(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(Limits{})
	for text, want := range map[string]string{
		"/status":         "main: unknown, no beat heard yet\nno peer seen",
		"/peers":          "main has seen no peer.",
		"/STATUS@a_bot x": "main: unknown, no beat heard yet\nno peer seen",
		"/stauts":         "I do not know /stauts. Did you mean /status?",
		"/peer":           "I do not know /peer. Did you mean /peers?",
		"/reboot":         "I do not know /reboot. /help lists what I understand.",
		"/":               "I do not know /. /help lists what I understand.",
	} {
		if got := a.reply(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if got := a.reply("/" + strings.Repeat("x", 1<<16)); len(got) > 200 {
		t.Errorf("an endless word is echoed: %d bytes", len(got))
	}

	publish := func(subj string, v any) {
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.nc.Publish(subj, body); err != nil {
			t.Fatal(err)
		}
	}
	peer, err := r.bus.Subjects.Peer("rescue")
	if err != nil {
		t.Fatal(err)
	}
	publish(peer, msg.Peer{
		Profile: "rescue", Verdict: msg.VerdictDown, Reason: "process 12 is gone",
		Since: time.Now().Add(-5*time.Minute - time.Second).UnixMilli(),
	})
	publish(r.bus.Subjects.Beat(), msg.Beat{
		Profile: "main", MonoMs: (3*time.Hour + 12*time.Minute).Milliseconds(), Version: "1.2.3", Phase: msg.PhaseReady, Generation: 4, Source: "file",
		Components: []msg.Component{{Name: "agent", State: msg.StateOK}, {Name: "browser", State: msg.StateDegraded, Detail: "no Chromium"}},
	})
	r.eventually("the beat is heard", func() bool { return !strings.Contains(a.reply("/health"), "unknown") })
	head := "main: degraded (browser), up 3 h 12 min, v1.2.3"
	for text, want := range map[string]string{
		"/status": head + "\npeer rescue: down\nconfig: generation 4 (file)",
		"/health": head + "\nagent: ok\nbrowser: degraded – no Chromium",
		"/peers":  "rescue: down for 5 min – process 12 is gone",
	} {
		if got := a.reply(text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if got := a.headline(time.Now().Add(time.Minute)); !strings.HasPrefix(got, "main: suspect, last beat ") {
		t.Errorf("got %q", got)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 60 * time.Second: "1 min", 25 * time.Hour: "1 d 1 h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestRPC(t *testing.T) {
	r := newRig(t)
	s, err := store.Open(store.Config{Dir: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cfg := r.config(s, Limits{})
	cfg.Agents.List = []config.Agent{{ID: "ops"}, {ID: "home", Default: true}}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()

	for method, want := range map[string]string{
		"agents.list":     `{"defaultId":"home","mainKey":"main","scope":"per-sender","agents":[{"id":"ops"},{"id":"home"}]}`,
		"models.list":     `{"models":[]}`,
		"sessions.list":   `"path":"","count":0,"defaults":{"modelProvider":null,"model":null,"contextTokens":null},"sessions":[]}`,
		"channels.status": `"channelOrder":[],"channelLabels":{},"channelDetailLabels":{},"channelSystemImages":{},"channelMeta":[],"channels":{},"channelAccounts":{},"channelDefaultAccountId":{}}`,
	} {
		subj, err := r.bus.Subjects.RPC(method)
		if err != nil {
			t.Fatal(err)
		}
		got, err := bus.CallRaw(t.Context(), r.nc, subj, nil)
		if err != nil || !strings.HasSuffix(string(got), want) {
			t.Errorf("%s: got %s, %v", method, got, err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := (&Agent{}).agentList(); got.DefaultID != "main" || len(got.Agents) != 1 {
		t.Errorf("without a list: %+v", got)
	}
}

func TestNewFails(t *testing.T) {
	r := newRig(t)
	s, err := store.Open(store.Config{Dir: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	cfg := r.config(s, Limits{})
	cfg.Version = "no version"
	if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), "agent: bus service") {
		t.Errorf("bad version: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(r.config(s, Limits{})); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed store: %v", err)
	}
}

// Whatever bytes come in, they are refused or get an answer that can be sent.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"text":"/status"}`, `{"text":"/stauts@bot x","id":"1","meta":{"a":[1]}}`, `{"text":" "}`, `[]`, `{"text":"\u0000/"}`, `{"text":"/\ud800"}`, ``,
	} {
		f.Add("telegram", []byte(seed))
	}
	f.Add("a/b", []byte(`{"text":"/"}`))
	sp, err := subject.New("main")
	if err != nil {
		f.Fatal(err)
	}
	a := &Agent{subjects: sp}
	f.Fuzz(func(t *testing.T, channel string, body []byte) {
		var in msg.In
		if err := (&bus.Request{Data: body}).Decode(&in); err != nil {
			return
		}
		if err := check(channel, in); err != nil {
			if _, ok := errors.AsType[*bus.Error](err); !ok {
				t.Errorf("%v has no code", err)
			}
			return
		}
		if text := a.reply(in.Text); text == "" || len(text) > 4096 {
			t.Errorf("%q got an answer of %d bytes", in.Text, len(text))
		}
	})
}
