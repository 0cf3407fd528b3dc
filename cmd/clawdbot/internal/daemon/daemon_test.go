package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a machine of its own: a home folder that several profiles share.
type host struct {
	t    *testing.T
	home string
	base int
}

func newHost(t *testing.T) *host { return &host{t: t, home: t.TempDir(), base: freeBase(t)} }

// freeBase finds two blocks of ports that nobody uses, far from the defaults.
func freeBase(t *testing.T) int {
	t.Helper()
next:
	for range 200 {
		base := 30000 + rand.IntN(20000)
		for _, b := range []int{base, base + ports.Step, base + 2*ports.Step} {
			for port := b; port <= b+ports.OffsetWebSocket; port++ {
				if profile.InUse(port) {
					continue next
				}
			}
		}
		return base
	}
	t.Fatal("no free block of ports")
	return 0
}

func (h *host) env(vars ...string) profile.Env {
	m := map[string]string{"PATH": os.Getenv("PATH")}
	for _, kv := range vars {
		k, v, _ := strings.Cut(kv, "=")
		m[k] = v
	}
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	return profile.Env{Home: h.home, Exe: exe, Lookup: func(k string) (string, bool) { v, ok := m[k]; return v, ok }}
}

func (h *host) profile(name string) profile.Profile {
	h.t.Helper()
	p, err := profile.Resolve(profile.Flags{Profile: name}, h.env())
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *host) write(p profile.Profile, text string) {
	h.t.Helper()
	if err := profile.WriteFile(p.ConfigPath, []byte(text)); err != nil {
		h.t.Fatal(err)
	}
}

// gatewayUnderTest is one daemon that runs in this process.
type gatewayUnderTest struct {
	t       *testing.T
	p       profile.Profile
	port    int
	d       *daemon                 // its life when it was ready
	now     *atomic.Pointer[daemon] // its life now
	ended   <-chan struct{}
	stop    func() error // asks it to stop and returns how it ended
	console *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs a gateway and returns when it is ready.
func (h *host) start(p profile.Profile, port int) *gatewayUnderTest {
	h.t.Helper()
	g, err := h.try(p, port)
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

// try runs a gateway and returns when it is ready, or why it did not start.
func (h *host) try(p profile.Profile, port int) (*gatewayUnderTest, error) {
	h.t.Helper()
	return h.tryWith(p, port, func(*daemon) {})
}

// startWith is start with each life of the gateway prepared.
func (h *host) startWith(p profile.Profile, port int, prepare func(*daemon)) *gatewayUnderTest {
	h.t.Helper()
	g, err := h.tryWith(p, port, prepare)
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

func (h *host) tryWith(p profile.Profile, port int, prepare func(*daemon)) (*gatewayUnderTest, error) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	console := &syncBuffer{}
	ended := make(chan struct{})
	var result error
	var now atomic.Pointer[daemon]
	go func() {
		result = lives(ctx, Options{Profile: p, Port: port, Version: "1.2.3", Console: console}, func(d *daemon) { now.Store(d); prepare(d) })
		close(ended)
	}()
	stop := sync.OnceValue(func() error { cancel(); <-ended; return result })
	h.t.Cleanup(func() {
		_ = stop()
		if h.t.Failed() {
			h.t.Logf("log of %s:\n%s", p.Name, console)
		}
	})
	for deadline := time.After(15 * time.Second); ; {
		select {
		case <-ended:
			return nil, result
		case <-deadline:
			h.t.Fatalf("%s is not ready:\n%s", p.Name, console)
		case <-time.After(2 * time.Millisecond):
		}
		if res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", port)); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				http.DefaultClient.CloseIdleConnections()
				return &gatewayUnderTest{h.t, p, port, now.Load(), &now, ended, stop, console}, nil
			}
		}
	}
}

// conn is a connection to the gateway's bus as its debug user.
func (g *gatewayUnderTest) conn() *nats.Conn {
	g.t.Helper()
	key, err := profile.Secret(g.p.BusKey(bus.UserDebug))
	if err != nil {
		g.t.Fatal(err)
	}
	connect := func() (*nats.Conn, error) {
		return nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", g.port+ports.OffsetBus),
			nats.UserInfo(bus.UserDebug, key), nats.CustomInboxPrefix(bus.InboxPrefix(bus.UserDebug)), nats.NoReconnect())
	}
	nc, err := connect()
	if errors.Is(err, nats.ErrAuthorization) { // a login that meets a change of the peers is refused once, see docs/bus.md
		nc, err = connect()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(nc.Close)
	return nc
}

// verdicts subscribes to what the gateway says of a peer.
func (g *gatewayUnderTest) verdicts(peer string) chan msg.Peer {
	g.t.Helper()
	nc := g.conn()
	c := make(chan msg.Peer, 64)
	subj, err := g.p.Subjects().Peer(peer)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := nc.Subscribe(subj, func(m *nats.Msg) {
		var p msg.Peer
		if json.Unmarshal(m.Data, &p) == nil {
			c <- p
		}
	}); err != nil {
		g.t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		g.t.Fatal(err)
	}
	return c
}

func await(t *testing.T, c chan msg.Peer, want msg.Verdict) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	var seen []string
	for {
		select {
		case p := <-c:
			if p.Verdict == want {
				return
			}
			seen = append(seen, fmt.Sprintf("%s (%s)", p.Verdict, p.Reason))
		case <-deadline:
			t.Fatalf("no verdict %s; seen: %s", want, strings.Join(seen, ", "))
		}
	}
}

func TestTwoGatewaysWatchEachOther(t *testing.T) {
	h := newHost(t)
	main, rescue := h.profile("main"), h.profile("rescue")
	m := h.start(main, h.base)
	watch := m.verdicts("rescue")
	r := h.start(rescue, h.base+ports.Step)
	await(t, watch, msg.VerdictOK)
	ofMain := r.verdicts("main")
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	await(t, ofMain, msg.VerdictStopped)
	m = h.start(main, h.base)
	await(t, ofMain, msg.VerdictOK)
	watch = m.verdicts("rescue")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	await(t, watch, msg.VerdictStopped)
}

func TestThreeProfilesAndAMovedPort(t *testing.T) {
	h := newHost(t)
	a := h.start(h.profile("alpha"), h.base)
	ofB, ofC := a.verdicts("beta"), a.verdicts("gamma")
	b := h.start(h.profile("beta"), h.base+ports.Step)
	await(t, ofB, msg.VerdictOK)
	ofCB := b.verdicts("gamma")
	c := h.start(h.profile("gamma"), h.base+2*ports.Step)
	await(t, ofC, msg.VerdictOK)
	await(t, ofCB, msg.VerdictOK)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	await(t, ofC, msg.VerdictStopped)
	c = h.start(h.profile("gamma"), freeBase(t)) // the same peer on other ports
	await(t, ofC, msg.VerdictOK)
	await(t, ofCB, msg.VerdictOK)
	if err := a.stop(); err != nil { // the loss of one leaves the others linked
		t.Fatal(err)
	}
	ofBC := c.verdicts("beta")
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	await(t, ofBC, msg.VerdictStopped)
}

func TestSecondGatewayOfAProfileIsRefused(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.start(p, h.base)
	_, err := h.try(p, h.base+ports.Step)
	var refused *StartError
	if !errors.As(err, &refused) || refused.Config || !strings.Contains(err.Error(), "runs already, as pid") {
		t.Fatalf("got %v", err)
	}
	_, err = h.try(h.profile(profile.Default), h.base+ports.Step)
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "has the bus name main") {
		t.Fatalf("the unnamed profile beside main: got %v", err)
	}
}

func TestTakenPortNamesItsHolder(t *testing.T) {
	h := newHost(t)
	h.start(h.profile("main"), h.base)
	_, err := h.try(h.profile("rescue"), h.base+1) // its gateway port is main's bridge
	var refused *StartError
	if !errors.As(err, &refused) || !refused.Config || !strings.Contains(err.Error(), "it is the bridge of profile main") {
		t.Fatalf("got %v", err)
	}
	if refused.Try == "" {
		t.Error("no way out is named")
	}
}

func TestBrokenConfigRunsOnTheLastGoodGeneration(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	good := fmt.Sprintf("{gateway: {port: %d, auth: {token: 'a-token-of-the-good-generation-0001'}}}", h.base)
	h.write(p, good)
	g := h.start(p, h.base)
	sub, err := g.conn().SubscribeSync(configSubject(t, p, "applied"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(15 * time.Second) // the probation is over
	if err != nil {
		t.Fatal(err)
	}
	var change msg.ConfigChange
	if err := json.Unmarshal(m.Data, &change); err != nil || change.Verdict != string(config.Good) {
		t.Fatalf("%s (%v)", m.Data, err)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	broken := "{\n  gateway: { port: 'abc' },\n}\n"
	h.write(p, broken)
	g = h.start(p, h.base)
	log := g.console.String()
	if !strings.Contains(log, "clawdbot.json:2:20") || !strings.Contains(log, "running generation 1") {
		t.Errorf("the log tells neither the line nor the generation:\n%s", log)
	}
	if now, err := os.ReadFile(p.ConfigPath); err != nil || string(now) != broken {
		t.Errorf("the user's file was touched: %q (%v)", now, err)
	}
	req, _ := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", h.base), nil)
	req.Header.Set("Authorization", "Bearer a-token-of-the-good-generation-0001")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the good generation's token gets %s", res.Status)
	}
}

func TestBrokenConfigWithoutAGoodGenerationRunsInSafeMode(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{ gateway: ")
	g := h.start(p, h.base)
	if log := g.console.String(); !strings.Contains(log, "safe mode") || !strings.Contains(log, "clawdbot.json:1:") {
		t.Errorf("the log does not tell of safe mode:\n%s", log)
	}
	if profile.InUse(h.base + ports.OffsetBridge) {
		t.Error("the bridge listens in safe mode")
	}
}

// TestDamagedStoreIsReplacedAloud damages the store of a gateway that ran long
// enough to have copied it.
func TestDamagedStoreIsReplacedAloud(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	g := h.start(p, h.base)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if copies, _ := filepath.Glob(filepath.Join(p.CheckpointDir(), "[0-9]*")); len(copies) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a healthy gateway did not copy its store")
		}
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(p.StoreDir(), "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("no manifest (%v)", err)
	}
	for _, m := range manifests {
		if err := os.Truncate(m, 3); err != nil {
			t.Fatal(err)
		}
	}
	g = h.start(p, h.base)
	if log := g.console.String(); !strings.Contains(log, "store was damaged and replaced") || strings.Contains(log, "an empty one") {
		t.Errorf("the log does not tell of the copy that took its place:\n%s", log)
	}
	sub, err := g.conn().SubscribeSync(p.Subjects().Beat())
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := sub.NextMsg(15 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var beat msg.Beat
		if err := json.Unmarshal(m.Data, &beat); err != nil {
			t.Fatal(err)
		}
		for _, c := range beat.Components {
			if c.Name == "store" {
				if c.State != msg.StateDegraded || !strings.Contains(c.Detail, "store.corrupt-") {
					t.Errorf("store is %s: %s", c.State, c.Detail)
				}
				return
			}
		}
	}
}

func configSubject(t *testing.T, p profile.Profile, what string) string {
	t.Helper()
	s, err := p.Subjects().Config(what)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEverythingOnTheBusIsAMicroService(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	nc := g.conn()
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("$SRV.PING", inbox, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"gateway": true, "bridge": true, "canvas": true, "browser": true, "agent": true, "rescue": true, "core": true, "supervisor": true}
	for len(want) > 0 {
		m, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatalf("services that did not answer: %v (%v)", want, err)
		}
		var pong struct{ Name string }
		if err := json.Unmarshal(m.Data, &pong); err != nil {
			t.Fatal(err)
		}
		delete(want, pong.Name)
	}
}

func TestBeatsAreSubjectsOfThisProfile(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile(profile.Default), h.base)
	sub, err := g.conn().SubscribeSync("clawdbot.main.>")
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if subject.BeatOf(m.Subject) == "main" {
			return
		}
	}
}
