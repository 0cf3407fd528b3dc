package daemon

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// door is a bound port that outlives the component behind it. Components come
// and go by keys; a connection that arrives between two of them waits for the
// next.
type door struct {
	lns   []net.Listener
	shut  chan struct{} // closed with the door
	ended chan struct{}
	place place
	once  sync.Once

	mu      sync.Mutex
	key     *key          // the one that gets the connections; nil between two
	changed chan struct{} // closed when key changes
}

// place is where a door is: one port, on one or more addresses of the host.
type place struct {
	hosts []string
	port  int
}

func (p place) is(other place) bool {
	return p.port == other.port && slices.Equal(p.hosts, other.hosts)
}

// openDoor binds the port on all addresses, or on none.
func openDoor(at place) (*door, error) {
	d := &door{place: at, shut: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{})}
	for _, host := range at.hosts {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(at.port)))
		if err != nil {
			return nil, errors.Join(append([]error{err}, closeAll(d.lns)...)...)
		}
		d.lns = append(d.lns, ln)
	}
	go d.run()
	return d, nil
}

func closeAll(lns []net.Listener) (errs []error) {
	for _, ln := range lns {
		errs = append(errs, ln.Close())
	}
	return errs
}

// run accepts on every address until the door is closed.
func (d *door) run() {
	defer close(d.ended)
	var all sync.WaitGroup
	for _, ln := range d.lns {
		all.Go(func() { d.accept(ln) })
	}
	all.Wait()
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
func (d *door) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
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
		err = errors.Join(closeAll(d.lns)...)
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

// Addr implements net.Listener. It is the first address of the door.
func (k *key) Addr() net.Addr { return k.door.lns[0].Addr() }
