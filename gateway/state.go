package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

// state is what the gateway has heard on the bus of itself and its peers. It
// answers from memory: asking for health asks nobody.
type state struct {
	space   subject.Space
	beats   *prometheus.CounterVec
	changed chan struct{} // holds a token while a change is not yet published

	mu  sync.Mutex
	now heard
}

// heard is a copy of the state at one moment. Its maps and slices are replaced,
// never changed.
type heard struct {
	version    uint64 // counts changes
	beat       msg.Beat
	beatAt     time.Time // zero before the first
	components map[string]msg.Component
	peers      map[string]peer
	incidents  map[string]msg.IncidentBrief // that are not over, by id
	agents     msg.AgentSummary             // its zero value before the first
	restarts   map[string]int               // of single components, by name
}

type peer struct {
	msg.Peer
	toldAt time.Time // when the verdict came
	beatAt time.Time // when its last beat came here; zero when none did
}

func newState(sp subject.Space, beats *prometheus.CounterVec) *state {
	return &state{space: sp, beats: beats, changed: make(chan struct{}, 1)}
}

func (s *state) snapshot() heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// update applies change, which says whether clients should know.
func (s *state) update(change func(*heard) bool) {
	s.mu.Lock()
	changed := change(&s.now)
	if changed {
		s.now.version++
	}
	s.mu.Unlock()
	if changed {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}

// hearHealth takes health.> of every profile that is linked.
func (s *state) hearHealth(m *nats.Msg) {
	switch {
	case m.Subject == s.space.Beat():
		hear(m, s.ownBeat)
	case m.Subject == s.space.Ping(): // a peer's question to the supervised loop
	case under(m.Subject, s.space.Peers()):
		hear(m, s.verdict)
	case under(m.Subject, s.space.Healths()):
		hear(m, s.component)
	default:
		if peer := subject.BeatOf(m.Subject); peer != "" {
			hear(m, func(b msg.Beat) { s.peerBeat(peer, b) })
		}
	}
}

// hear decodes a message; one that is something else is not for us.
func hear[T any](m *nats.Msg, take func(T)) {
	var v T
	if json.Unmarshal(m.Data, &v) == nil {
		take(v)
	}
}

// under says whether subj matches pattern, which ends in *.
func under(subj, pattern string) bool {
	return strings.HasPrefix(subj, strings.TrimSuffix(pattern, "*"))
}

// ownBeat carries the supervised loop's view of all components, which replaces
// ours: their own messages may have come before we listened.
func (s *state) ownBeat(b msg.Beat) {
	s.beats.WithLabelValues(s.space.Profile()).Inc()
	components := make(map[string]msg.Component, len(b.Components))
	for _, c := range b.Components {
		components[c.Name] = c
	}
	s.update(func(h *heard) bool {
		same := h.beat.Phase == b.Phase && h.beat.Detail == b.Detail && maps.Equal(h.components, components)
		h.beat, h.beatAt, h.components = b, time.Now(), components
		return !same
	})
}

func (s *state) component(c msg.Component) {
	s.update(func(h *heard) bool {
		if c.Name == "" || h.components[c.Name] == c {
			return false
		}
		h.components = with(h.components, c.Name, c)
		return true
	})
}

func (s *state) verdict(p msg.Peer) {
	s.update(func(h *heard) bool {
		if p.Profile == "" {
			return false
		}
		old := h.peers[p.Profile]
		h.peers = with(h.peers, p.Profile, peer{Peer: p, toldAt: time.Now(), beatAt: old.beatAt})
		return old.Verdict != p.Verdict || old.Reason != p.Reason
	})
}

// peerBeat refreshes what a verdict said, of peers that there is one about.
func (s *state) peerBeat(name string, b msg.Beat) {
	s.beats.WithLabelValues(name).Inc()
	s.update(func(h *heard) bool {
		p, ok := h.peers[name]
		if ok {
			p.beatAt, p.Generation = time.Now(), b.Generation
			h.peers = with(h.peers, name, p)
		}
		return false
	})
}

// hearComponents takes the answer of component.list, for the counts that a beat
// does not have.
func (s *state) hearComponents(m *nats.Msg) {
	hear(m, func(list struct{ Components []msg.ComponentInfo }) {
		restarts := make(map[string]int, len(list.Components))
		for _, c := range list.Components {
			restarts[c.Name] = c.Restarts
		}
		s.update(func(h *heard) bool {
			h.restarts = restarts
			return false
		})
	})
}

// hearConfig takes config.>, which tells that another generation may run.
func (s *state) hearConfig(*nats.Msg) { s.update(func(*heard) bool { return true }) }

// with returns a copy of m with one value set.
func with[V any](m map[string]V, key string, v V) map[string]V {
	next := make(map[string]V, len(m)+1)
	maps.Copy(next, m)
	next[key] = v
	return next
}

func (h heard) componentList() []msg.Component {
	list := make([]msg.Component, 0, len(h.components))
	for _, name := range slices.Sorted(maps.Keys(h.components)) {
		list = append(list, h.components[name])
	}
	return list
}

// peerList returns the peers with the age of their last beat as of now.
func (h heard) peerList() []msg.Peer {
	list := make([]msg.Peer, 0, len(h.peers))
	for _, name := range slices.Sorted(maps.Keys(h.peers)) {
		p := h.peers[name]
		switch {
		case p.beatAt.After(p.toldAt):
			p.LastBeatMs = time.Since(p.beatAt).Milliseconds()
		case p.LastBeatMs >= 0:
			p.LastBeatMs += time.Since(p.toldAt).Milliseconds()
		}
		list = append(list, p.Peer)
	}
	return list
}
