package bustest

import (
	"net"
	"sync"
	"testing"
)

// Door is a bound port that outlives the components behind it, as in a gateway:
// each gets a key, and to close that ends only its own use of the port.
type Door struct {
	ln    net.Listener
	conns chan net.Conn
	shut  chan struct{}
	free  chan struct{} // holds a token while connections may pass
}

// NewDoor binds a port of 127.0.0.1 until the end of the test.
func NewDoor(t testing.TB) *Door {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &Door{ln: ln, conns: make(chan net.Conn), shut: make(chan struct{}), free: make(chan struct{}, 1)}
	d.free <- struct{}{}
	var accepting sync.WaitGroup
	accepting.Go(d.accept)
	t.Cleanup(func() {
		close(d.shut)
		_ = ln.Close()
		accepting.Wait()
	})
	return d
}

func (d *Door) accept() {
	for {
		c, err := d.ln.Accept()
		if err != nil {
			return
		}
		if !d.pass(c) {
			_ = c.Close()
			return
		}
	}
}

// pass hands the connection on. It is false once the door is shut.
func (d *Door) pass(c net.Conn) bool {
	select {
	case token := <-d.free:
		d.free <- token
	case <-d.shut:
		return false
	}
	select {
	case d.conns <- c:
		return true
	case <-d.shut:
		return false
	}
}

// Hold lets nobody through until release: who connects waits, as when the loop
// behind a port is stuck.
func (d *Door) Hold() (release func()) {
	token := <-d.free
	return func() { d.free <- token }
}

// Key is one component's use of the door.
func (d *Door) Key() net.Listener { return &key{door: d, done: make(chan struct{})} }

type key struct {
	door *Door
	done chan struct{}
	once sync.Once
}

func (k *key) Accept() (net.Conn, error) {
	select {
	case c := <-k.door.conns:
		return c, nil
	case <-k.done:
	case <-k.door.shut:
	}
	return nil, net.ErrClosed
}

func (k *key) Close() error {
	k.once.Do(func() { close(k.done) })
	return nil
}

func (k *key) Addr() net.Addr { return k.door.ln.Addr() }
