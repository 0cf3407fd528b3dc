package daemon

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
)

// plugs stands between the components and the bus. A component whose plug is
// pulled is there and deaf, as one that hangs.
type plugs struct {
	d *daemon

	mu     sync.Mutex
	open   map[string][]*plug // by component
	doomed string
}

func (p *plugs) dial(component string) (*nats.Conn, error) {
	return p.d.bus.Dial(nats.Name(component), nats.InProcessServer(socket{p, component}))
}

// pull stalls the connections that the component has now, not later ones.
func (p *plugs) pull(component string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open[component] {
		c.stall.Do(func() { close(c.stalled) })
	}
}

// doom stalls the connections that the component makes from now on.
func (p *plugs) doom(component string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = component
}

// socket makes the connections of one component.
type socket struct {
	plugs     *plugs
	component string
}

func (s socket) InProcessConn() (net.Conn, error) {
	c, err := s.plugs.d.bus.InProcessConn()
	if err != nil {
		return nil, err
	}
	p := &plug{Conn: c, stalled: make(chan struct{}), closed: make(chan struct{})}
	s.plugs.mu.Lock()
	defer s.plugs.mu.Unlock()
	s.plugs.open[s.component] = append(s.plugs.open[s.component], p)
	p.doomed = s.component == s.plugs.doomed
	return p, nil
}

// plug is a connection that can stall: nothing comes out of it any more.
type plug struct {
	net.Conn
	doomed          bool // it stalls when its component is asked to work
	stall, shut     sync.Once
	stalled, closed chan struct{}
}

func (p *plug) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if p.doomed && bytes.Contains(b[:n], []byte(".probe.")) {
		p.stall.Do(func() { close(p.stalled) })
	}
	select {
	case <-p.stalled:
		<-p.closed
		return 0, net.ErrClosed
	default:
	}
	return n, err
}

func (p *plug) Close() error {
	p.shut.Do(func() { close(p.closed) })
	return p.Conn.Close()
}

// components asks the gateway how its components are.
func (g *gatewayUnderTest) components() map[string]msg.ComponentInfo {
	g.t.Helper()
	var reply struct{ Components []msg.ComponentInfo }
	g.mustCall("component.list", nil, &reply)
	list := map[string]msg.ComponentInfo{}
	for _, c := range reply.Components {
		list[c.Name] = c
	}
	return list
}

// beats are those of the gateway from now on.
func (g *gatewayUnderTest) beats() <-chan msg.Beat {
	g.t.Helper()
	c := make(chan msg.Beat, 1024)
	nc := g.conn()
	if _, err := nc.Subscribe(g.p.Subjects().Beat(), func(m *nats.Msg) {
		var b msg.Beat
		if json.Unmarshal(m.Data, &b) == nil {
			c <- b
		}
	}); err != nil {
		g.t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		g.t.Fatal(err)
	}
	return c
}

// TestStuckComponentIsRestartedAlone wedges each component in turn.
func TestStuckComponentIsRestartedAlone(t *testing.T) {
	h := newHost(t)
	var p plugs
	g := h.startWith(h.profile("main"), h.base, func(d *daemon) {
		p = plugs{d: d, open: map[string][]*plug{}}
		d.dialAs = p.dial
	})
	beats := g.beats()
	for _, part := range g.d.parts {
		t.Run(part.name, func(t *testing.T) {
			before := g.components()
			p.pull(part.name)
			told := false
			for deadline := time.Now().Add(30 * time.Second); ; {
				b := <-beats
				healed := true
				for _, c := range b.Components {
					switch {
					case c.Name == part.name && strings.HasPrefix(c.Detail, stuckPrefix):
						told, healed = true, false
					case c.Name == part.name && c.State == msg.StateStarting:
						healed = false
					case c.Name != part.name && c != before[c.Name].Component:
						t.Fatalf("%s changed: %+v", c.Name, c)
					}
				}
				if told && healed {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("told %v, healed %v: %+v", told, healed, b.Components)
				}
			}
			for name, c := range g.components() {
				want := before[name].Restarts
				if name == part.name {
					want++
				}
				if c.Restarts != want {
					t.Errorf("%s had %d restarts, want %d", name, c.Restarts, want)
				}
			}
		})
	}
}

// TestEveryComponentIsProbed: each answers with a piece of its work.
func TestEveryComponentIsProbed(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	<-waitFor(func() bool {
		for _, p := range g.d.parts {
			if g.components()[p.name].Probe.Did == "" {
				return false
			}
		}
		return true
	})
	for _, p := range g.d.parts {
		if c := g.components()[p.name]; c.Probe.Did == "" || c.ProbeError != "" {
			t.Errorf("%s: %+v", p.name, c)
		}
	}
}

func TestComponentRestartByHand(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	for _, p := range g.d.parts {
		g.mustCall("component.restart", msg.Component{Name: p.name}, nil)
		<-waitFor(func() bool { return p.restarts() == 1 })
	}
	for _, p := range g.d.parts {
		if p.restarts() != 1 || p.upSince().IsZero() {
			t.Errorf("%s: %d restarts, up since %s", p.name, p.restarts(), p.upSince())
		}
	}
	g.refuses("component.restart", msg.Component{Name: "cavnas"}, `no component "cavnas"; there are: agent, approval`)
}

// TestComponentThatEndsIsBuiltAgain: the gateway goes on without it meanwhile.
func TestComponentThatEndsIsBuiltAgain(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	beats := g.beats()
	bridge, _ := g.d.part("bridge")
	if err := bridge.life.key.Close(); err != nil { // as if its socket had broken
		t.Fatal(err)
	}
	for failed := false; ; {
		select {
		case b := <-beats:
			for _, c := range b.Components {
				if c.Name == "bridge" {
					failed = failed || c.State == msg.StateFailed
					if failed && c.State == msg.StateOK {
						return
					}
				} else if c.State == msg.StateFailed {
					t.Fatalf("%+v", c)
				}
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("failed: %v, and not back", failed)
		}
	}
}
