package bus

import (
	"encoding/json"
	"sync"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

// Health publishes one component's state on health.<component>, on each
// change. It is safe for use by many goroutines. A nil one tells nobody.
type Health struct {
	nc      *nats.Conn
	subject string

	mu   sync.Mutex
	last msg.Component
}

// NewHealth returns the health of the named component. It returns
// subject.ErrToken for a name that is not one token.
func NewHealth(nc *nats.Conn, sp subject.Space, component string) (*Health, error) {
	subj, err := sp.Health(component)
	if err != nil {
		return nil, err
	}
	return &Health{nc: nc, subject: subj, last: msg.Component{Name: component}}, nil
}

// Set publishes the state with one line of detail for people, unless it is
// what was published last.
func (h *Health) Set(state msg.State, detail string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	next := msg.Component{Name: h.last.Name, State: state, Detail: detail}
	if next == h.last {
		return
	}
	h.last = next
	body, _ := json.Marshal(next)     // three strings always encode
	_ = h.nc.Publish(h.subject, body) // fails only when the connection is closed: the component has ended
}
