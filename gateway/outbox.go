package gateway

import (
	"bytes"
	"encoding/json"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"clawdbot/gateway/frame"
	"clawdbot/gateway/socket"
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
	e := &event{name: name, head: append(head[:len(head)-1], `,"seq":`...), tail: []byte("}")}
	if version != nil {
		v, _ := json.Marshal(version) // two numbers always encode
		e.tail = append(append([]byte(`,"stateVersion":`), v...), '}')
	}
	return e, nil
}

// outbox sends frames to one client, and numbers its events. It never blocks a
// sender: frames gather in a buffer while a goroutine writes those before them,
// and that goroutine ends when all is written. A silent client costs none.
type outbox struct {
	tcp   net.Conn
	limit int

	mu       sync.Mutex
	queue    *bytes.Buffer // frames that wait; nil when there are none
	held     bytes.Buffer  // events behind a frame that is still being made
	holding  bool
	writing  int // bytes that the writer has taken; 0 when there is no writer
	seq      uint64
	finished bool      // no more frames are taken
	until    time.Time // when it is cut off then
	writers  sync.WaitGroup
}

// buffers are queues that were written. Those that grew large go to the
// collector.
var buffers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

const maxPooled = 64 << 10

// put queues a frame of these parts. It returns false when the client is too slow
// for it; one message always fits. After finish it drops the frame.
func (o *outbox) put(op ws.OpCode, parts ...[]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished {
		return true
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if !o.fits(size) {
		return false
	}
	socket.Append(o.open(), op, parts...)
	o.kick()
	return true
}

// putEvent is put for an event, which gets the next number.
func (o *outbox) putEvent(e *event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished {
		return true
	}
	var room [20]byte
	seq := strconv.AppendUint(room[:0], o.seq+1, 10)
	size := len(e.head) + len(seq) + len(e.tail)
	if !o.fits(size) {
		return false
	}
	o.seq++
	if o.holding {
		socket.Append(&o.held, ws.OpText, e.head, seq, e.tail)
		return true
	}
	socket.Append(o.open(), ws.OpText, e.head, seq, e.tail)
	o.kick()
	return true
}

// fits runs under the lock, as all that follows.
func (o *outbox) fits(size int) bool {
	waiting := o.writing + o.held.Len()
	if o.queue != nil {
		waiting += o.queue.Len()
	}
	return waiting == 0 || waiting+size+socket.Overhead <= o.limit
}

func (o *outbox) open() *bytes.Buffer {
	if o.queue == nil {
		o.queue = buffers.Get().(*bytes.Buffer)
	}
	return o.queue
}

// kick has what is queued written.
func (o *outbox) kick() {
	if o.writing == 0 {
		o.writing = o.queue.Len()
		o.writers.Go(o.write)
	}
}

// write writes until nothing is queued. All that gathered goes out in one call.
func (o *outbox) write() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.queue != nil {
		b := o.queue
		o.queue = nil
		o.writing = b.Len()
		o.mu.Unlock()
		_, err := o.tcp.Write(b.Bytes())
		o.mu.Lock()
		if b.Cap() <= maxPooled {
			b.Reset()
			buffers.Put(b)
		}
		if err != nil {
			o.finished, o.queue = true, nil
			_ = o.tcp.Close() // the reader notices
		}
	}
	o.writing = 0
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
	if o.held.Len() > 0 && !o.finished {
		o.open().Write(o.held.Bytes())
		o.kick()
	}
	o.held = bytes.Buffer{}
}

// finish queues the close frame behind what waits, or in its place, and takes
// nothing more. Both directions have grace from now. A second finish only brings
// the end nearer and returns false.
func (o *outbox) finish(code ws.StatusCode, reason string, grace time.Duration, inPlace bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	until := time.Now().Add(grace)
	if o.finished {
		if until.Before(o.until) {
			o.until = until
			_ = o.tcp.SetDeadline(until) // fails only when it is closed
		}
		return false
	}
	if inPlace && o.queue != nil {
		o.queue.Reset()
	}
	socket.AppendClose(o.open(), code, reason)
	o.finished, o.until = true, until
	_ = o.tcp.SetDeadline(until) // fails only when it is closed
	o.kick()
	return true
}

// relax ends the deadline of the handshake.
func (o *outbox) relax() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.finished {
		_ = o.tcp.SetReadDeadline(time.Time{}) // fails only when it is closed
	}
}

// ended says whether no more frames are taken.
func (o *outbox) ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.finished
}

// crowded says whether so much waits that one may do without.
func (o *outbox) crowded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting := o.writing
	if o.queue != nil {
		waiting += o.queue.Len()
	}
	return waiting > o.limit/2
}

// wait blocks until nothing is written any more.
func (o *outbox) wait() { o.writers.Wait() }
