package gateway

import (
	"encoding/json"
	"strconv"
	"sync"

	"clawdbot/gateway/frame"
)

// event is an event frame, encoded once for all clients: before the sequence
// number and after it.
type event struct {
	name       string
	head, tail []byte
}

func newEvent(name string, payload []byte, version *frame.StateVersion) (*event, error) {
	head, err := json.Marshal(frame.Event{Type: frame.TypeEvent, Event: name, Payload: payload})
	if err != nil {
		return nil, err
	}
	e := &event{name: name, head: head[:len(head)-1], tail: []byte("}")}
	if version != nil {
		v, _ := json.Marshal(version) // two numbers always encode
		e.tail = append(append([]byte(`,"stateVersion":`), v...), '}')
	}
	return e, nil
}

// message is one outgoing frame: an event with its number, or other bytes.
type message struct {
	body  []byte
	event *event
	seq   uint64
}

func (m message) size() int {
	if m.event != nil {
		return len(m.event.head) + len(m.event.tail) + len(`,"seq":18446744073709551615`)
	}
	return len(m.body)
}

func (m message) appendTo(b []byte) []byte {
	if m.event == nil {
		return append(b, m.body...)
	}
	b = append(append(b, m.event.head...), `,"seq":`...)
	return append(strconv.AppendUint(b, m.seq, 10), m.event.tail...)
}

// outbox holds what one client has still to be sent, and numbers its events.
// It never blocks a sender.
type outbox struct {
	limit int

	mu       sync.Mutex
	ready    sync.Cond
	queue    []message
	held     []message // events behind a frame that is still being made
	holding  bool
	size     int // bytes queued, held, and being written
	seq      uint64
	finished bool
}

func newOutbox(limit int) *outbox {
	o := &outbox{limit: limit}
	o.ready.L = &o.mu
	return o
}

// put queues a frame. It returns false when the client is too slow for it; one
// message always fits. After finish it drops the frame.
func (o *outbox) put(m message) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished {
		return true
	}
	if o.size > 0 && o.size+m.size() > o.limit {
		o.finished = true
		o.queue, o.held = nil, nil
		o.ready.Signal()
		return false
	}
	if m.event != nil {
		o.seq++
		m.seq = o.seq
	}
	o.size += m.size()
	if o.holding && m.event != nil {
		o.held = append(o.held, m)
		return true
	}
	o.queue = append(o.queue, m)
	o.ready.Signal()
	return true
}

// hold keeps events back until release.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holding = true
}

// release lets the events follow that were held.
func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holding = false
	o.queue = append(o.queue, o.held...)
	o.held = nil
	o.ready.Signal()
}

// next blocks for the oldest frame. It returns false after finish, when all is
// sent.
func (o *outbox) next() (message, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) == 0 {
		if o.finished {
			return message{}, false
		}
		o.ready.Wait()
	}
	m := o.queue[0]
	o.queue = o.queue[1:]
	return m, true
}

// sent frees the room of a frame that next returned.
func (o *outbox) sent(m message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.size -= m.size()
}

// finish lets next return what is queued, and then false.
func (o *outbox) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = true
	o.ready.Signal()
}
