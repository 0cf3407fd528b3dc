package rescue

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
	"clawdbot/profile/store"
)

// TestMain is also a peer's process, which does nothing until it is killed or
// the test is gone.
func TestMain(m *testing.M) {
	if os.Getenv(asPeer) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // these tests wait more than they work
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const asPeer = "CLAWDBOT_TEST_PEER"

const patience = 15 * time.Second

// stage is a host on which rescue watches main: two real buses, a registry, a
// store, and an HTTP server for main's /healthz. Main's process is that of the
// test, or one that crew starts.
type stage struct {
	t        *testing.T
	registry profile.Registry
	store    *store.Store
	hands    Hands
	main     *bustest.Bus
	observer *nats.Conn // on rescue's bus
	verdicts chan msg.Peer
	beat     msg.Beat // main's last
	began    time.Time
	status   atomic.Int64 // what /healthz answers
	asked    atomic.Int64 // how often it was asked
	peer     profile.Instance
	rescue   *bustest.Bus
	settings atomic.Pointer[config.Rescue]
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, verdicts: make(chan msg.Peer, 256), began: time.Now(), beat: msg.Beat{Profile: "main", Boot: "b", Phase: msg.PhaseReady}}
	s.main, s.rescue = bustest.Pair(t, "main", "rescue")
	home := t.TempDir()
	p, err := profile.Resolve(profile.Flags{Profile: "rescue"}, profile.Env{Home: home, Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	s.registry = p.Registry
	if s.store, err = store.Open(store.Config{Dir: filepath.Join(home, "store")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	s.settings.Store(&config.Rescue{})
	s.hands = idle{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		w.WriteHeader(int(s.status.Load()))
	}))
	t.Cleanup(web.Close)
	s.status.Store(http.StatusOK)
	u, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s.beat.PID = self.PID
	s.peer = profile.Instance{
		Profile: "main", Bus: "main", Process: self.Identity, StartedAt: time.Now().Add(-time.Hour),
		LinkAddr: s.main.LinkAddr(), Ports: ports.Ports{Gateway: port},
	}
	s.register(s.peer)
	s.register(profile.Instance{Profile: "rescue", Bus: "rescue", LinkAddr: s.rescue.LinkAddr()})
	return s
}

func (s *stage) register(i profile.Instance) {
	s.t.Helper()
	if _, err := s.registry.Update(func([]profile.Instance) (profile.Instance, error) { return i, nil }); err != nil {
		s.t.Fatal(err)
	}
}

// watch runs the component until the test ends, and listens to its verdicts.
func (s *stage) watch() {
	s.t.Helper()
	s.observer = s.rescue.Conn(s.t)
	subj, err := s.rescue.Subjects.Peer("main")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.observer.Subscribe(subj, func(m *nats.Msg) {
		var p msg.Peer
		if json.Unmarshal(m.Data, &p) == nil {
			s.verdicts <- p
		}
	}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.observer.Flush(); err != nil {
		s.t.Fatal(err)
	}
	s.run()
}

func (s *stage) config() Config {
	return Config{
		Subjects: s.rescue.Subjects, Dial: s.rescue.Dial, DialSystem: s.rescue.DialSystem, Registry: s.registry,
		Settings: func() config.Rescue { return *s.settings.Load() }, Store: s.store, Hands: s.hands,
		Version: "1.2.3", Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
	}
}

// run runs the component until the test ends, or stop is called.
func (s *stage) run() (stop func()) {
	s.t.Helper()
	srv, err := New(s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				s.t.Error(err)
			}
		case <-time.After(patience):
			s.t.Error("Run did not end")
		}
	})
	s.t.Cleanup(stop)
	return stop
}

// beats sends a beat of main each interval until the verdict is there.
func (s *stage) beats(until msg.Verdict) {
	s.t.Helper()
	nc := s.main.Conn(s.t)
	deadline := time.After(patience)
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		s.beat.Seq++
		s.beat.MonoMs = time.Since(s.began).Milliseconds()
		body, err := json.Marshal(s.beat)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := nc.Publish(s.main.Subjects.Beat(), body); err != nil {
			s.t.Fatal(err)
		}
		select {
		case p := <-s.verdicts:
			if p.Verdict == until {
				return
			}
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("beats do not make main %s", until)
		}
	}
}

// expect waits for the verdict and fails on one of those that must not come.
func (s *stage) expect(want msg.Verdict, never ...msg.Verdict) msg.Peer {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case p := <-s.verdicts:
			if p.Verdict == want {
				return p
			}
			for _, v := range never {
				if p.Verdict == v {
					s.t.Fatalf("%s (%s) %v", p.Verdict, p.Reason, p.Evidence)
				}
			}
		case <-deadline:
			s.t.Fatalf("main is not %s", want)
		}
	}
}

// list asks the component itself.
func (s *stage) list() []msg.Peer {
	s.t.Helper()
	var l msg.PeersList
	s.ask("peers.list", nil, &l)
	return l.Peers
}

// ask calls a method of the component, which must not fail.
func (s *stage) ask(method string, in, out any) {
	s.t.Helper()
	if err := s.call(method, in, out); err != nil {
		s.t.Fatalf("%s: %v", method, err)
	}
}

func (s *stage) call(method string, in, out any) error {
	s.t.Helper()
	subj, err := s.rescue.Subjects.RPC(method)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return bus.Call(ctx, s.observer, subj, in, out)
}

func (s *stage) until(what string, right func([]msg.Peer) bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		list := s.list()
		if right(list) {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			s.t.Fatalf("not in time: %s; peers are %+v", what, list)
		}
	}
}

// pinged has main take its pings in this way.
func (s *stage) pinged(take nats.MsgHandler) {
	s.t.Helper()
	nc := s.main.Conn(s.t)
	if _, err := nc.Subscribe(s.main.Subjects.Ping(), take); err != nil {
		s.t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		s.t.Fatal(err)
	}
}

func TestWedgedLoopIsHung(t *testing.T) {
	s := newStage(t)
	s.pinged(func(*nats.Msg) {}) // and never answer, as a loop does that stands
	s.watch()
	s.beats(msg.VerdictOK)
	s.status.Store(http.StatusServiceUnavailable)
	s.expect(msg.VerdictSuspect, msg.VerdictDown, msg.VerdictHung)
	hung := s.expect(msg.VerdictHung, msg.VerdictDown)
	said := map[string]string{}
	for _, w := range hung.Evidence {
		said[w.Name] = w.Said
	}
	if said["process"] != "alive" || !strings.HasPrefix(said["ping"], "unanswered") || !strings.Contains(said["healthz"], "503") {
		t.Errorf("evidence %v", said)
	}
	if hung.DetectMs < hungAfter.Milliseconds() || hung.DetectMs > 3*hungAfter.Milliseconds() {
		t.Errorf("found after %d ms", hung.DetectMs)
	}
	s.beats(msg.VerdictOK)
}

// TestAnsweringPeerStaysSuspect has a peer whose beats are lost on the way. It
// is asked now and then, not in a frenzy.
func TestAnsweringPeerStaysSuspect(t *testing.T) {
	s := newStage(t)
	s.pinged(func(m *nats.Msg) { _ = m.Respond([]byte("nonsense, at once")) })
	s.watch()
	s.beats(msg.VerdictOK)
	s.expect(msg.VerdictSuspect, msg.VerdictDown, msg.VerdictHung)
	const rounds = 4
	began, before := time.Now(), s.asked.Load()
	deadline := time.After(patience)
	for s.asked.Load()-before < rounds {
		select {
		case p := <-s.verdicts:
			t.Fatalf("%s (%s) though it answers", p.Verdict, p.Reason)
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("asked only %d times", s.asked.Load()-before)
		}
	}
	if took := time.Since(began); took < (rounds-1)*askEvery {
		t.Errorf("asked %d times in %s", rounds, took)
	}
}

// TestPeerWithoutALinkIsUnknown: its config, or ours, keeps it from being heard.
func TestPeerWithoutALinkIsUnknown(t *testing.T) {
	for _, off := range []string{"main", "rescue"} {
		t.Run(off, func(t *testing.T) {
			s := newStage(t)
			s.status.Store(http.StatusServiceUnavailable)
			if off == "main" {
				s.peer.LinkAddr = ""
				s.register(s.peer)
			} else {
				s.register(profile.Instance{Profile: "rescue", Bus: "rescue"})
			}
			s.watch()
			s.until("the reason is told", func(l []msg.Peer) bool {
				return len(l) == 1 && l[0].Verdict == msg.VerdictUnknown && strings.Contains(l[0].Reason, "bus.link.enabled")
			})
			if n := s.asked.Load(); n > 2 {
				t.Errorf("a peer that cannot be heard was asked %d times", n)
			}
		})
	}
}

func TestPeerThatIsRemovedIsForgotten(t *testing.T) {
	s := newStage(t)
	s.watch()
	s.beats(msg.VerdictOK)
	// Damage is not removal.
	if err := os.WriteFile(filepath.Join(s.registry.Dir(), "main.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.register(profile.Instance{Profile: "third", Bus: "third"}) // makes it look
	s.until("third is seen", func(l []msg.Peer) bool { return len(l) == 2 })
	if l := s.list(); l[0].Profile != "main" || l[0].Verdict == msg.VerdictUnknown {
		t.Errorf("main, whose entry is damaged, is %+v", l[0])
	}
	if err := s.registry.Remove("main"); err != nil {
		t.Fatal(err)
	}
	s.until("main is forgotten", func(l []msg.Peer) bool { return len(l) == 1 && l[0].Profile == "third" })
}

// idle are hands that do and know nothing.
type idle struct{}

func (idle) Status(context.Context, profile.Instance) (service.Status, error) {
	return service.Status{}, service.ErrNoManager
}
func (idle) Restart(context.Context, profile.Instance) error         { return service.ErrNoManager }
func (idle) Start(context.Context, profile.Instance) error           { return service.ErrNoManager }
func (idle) Abort(context.Context, profile.Instance) (string, error) { return "", nil }
func (idle) Kill(context.Context, profile.Instance) error            { return nil }
func (idle) HasGeneration(profile.Instance, uint64) error            { return nil }

func (idle) Evidence(context.Context, profile.Instance, time.Time) Evidence {
	return Evidence{}
}
