package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
)

// blueprint is what it takes to build a component, as often as needed.
type blueprint struct {
	name  string
	on    func(*settings) bool
	build func(stage) (Component, error)
	// alone says that two lives of it must not overlap, as they would share a
	// browser or a queue. The others are built beside the life they replace.
	alone bool
	// addr is where it listens; nil for one without a port.
	addr func(*settings) (place, error)
}

// stage is what one life of a component is built on.
type stage struct {
	*settings
	dial     func() (*nats.Conn, error)
	listener net.Listener // nil for one without a port
}

// secure is the listener, with TLS where the settings have it.
func (s stage) secure() net.Listener {
	if s.tls == nil {
		return s.listener
	}
	return tls.NewListener(s.listener, s.tls)
}

// life is one life of a component, from its construction to its end.
type life struct {
	Component
	ctx    context.Context
	cancel context.CancelFunc
	key    *key
	done   chan struct{} // closed when Run has returned
	err    error         // of Run, once done is closed
	start  sync.Once

	mu    sync.Mutex
	conns []*nats.Conn // all that it dialled
}

// begin lets the component run.
func (l *life) begin() {
	l.start.Do(func() {
		go func() {
			defer close(l.done)
			l.err = l.Run(l.ctx)
		}()
	})
}

// A component has drainWithin to end by itself; then its connections are closed
// from outside, which ends what waits on them; after endWithin more it is left
// behind.
const (
	drainWithin = 2 * time.Second
	endWithin   = 3 * time.Second
)

// errStuck says that a component did not end when it was told to.
var errStuck = fmt.Errorf("did not end within %s and was left behind", drainWithin+endWithin)

// end stops the life and returns when it is over, or cut off: nobody hears of it
// again.
func (l *life) end() error {
	l.cancel()
	l.begin() // one that never ran drains all the same
	select {
	case <-l.done:
		return l.err
	case <-time.After(drainWithin):
	}
	l.cut()
	select {
	case <-l.done:
		return l.err
	case <-time.After(endWithin):
		return errStuck
	}
}

// cut closes from outside what the life holds.
func (l *life) cut() {
	if l.key != nil {
		_ = l.key.Close() // never fails
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, nc := range l.conns {
		nc.Close()
	}
}

// part is one component of the gateway and its present life.
type part struct {
	blueprint
	d      *daemon
	orders chan order
	gone   chan struct{} // closed when run has returned

	// The rest belongs to run once the gateway serves.
	life  *life      // nil while it is off or waits to be built again
	door  *door      // nil while it has no port
	mu    sync.Mutex // guards what follows, which only run writes
	built *settings  // what the life was built on, or shall be
	count int        // lives after the first
	up    time.Time  // since when the life runs, zero while there is none
}

// order asks for a new life on the settings.
type order struct {
	settings *settings
	heals    bool // the component is stuck, and stays so until it works
	done     chan error
}

// rise builds a life on the settings. It changes nothing when it fails.
func (p *part) rise(s *settings) (*life, *door, error) {
	door, err := p.doorFor(s)
	if err != nil {
		return nil, nil, err
	}
	l := &life{done: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	st := stage{settings: s, dial: func() (*nats.Conn, error) {
		nc, err := p.d.dial(p.name)
		if err == nil {
			l.mu.Lock()
			l.conns = append(l.conns, nc)
			l.mu.Unlock()
		}
		return nc, err
	}}
	if door != nil {
		l.key = door.cut()
		st.listener = l.key
	}
	if l.Component, err = p.build(st); err != nil {
		l.cancel()
		l.cut()
		if door != p.door {
			err = errors.Join(err, door.Close())
		}
		return nil, nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return l, door, nil
}

// doorFor is the port for the settings: the one that is open when it is the
// same, nil for a component without one.
func (p *part) doorFor(s *settings) (*door, error) {
	if p.addr == nil {
		return nil, nil
	}
	at, err := p.addr(s)
	if err != nil {
		return nil, err
	}
	if p.door != nil && p.door.place.is(at) {
		return p.door, nil
	}
	door, err := openDoor(at)
	if err != nil {
		return nil, p.d.taken(p.name, at.port, err)
	}
	return door, nil
}

// take makes a new life the present one and lets it run.
func (p *part) take(l *life, door *door) error {
	var err error
	if p.door != nil && p.door != door {
		err = p.door.Close()
	}
	p.life, p.door = l, door
	if l != nil {
		l.begin()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = time.Time{}
	if l != nil {
		p.up = time.Now()
	}
	return err
}

// Pauses before a component that ended by itself is built again: doubled each
// time, until it has worked for steadyAfter.
const (
	riseMin     = 250 * time.Millisecond
	riseMax     = 30 * time.Second
	steadyAfter = time.Minute
)

// run keeps the component alive until ctx ends.
func (p *part) run(ctx context.Context) error {
	defer close(p.gone)
	if p.life != nil {
		p.life.begin()
	}
	pause, again := riseMin, (<-chan time.Time)(nil)
	for {
		var ended chan struct{}
		if p.life != nil {
			ended = p.life.done
		}
		select {
		case <-ctx.Done():
			return p.close()
		case o := <-p.orders:
			again = nil
			err := p.obey(o.settings)
			if err == nil && !o.heals {
				p.d.asking.forget(p.name)
			}
			o.done <- err
			if p.life == nil && p.on(p.built) { // it failed; it is not given up
				again, pause = time.After(pause), min(2*pause, riseMax)
			}
		case <-ended:
			if time.Since(p.upSince()) > steadyAfter {
				pause = riseMin
			}
			p.fell(pause)
			again, pause = time.After(pause), min(2*pause, riseMax)
		case <-again:
			again = nil
			if l, door, err := p.rise(p.built); err != nil {
				p.d.say(p.name, msg.StateFailed, err.Error())
				again, pause = time.After(pause), min(2*pause, riseMax)
			} else {
				p.born(l, door)
			}
		}
	}
}

// fell tells of a component that ended by itself, and forgets its life.
func (p *part) fell(pause time.Duration) {
	err := p.life.err
	if err == nil {
		err = errors.New("ended by itself")
	}
	p.life.cancel()
	p.life.cut()
	p.life = nil
	p.mu.Lock()
	p.up = time.Time{}
	p.mu.Unlock()
	p.d.log.Error(p.name+" failed", "err", err, "again", pause.String())
	p.d.say(p.name, msg.StateFailed, fmt.Sprintf("%v; it is started again", err))
}

// born counts a later life and lets it run.
func (p *part) born(l *life, door *door) {
	if err := p.take(l, door); err != nil {
		p.d.log.Warn(p.name+": close the port it had", "err", err)
	}
	p.mu.Lock()
	p.count++
	p.mu.Unlock()
}

// builds notes what the present life was built on.
func (p *part) builds(s *settings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.built = s
}

// builtOn is what the present life was built on.
func (p *part) builtOn() *settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.built
}

// obey gives the component a new life on the settings, or turns it off. When it
// fails, the component has its old settings, and the old life unless that had to
// end first.
func (p *part) obey(s *settings) error {
	if !p.on(s) {
		p.complain(p.stop())
		p.builds(s)
		return errors.Join(p.take(nil, nil), p.d.sayOff(p.name, s))
	}
	if p.alone || p.life == nil || p.inItsOwnWay(s) {
		return p.replace(s)
	}
	l, door, err := p.rise(s) // beside the old one
	if err != nil {
		return err
	}
	old := p.life
	p.builds(s)
	p.born(l, door)
	p.complain(old.end())
	return nil
}

// replace ends the life first. When the new one cannot be had, the old settings
// get another try.
func (p *part) replace(s *settings) error {
	p.complain(p.stop())
	if p.inItsOwnWay(s) {
		p.complain(p.door.Close())
		p.door = nil
	}
	l, door, err := p.rise(s)
	if err == nil {
		p.builds(s)
		p.born(l, door)
		return nil
	}
	if !p.on(p.built) { // it was off
		return errors.Join(err, p.take(nil, nil))
	}
	back, door, backErr := p.rise(p.built)
	if backErr != nil {
		p.d.say(p.name, msg.StateFailed, backErr.Error())
		return errors.Join(err, backErr)
	}
	p.born(back, door)
	return err
}

// inItsOwnWay says whether the port that the settings want is the present one on
// other addresses, which cannot be bound beside it.
func (p *part) inItsOwnWay(s *settings) bool {
	if p.door == nil || p.addr == nil {
		return false
	}
	at, err := p.addr(s)
	return err == nil && p.door.place.port == at.port && !p.door.place.is(at)
}

func (p *part) stop() error {
	if p.life == nil {
		return nil
	}
	l := p.life
	p.life = nil
	return l.end()
}

// complain tells of a life that did not end well; nothing depends on it any more.
func (p *part) complain(err error) {
	if err != nil {
		p.d.log.Warn(p.name+": its earlier life", "err", err)
	}
}

func (p *part) close() error {
	err := p.stop()
	if p.door != nil {
		err = errors.Join(err, p.door.Close())
	}
	return err
}

// restarts is how many lives it has had after the first.
func (p *part) restarts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// upSince is when the present life began, zero while there is none.
func (p *part) upSince() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// restart orders a new life, on the same settings when s is nil, and waits for it.
func (p *part) restart(ctx context.Context, s *settings) error {
	o := p.newOrder(s)
	if err := p.give(ctx, o); err != nil {
		return err
	}
	return <-o.done // run obeys what it took
}

func (p *part) newOrder(s *settings) order {
	if s == nil {
		s = p.d.settings()
	}
	return order{settings: s, done: make(chan error, 1)}
}

// give returns when run has taken the order.
func (p *part) give(ctx context.Context, o order) error {
	select {
	case p.orders <- o:
		return nil
	case <-p.gone:
		return errors.New("the gateway is stopping")
	case <-ctx.Done():
		return ctx.Err()
	}
}
