package gateway

import (
	"sync"

	"clawdbot/bus/rpc"
	"clawdbot/gateway/frame"
)

// hub knows every connection.
type hub struct {
	changed chan struct{} // holds a token while a change of presence is not yet published

	mu       sync.Mutex
	sessions map[*session]bool   // true once connected
	ids      map[string]*session // those that are
	version  uint64              // counts changes of presence
	stopped  bool
	running  sync.WaitGroup
}

func newHub() *hub {
	return &hub{changed: make(chan struct{}, 1), sessions: map[*session]bool{}, ids: map[string]*session{}}
}

// add takes a new connection in and runs it. It returns false when the gateway
// stops.
func (h *hub) add(c *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return false
	}
	h.sessions[c] = false
	h.running.Go(func() {
		c.run()
		h.remove(c)
		c.srv.leave(c)
	})
	return true
}

func (h *hub) remove(c *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	connected := h.sessions[c]
	delete(h.sessions, c)
	delete(h.ids, c.id)
	if connected && c.seen() {
		h.presenceChanged()
	}
}

// connect makes the session one of those that get events and are present.
func (h *hub) connect(c *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[c], h.ids[c.id] = true, c
	if c.seen() {
		h.presenceChanged()
	}
}

// touch tells that presence has changed.
func (h *hub) touch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.presenceChanged()
}

// presenceChanged runs under the lock.
func (h *hub) presenceChanged() {
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
	return len(h.ids)
}

// byID returns the connected client with the connection's id, or nil.
func (h *hub) byID(id string) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ids[id]
}

// connected returns the sessions that are.
func (h *hub) connected() []*session {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*session, 0, len(h.ids))
	for _, c := range h.ids {
		list = append(list, c)
	}
	return list
}

// ping asks all clients whether they are still there.
func (h *hub) ping() {
	for _, c := range h.connected() {
		c.ping()
	}
}

func (h *hub) broadcast(e *event) {
	scope := rpc.EventScope(e.name)
	for _, c := range h.connected() {
		if rpc.Holds(c.connect.Scopes, scope) {
			c.sendEvent(e)
		}
	}
}

// stop sends the last event to all clients, closes all connections and waits
// for them.
func (h *hub) stop(last *event) {
	h.mu.Lock()
	h.stopped = true
	for c, connected := range h.sessions {
		if connected {
			c.sendEvent(last)
		}
		c.end(frame.CloseRestart, "service restart")
	}
	h.mu.Unlock()
	h.running.Wait()
}
