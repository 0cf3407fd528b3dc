package relay

import (
	"encoding/json"
	"slices"
	"sync"
)

// hub knows which tabs are lent and which clients hear of them. Its methods are
// safe for use by many goroutines.
type hub struct {
	changed func() // called, without locks, when a tab or the extension comes or goes

	mu      sync.Mutex
	lender  *lender // nil while no extension is connected
	tabs    []*tab  // in the order in which they were lent
	clients map[*client]bool
}

// tab is one tab that is lent. The hub's lock guards it.
type tab struct {
	session  string // as the extension calls the tab's debugger
	info     targetInfo
	children map[string]bool  // sessions of its frames in other processes and its workers
	holders  map[*client]bool // those that attached to it
}

// Methods that both sides of the relay speak of.
const (
	targetAttached  = "Target.attachedToTarget"
	targetDetached  = "Target.detachedFromTarget"
	targetCreated   = "Target.targetCreated"
	targetDestroyed = "Target.targetDestroyed"
	targetChanged   = "Target.targetInfoChanged"
	targetDetach    = "Target.detachFromTarget"
	targetGetInfo   = "Target.getTargetInfo"
)

// enter makes the extension the one that lends tabs. There is one at a time.
func (h *hub) enter(l *lender) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lender != nil {
		return false
	}
	h.lender = l
	return true
}

// leave forgets the extension and its tabs. The clients are cut off: their
// browser is gone.
func (h *hub) leave(l *lender) {
	h.mu.Lock()
	h.lender, h.tabs = nil, nil
	clients := h.clients
	h.clients = map[*client]bool{}
	h.mu.Unlock()
	l.leave()
	for c := range clients {
		c.cut()
	}
	h.changed()
}

// status is the extension that is connected, nil without one, and the tabs.
func (h *hub) status() (*lender, []targetInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lender, h.shown()
}

// wants changes what a client wants to hear of, and returns the tabs there are.
func (h *hub) wants(change func()) []targetInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	return h.shown()
}

// lends says whether the target is a tab that is lent.
func (h *hub) lends(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byTarget(id) != nil
}

// refresh asks for title and address of every tab.
func (h *hub) refresh() {
	h.mu.Lock()
	l := h.lender
	sessions := make([]string, len(h.tabs))
	for i, t := range h.tabs {
		sessions[i] = t.session
	}
	h.mu.Unlock()
	var group sync.WaitGroup
	for _, session := range sessions {
		group.Go(func() {
			var a attachment
			if result, err := l.call(targetGetInfo, session, none{}); err == nil && json.Unmarshal(result, &a) == nil && a.TargetInfo != nil {
				h.renamed(*a.TargetInfo)
			}
		})
	}
	group.Wait()
}

// shown is the tab as clients see it.
func (t *tab) shown() targetInfo {
	info := t.info
	info.Attached = len(t.holders) > 0
	return info
}

// join lets a client in, unless there is nothing to drive.
func (h *hub) join(c *client) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lender == nil || len(h.tabs) == 0 {
		return false
	}
	h.clients[c] = true
	return true
}

// part lets a client go, and the tabs that it held.
func (h *hub) part(c *client) {
	h.mu.Lock()
	delete(h.clients, c)
	var held []string
	for _, t := range h.tabs {
		if t.holders[c] {
			held = append(held, t.session)
		}
	}
	h.mu.Unlock()
	for _, session := range held {
		h.release(c, session)
	}
}

// heard takes an event of the extension's.
func (h *hub) heard(e event) {
	if e.SessionID != "" {
		h.pass(e)
		return
	}
	var a attachment
	if json.Unmarshal(e.Params, &a) != nil {
		return
	}
	switch e.Method {
	case targetAttached:
		if a.SessionID != "" && a.TargetInfo != nil {
			h.lent(a)
		}
	case targetDetached:
		h.takenBack(a)
	case targetChanged:
		if a.TargetInfo != nil {
			h.renamed(*a.TargetInfo)
		}
	}
}

// pass hands an event of a tab to the clients that hold it.
func (h *hub) pass(e event) { tell(h.listening(e), e) }

// listening are the clients that an event of a tab is for. The sessions below the
// tab's own are known from events.
func (h *hub) listening(e event) []*client {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.owner(e.SessionID)
	if t == nil {
		return nil
	}
	if e.Method == targetAttached || e.Method == targetDetached {
		var a attachment
		if json.Unmarshal(e.Params, &a) != nil || a.SessionID == "" {
			return nil
		}
		if e.Method == targetAttached {
			t.children[a.SessionID] = true
		} else {
			delete(t.children, a.SessionID)
		}
	}
	return t.listeners()
}

// lent adds a tab.
func (h *hub) lent(a attachment) {
	h.mu.Lock()
	if slices.ContainsFunc(h.tabs, func(t *tab) bool { return t.session == a.SessionID }) {
		h.mu.Unlock()
		h.renamed(*a.TargetInfo)
		return
	}
	t := &tab{session: a.SessionID, info: *a.TargetInfo, children: map[string]bool{}, holders: map[*client]bool{}}
	h.tabs = append(h.tabs, t)
	var curious, eager []*client
	for c := range h.clients {
		if c.discovers {
			curious = append(curious, c)
		}
		if c.attaches {
			eager = append(eager, c)
		}
	}
	info := t.shown()
	h.mu.Unlock()
	tell(curious, event{Method: targetCreated, Params: encode(attachment{TargetInfo: &info})})
	for _, c := range eager {
		_, _ = h.hold(c, info.TargetID) // it may be gone again
	}
	h.changed()
}

// takenBack drops a tab.
func (h *hub) takenBack(a attachment) {
	h.mu.Lock()
	i := slices.IndexFunc(h.tabs, func(t *tab) bool { return t.session == a.SessionID })
	if i < 0 {
		h.mu.Unlock()
		return
	}
	t := h.tabs[i]
	h.tabs = slices.Delete(h.tabs, i, i+1)
	holders, curious := t.listeners(), h.curious()
	h.mu.Unlock()
	tell(holders, event{Method: targetDetached, Params: encode(attachment{SessionID: t.session, TargetID: t.info.TargetID, Reason: a.Reason})})
	tell(curious, event{Method: targetDestroyed, Params: encode(attachment{TargetID: t.info.TargetID})})
	h.changed()
}

// renamed notes another title or address of a tab.
func (h *hub) renamed(info targetInfo) {
	h.mu.Lock()
	t := h.byTarget(info.TargetID)
	if t == nil || t.info == info {
		h.mu.Unlock()
		return
	}
	t.info = info
	shown, curious := t.shown(), h.curious()
	h.mu.Unlock()
	tell(curious, event{Method: targetChanged, Params: encode(attachment{TargetInfo: &shown})})
}

// hold attaches a client to a tab and tells it so.
func (h *hub) hold(c *client, targetID string) (session string, err *cdpError) {
	h.mu.Lock()
	t := h.byTarget(targetID)
	if t == nil || !h.clients[c] {
		h.mu.Unlock()
		return "", noTarget(targetID)
	}
	t.holders[c] = true
	info := t.shown()
	h.mu.Unlock()
	waiting := false
	tell([]*client{c}, event{Method: targetAttached, Params: encode(attachment{SessionID: t.session, TargetInfo: &info, WaitingForDebugger: &waiting})})
	return t.session, nil
}

func noTarget(id string) *cdpError {
	return failf(codeBadParams, "No target with given id found: %s", id)
}

// release detaches a client from a tab. With its last client the tab gets a fresh
// debugger, so that nothing stays switched on, paused or emulated in it.
func (h *hub) release(c *client, session string) bool {
	h.mu.Lock()
	i := slices.IndexFunc(h.tabs, func(t *tab) bool { return t.session == session && t.holders[c] })
	if i < 0 {
		h.mu.Unlock()
		return false
	}
	t, l := h.tabs[i], h.lender
	delete(t.holders, c)
	idle := len(t.holders) == 0
	if idle {
		clear(t.children)
	}
	h.mu.Unlock()
	if idle {
		l.send(forwarded{Method: targetDetach, Params: encode(attachment{SessionID: session})}, func(json.RawMessage, *cdpError) {
			// An extension that cannot do it leaves the tab as it is.
		})
	}
	return true
}

// lenderFor is the extension, for a command of the client in a session that is
// its own.
func (h *hub) lenderFor(c *client, session string) (*lender, *cdpError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lender == nil {
		return nil, errGone
	}
	if session != "" {
		if t := h.owner(session); t == nil || !t.holders[c] {
			return nil, &cdpError{codeSession, "Session with given id not found."}
		}
	}
	return h.lender, nil
}

// shown are the tabs as clients see them. The caller holds the lock, as with those
// that follow.
func (h *hub) shown() []targetInfo {
	infos := make([]targetInfo, len(h.tabs))
	for i, t := range h.tabs {
		infos[i] = t.shown()
	}
	return infos
}

// owner is the tab that a session belongs to.
func (h *hub) owner(session string) *tab {
	for _, t := range h.tabs {
		if t.session == session || t.children[session] {
			return t
		}
	}
	return nil
}

func (h *hub) byTarget(id string) *tab {
	for _, t := range h.tabs {
		if t.info.TargetID == id {
			return t
		}
	}
	return nil
}

func (h *hub) curious() []*client {
	var list []*client
	for c := range h.clients {
		if c.discovers {
			list = append(list, c)
		}
	}
	return list
}

func (t *tab) listeners() []*client {
	list := make([]*client, 0, len(t.holders))
	for c := range t.holders {
		list = append(list, c)
	}
	return list
}

// tell sends an event to clients.
func tell(to []*client, e event) {
	for _, c := range to {
		c.send(e)
	}
}
