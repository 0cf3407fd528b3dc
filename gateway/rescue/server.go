// Package rescue watches the other gateways of the host and says how they are.
//
// A verdict needs two witnesses: silence on the link alone makes a peer
// suspect, never dead. What was not observed is unknown. An observer that was
// late itself clears its suspicions.
package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
)

// Config configures a rescue component. All but Allowed are required.
type Config struct {
	Subjects   subject.Space
	Dial       func() (*nats.Conn, error)
	DialSystem func() (*nats.Conn, error) // to the bus server's own events
	Registry   profile.Registry
	Allowed    func(profile string) bool // whom to watch; nil means everyone
	Version    string
	Log        *slog.Logger
}

// Server watches the peers.
type Server struct {
	cfg      Config
	nc, sys  *nats.Conn
	service  *bus.Service
	health   *bus.Health
	http     *http.Client
	messages chan *nats.Msg // beats and lost links, in the order they came
	rounds   chan round
	lists    chan chan []msg.Peer
	asking   sync.WaitGroup

	// The rest belongs to the goroutine of Run.
	tracks    map[string]*track           // by bus name
	instances map[string]profile.Instance // all that are registered, by bus name
	linked    bool                        // whether this gateway's own link is on
	complaint string                      // about the registry, that was logged last
}

// backlog is how many messages of peers wait at most; beats come four a second.
const backlog = 1024

// New subscribes to the peers' beats and serves peers.list.
func New(cfg Config) (*Server, error) {
	s := &Server{
		cfg: cfg, messages: make(chan *nats.Msg, backlog), rounds: make(chan round), lists: make(chan chan []msg.Peer),
		tracks: map[string]*track{}, instances: map[string]profile.Instance{},
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}},
	}
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) connect() (err error) {
	if s.nc, err = s.cfg.Dial(); err != nil {
		return err
	}
	if s.sys, err = s.cfg.DialSystem(); err != nil {
		return err
	}
	if _, err := s.nc.ChanSubscribe(subject.AnyBeat, s.messages); err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	if _, err := s.sys.ChanSubscribe(bus.LinkLost, s.messages); err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	if err := errors.Join(s.nc.Flush(), s.sys.Flush()); err != nil {
		return fmt.Errorf("rescue: %w", err)
	}
	list, err := s.cfg.Subjects.RPC("peers.list")
	if err != nil {
		return err
	}
	s.service, err = bus.Serve(bus.ServiceConfig{
		Name: s.Name(), Version: s.cfg.Version, Description: "watches the other gateways of this host",
		Profile: s.cfg.Subjects.Profile(), Conn: s.nc,
		Endpoints: []bus.Endpoint{{Name: "peers-list", Subject: list, Handle: s.list}},
	})
	if err != nil {
		return err
	}
	s.health, err = bus.NewHealth(s.nc, s.cfg.Subjects, s.Name())
	return err
}

// Name is rescue.
func (s *Server) Name() string { return "rescue" }

// PeersList is the answer of rpc.peers.list.
type PeersList struct {
	TS    int64      `json:"ts"`
	Peers []msg.Peer `json:"peers"`
}

func (s *Server) list(ctx context.Context, _ *bus.Request) (any, error) {
	reply := make(chan []msg.Peer, 1)
	select {
	case s.lists <- reply:
		return PeersList{TS: time.Now().UnixMilli(), Peers: <-reply}, nil
	case <-ctx.Done():
		return nil, bus.Errorf(bus.CodeUnavailable, "the watch has ended")
	}
}

// lookEvery is how often the peers are judged; lookSoon is used in the moment
// after a link broke.
const (
	lookEvery = 100 * time.Millisecond
	lookSoon  = 5 * time.Millisecond
)

// Run watches until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	changed, stop := s.cfg.Registry.Watch()
	defer stop()
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	s.refresh(time.Now())
	s.health.Set(msg.StateOK, "")
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	due := time.Now().Add(lookEvery)
	for {
		select {
		case <-ctx.Done():
			cancel()
			s.drainRounds()
			return s.close()
		case m := <-s.messages:
			s.receive(m, time.Now())
			s.look(asking, time.Now())
		case r := <-s.rounds:
			s.hear(r)
			s.look(asking, time.Now())
		case reply := <-s.lists:
			reply <- s.peers()
		case <-changed:
			s.refresh(time.Now())
		case <-timer.C:
			now := time.Now()
			if late := now.Sub(due); late > lateTick {
				s.doubt(now, late)
			}
			next := s.look(asking, now)
			due = now.Add(next)
			timer.Reset(next)
			continue
		}
		if next := s.nextLook(time.Now()); time.Until(due) > next {
			due = time.Now().Add(next)
			timer.Reset(next)
		}
	}
}

// drainRounds waits for questions under way, whose answers nobody needs now.
func (s *Server) drainRounds() {
	done := make(chan struct{})
	go func() { s.asking.Wait(); close(done) }()
	for {
		select {
		case <-s.rounds:
		case <-done:
			return
		}
	}
}

func (s *Server) close() error {
	var err error
	if s.service != nil {
		err = s.service.Stop()
	}
	for _, nc := range []*nats.Conn{s.nc, s.sys} {
		if nc != nil {
			nc.Close()
		}
	}
	return err
}

// receive takes in a beat or the news of a lost link.
func (s *Server) receive(m *nats.Msg, now time.Time) {
	if peer, ok := bus.LinkLostPeer(m.Subject); ok {
		if t := s.tracks[peer]; t != nil {
			t.lostLink(now)
		}
		return
	}
	var b msg.Beat
	name := subject.BeatOf(m.Subject)
	if err := json.Unmarshal(m.Data, &b); err != nil || b.Profile != name {
		s.cfg.Log.Warn("a beat makes no sense", "peer", name, "err", err)
		return
	}
	if t := s.tracks[name]; t != nil {
		t.observe(b, now)
	}
}

// refresh follows the registry: peers that came, went or moved.
func (s *Server) refresh(now time.Time) {
	found, err := s.cfg.Registry.ByBus(s.instances)
	if complaint := fmt.Sprint(err); complaint != s.complaint {
		s.complaint = complaint
		if err != nil {
			s.cfg.Log.Warn("host registry", "err", err)
		}
	}
	s.instances = found
	s.linked = found[s.cfg.Subjects.Profile()].LinkAddr != ""
	for name, i := range found {
		if s.tracks[name] == nil && s.watches(i) {
			s.tracks[name] = newTrack(name, now)
			s.publish(s.tracks[name])
		}
	}
	maps.DeleteFunc(s.tracks, func(name string, _ *track) bool { return !s.watches(found[name]) })
}

func (s *Server) watches(i profile.Instance) bool {
	return i.Bus != "" && i.Bus != s.cfg.Subjects.Profile() && (s.cfg.Allowed == nil || s.cfg.Allowed(i.Profile))
}

// look judges every peer, asks the silent ones and returns when to look again.
func (s *Server) look(ctx context.Context, now time.Time) time.Duration {
	for name, t := range s.tracks {
		if t.wantsWitnesses(now) {
			i := s.instances[name]
			t.seen.witnessProcess(i, t.beat.PID, now)
			t.seen.linkOff = i.Process.PID != 0 && (i.LinkAddr == "" || !s.linked)
			s.question(ctx, name, t, now)
		}
		if t.update(now) {
			s.say(t)
			s.publish(t)
		}
	}
	return s.nextLook(now)
}

func (s *Server) nextLook(now time.Time) time.Duration {
	for _, t := range s.tracks {
		if t.urgent(now) {
			return lookSoon
		}
	}
	return lookEvery
}

// question starts a round of questions unless one is under way, or was a moment
// ago, or nothing can come of it.
func (s *Server) question(ctx context.Context, name string, t *track, now time.Time) {
	if t.asking || now.Sub(t.asked) < askEvery || t.seen.linkOff || t.seen.process == processGone || t.seen.process == processUnknown {
		return
	}
	peer, err := subject.New(name)
	if err != nil { // the registry only holds checked names
		return
	}
	t.asking, t.asked = true, now
	port := s.instances[name].Ports.Gateway
	s.asking.Go(func() { s.rounds <- s.ask(ctx, peer, port, now) })
}

// hear takes in the answers of a round, unless a beat came or this observer
// doubted itself after it was begun.
func (s *Server) hear(r round) {
	t := s.tracks[r.peer]
	if t == nil {
		return
	}
	t.asking = false
	if t.since().After(r.asked) {
		return
	}
	t.seen.ping, t.seen.healthz = heard(t.seen.ping, r.ping), heard(t.seen.healthz, r.healthz)
}

func (s *Server) doubt(now time.Time, late time.Duration) {
	s.cfg.Log.Info("this observer was late and clears its suspicions", "late", late.Round(time.Millisecond))
	for _, t := range s.tracks {
		t.doubt(now)
	}
}

func (s *Server) say(t *track) {
	level := slog.LevelInfo
	if v := t.peer.Verdict; v == msg.VerdictDown || v == msg.VerdictHung || v == msg.VerdictSuspect {
		level = slog.LevelWarn
	}
	attrs := []any{"reason", t.peer.Reason}
	if t.peer.DetectMs > 0 {
		attrs = append(attrs, "detectMs", t.peer.DetectMs)
	}
	s.cfg.Log.Log(context.Background(), level, "peer "+t.name+" is "+string(t.peer.Verdict), attrs...)
}

func (s *Server) publish(t *track) {
	subj, err := s.cfg.Subjects.Peer(t.name)
	if err != nil { // the registry only holds checked names
		return
	}
	body, err := json.Marshal(t.peer)
	if err == nil {
		err = s.nc.Publish(subj, body)
	}
	if err != nil {
		s.cfg.Log.Warn("verdict not published", "peer", t.name, "err", err)
	}
}

func (s *Server) peers() []msg.Peer {
	now := time.Now()
	list := make([]msg.Peer, 0, len(s.tracks))
	for _, t := range s.tracks {
		p := t.peer
		if !t.lastLife.IsZero() {
			p.LastBeatMs = now.Sub(t.lastLife).Milliseconds()
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b msg.Peer) int { return strings.Compare(a.Profile, b.Profile) })
	return list
}
