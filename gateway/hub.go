package gateway

import (
	"sync"

	"clawdbot/gateway/frame"
)

// hub knows every connection.
type hub struct {
	changed chan struct{} // holds a token while a change of presence is not yet published

	mu       sync.Mutex
	sessions map[*session]bool // true once connected
	waiting  int               // sessions in their handshake
	version  uint64            // counts changes of presence
	stopped  bool
	running  sync.WaitGroup
}

func newHub() *hub {
	return &hub{changed: make(chan struct{}, 1), sessions: map[*session]bool{}}
}

// maxHandshakes bounds the connections of clients that nobody knows yet.
const maxHandshakes = 128

// add takes a new connection in; the caller removes it. It returns false when
// the gateway stops or is busy with too many strangers.
func (h *hub) add(c *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped || h.waiting >= maxHandshakes {
		return false
	}
	h.sessions[c] = false
	h.waiting++
	h.running.Add(1)
	return true
}

// crowded says whether no stranger is let in for now.
func (h *hub) crowded() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting >= maxHandshakes
}

func (h *hub) remove(c *session) {
	h.mu.Lock()
	connected := h.sessions[c]
	delete(h.sessions, c)
	if connected {
		h.presenceChanged(c)
	} else {
		h.waiting--
	}
	h.mu.Unlock()
	h.running.Done()
}

// connect makes the session one of those that get events and are present.
func (h *hub) connect(c *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[c] = true
	h.waiting--
	h.presenceChanged(c)
}

// presenceChanged runs under the lock.
func (h *hub) presenceChanged(c *session) {
	if !c.seen() {
		return
	}
	h.version++
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

func (h *hub) presenceVersion() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.version
}

// count returns how many clients are connected.
func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions) - h.waiting
}

// connected returns the sessions that are.
func (h *hub) connected() []*session {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*session, 0, len(h.sessions))
	for c, connected := range h.sessions {
		if connected {
			list = append(list, c)
		}
	}
	return list
}

func (h *hub) broadcast(e *event) {
	scope := eventScope(e.name)
	for _, c := range h.connected() {
		if holds(c.connect.Scopes, scope) {
			c.send(message{event: e})
		}
	}
}

// stop sends the last event to all clients, closes all connections and waits
// for them.
func (h *hub) stop(last *event) {
	h.mu.Lock()
	h.stopped = true
	var ending sync.WaitGroup
	for c, connected := range h.sessions {
		if connected {
			c.send(message{event: last})
		}
		ending.Go(func() { c.end(frame.CloseRestart, "service restart") })
	}
	h.mu.Unlock()
	ending.Wait()
	h.running.Wait()
}
