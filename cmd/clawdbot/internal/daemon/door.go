package daemon

import (
	"errors"
	"net"
	"sync"
	"time"
)

// door is a bound port that outlives the component behind it. Components come
// and go by keys; a connection that arrives between two of them waits for the
// next.
type door struct {
	ln    net.Listener
	shut  chan struct{} // closed with the door
	ended chan struct{}
	addr  string // as it was asked for
	once  sync.Once

	mu      sync.Mutex
	key     *key          // the one that gets the connections; nil between two
	changed chan struct{} // closed when key changes
}

// newDoor is a door in the listener at the address that was asked for.
func newDoor(ln net.Listener, addr string) *door {
	d := &door{ln: ln, addr: addr, shut: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{})}
	go d.accept()
	return d
}

// key is one component's use of a door, as a net.Listener. It is the one that
// gets the connections from its first Accept on, until another one's.
type key struct {
	door  *door
	conns chan net.Conn
	done  chan struct{}
	take  sync.Once
	once  sync.Once
}

// cut makes a key for a component that is about to be built.
func (d *door) cut() *key {
	return &key{door: d, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (d *door) hand(k *key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.key = k
	close(d.changed)
	d.changed = make(chan struct{})
}

// accept passes connections on until the door is closed.
func (d *door) accept() {
	defer close(d.ended)
	for {
		c, err := d.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, or the caller hung up: neither is the end
			select {
			case <-d.shut:
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		if !d.pass(c) {
			_ = c.Close()
			return
		}
	}
}

const acceptPause = 5 * time.Millisecond

// pass gives the connection to whoever has the key, now or next. It is false
// once the door is shut.
func (d *door) pass(c net.Conn) bool {
	for {
		d.mu.Lock()
		k, changed := d.key, d.changed
		d.mu.Unlock()
		var to chan net.Conn
		var done chan struct{}
		if k != nil {
			to, done = k.conns, k.done
		}
		select {
		case <-d.shut:
			return false
		case to <- c:
			return true
		case <-changed:
		case <-done: // its component ended: wait for the next
			d.mu.Lock()
			if d.key == k {
				d.key = nil
			}
			d.mu.Unlock()
		}
	}
}

// Close lets the port go.
func (d *door) Close() error {
	var err error
	d.once.Do(func() {
		close(d.shut)
		err = d.ln.Close()
	})
	<-d.ended
	return err
}

// Accept implements net.Listener.
func (k *key) Accept() (net.Conn, error) {
	select {
	case <-k.done: // first: select below picks at random
		return nil, net.ErrClosed
	default:
	}
	k.take.Do(func() { k.door.hand(k) })
	select {
	case c := <-k.conns:
		return c, nil
	case <-k.done:
		return nil, net.ErrClosed
	case <-k.door.shut:
		return nil, net.ErrClosed
	}
}

// Close ends this use of the door; the port stays bound.
func (k *key) Close() error {
	k.once.Do(func() { close(k.done) })
	return nil
}

// Addr implements net.Listener.
func (k *key) Addr() net.Addr { return k.door.ln.Addr() }
