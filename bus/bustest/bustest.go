// Package bustest starts real buses for tests.
package bustest

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

// Bus is a running bus on ports of its own.
type Bus struct {
	*bus.Server
	Subjects subject.Space
}

// Start runs a bus for the name and ends it with the test. The users debug and
// ingress have their own names as passwords.
func Start(t testing.TB, name string) *Bus {
	t.Helper()
	sp, err := subject.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return StartConfig(t, bus.Config{Subjects: sp, Members: bus.Members{Users: Users(sp)}})
}

// Users are debug and ingress with their own names as passwords.
func Users(sp subject.Space) []bus.User {
	return []bus.User{bus.DebugUser(sp, bus.UserDebug), bus.IngressUser(sp, bus.UserIngress)}
}

// StartConfig runs a bus as configured and ends it with the test. A nil Log
// goes to the test's output.
func StartConfig(t testing.TB, cfg bus.Config) *Bus {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := bus.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &Bus{Server: s, Subjects: cfg.Subjects}
}

// Pair runs two buses that are linked, the first name's and the second's.
func Pair(t testing.TB, a, b string) (*Bus, *Bus) {
	t.Helper()
	x, y := Start(t, a), Start(t, b)
	Link(t, x, y)
	return x, y
}

// Link makes the two buses peers of each other.
func Link(t testing.TB, x, y *Bus) {
	t.Helper()
	for _, side := range []struct{ self, peer *Bus }{{x, y}, {y, x}} {
		err := side.self.Update(bus.Members{
			Users: Users(side.self.Subjects),
			Peers: []bus.Peer{{Bus: side.peer.Subjects.Profile(), Addr: side.peer.LinkAddr(), Secret: "pair"}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Dial returns an in-process connection as the svc user, as components dial it.
func (b *Bus) Dial() (*nats.Conn, error) { return b.Server.Dial() }

// Conn returns an in-process connection that ends with the test.
func (b *Bus) Conn(t testing.TB) *nats.Conn {
	t.Helper()
	nc, err := b.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// Probe asks a component for a piece of its work, as the supervisor does but
// with more patience, for a test may run on a busy host.
func (b *Bus) Probe(component string) (did msg.Probe, err error) {
	subj, err := b.Subjects.Probe(component)
	if err != nil {
		return did, err
	}
	nc, err := b.Dial()
	if err != nil {
		return did, err
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = bus.Call(ctx, nc, subj, nil, &did)
	return did, err
}

// ConnAs returns a connection over TCP as the user, which ends with the test.
func (b *Bus) ConnAs(t testing.TB, user, password string, opts ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	opts = append([]nats.Option{
		nats.UserInfo(user, password), nats.CustomInboxPrefix(bus.InboxPrefix(user)), nats.NoReconnect(),
	}, opts...)
	nc, err := nats.Connect("nats://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(b.ClientPort())), opts...)
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}
