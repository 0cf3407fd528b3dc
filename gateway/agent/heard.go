package agent

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
)

// heard is what the bus told of this gateway and its peers.
type heard struct {
	mu     sync.Mutex
	beat   msg.Beat
	beatAt time.Time // zero when there was none
	peers  map[string]msg.Peer
}

// listen subscribes to the own beats and the verdicts on peers.
func (a *Agent) listen() error {
	a.heard.peers = map[string]msg.Peer{}
	if _, err := a.nc.Subscribe(a.subjects.Beat(), a.heard.onBeat); err != nil {
		return err
	}
	_, err := a.nc.Subscribe(a.subjects.Peers(), a.heard.onPeer)
	return err
}

func (h *heard) onBeat(m *nats.Msg) {
	var b msg.Beat
	if json.Unmarshal(m.Data, &b) != nil {
		return // not a beat of ours
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beat, h.beatAt = b, time.Now()
}

func (h *heard) onPeer(m *nats.Msg) {
	var p msg.Peer
	if json.Unmarshal(m.Data, &p) != nil || p.Profile == "" {
		return // not a verdict of ours
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.peers[p.Profile] = p
}

// lastBeat returns the newest beat and its age; ok is false when there was none.
func (h *heard) lastBeat(now time.Time) (b msg.Beat, age time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.beat, now.Sub(h.beatAt), !h.beatAt.IsZero()
}

// verdicts returns the newest verdict on each peer, by name.
func (h *heard) verdicts() []msg.Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Values(h.peers), func(a, b msg.Peer) int { return strings.Compare(a.Profile, b.Profile) })
}
