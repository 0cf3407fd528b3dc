package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

// answerPing serves health.ping of the bus with its own name.
func answerPing(t *testing.T, b *bustest.Bus) {
	t.Helper()
	s, err := bus.Serve(bus.ServiceConfig{
		Name: "health", Version: "1.0.0", Profile: b.Subjects.Profile(), Conn: b.Conn(t),
		Endpoints: []bus.Endpoint{{Name: "ping", Subject: b.Subjects.Ping(), Handle: func(context.Context, *bus.Request) (any, error) {
			return msg.Beat{Profile: b.Subjects.Profile()}, nil
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
}

// awaitPing asks peer's ping from b until it is answered by the peer.
func awaitPing(t *testing.T, b *bustest.Bus, nc *nats.Conn, peer subject.Space) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		try, done := context.WithTimeout(ctx, 200*time.Millisecond)
		var beat msg.Beat
		err := bus.Call(try, nc, peer.Ping(), nil, &beat)
		done()
		if err == nil {
			if beat.Profile != peer.Profile() {
				t.Fatalf("%s asked %s and %q answered", b.Subjects.Profile(), peer.Profile(), beat.Profile)
			}
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s never reached %s: %v", b.Subjects.Profile(), peer.Profile(), err)
		}
	}
}

// linkUp waits until each of the buses hears the others, whose pings it starts
// to answer.
func linkUp(t *testing.T, buses ...*bustest.Bus) {
	t.Helper()
	for _, b := range buses {
		answerPing(t, b)
	}
	hearEachOther(t, buses...)
}

func hearEachOther(t *testing.T, buses ...*bustest.Bus) {
	t.Helper()
	for _, x := range buses {
		nc := x.Conn(t)
		for _, y := range buses {
			if x != y {
				awaitPing(t, x, nc, y.Subjects)
			}
		}
	}
}

// peer is how others reach b.
func peer(b *bustest.Bus) bus.Peer {
	return bus.Peer{Bus: b.Subjects.Profile(), Addr: b.LinkAddr(), Secret: "pair"}
}

func update(t *testing.T, b *bustest.Bus, peers ...bus.Peer) {
	t.Helper()
	if err := b.Update(bus.Members{Users: bustest.Users(b.Subjects), Peers: peers}); err != nil {
		t.Fatal(err)
	}
}

// startAt runs a bus with its link on the port.
func startAt(t *testing.T, name string, linkPort int, log *slog.Logger, peers ...bus.Peer) *bustest.Bus {
	t.Helper()
	sp, err := subject.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return bustest.StartConfig(t, bus.Config{Subjects: sp, LinkPort: linkPort, Log: log, Members: bus.Members{Users: bustest.Users(sp), Peers: peers}})
}

func linkPort(t *testing.T, b *bustest.Bus) int {
	t.Helper()
	addr, err := netip.ParseAddrPort(b.LinkAddr())
	if err != nil {
		t.Fatal(err)
	}
	return int(addr.Port())
}

func TestLinkCarriesHealthAndRescueAndNothingElse(t *testing.T) {
	main, rescue := bustest.Pair(t, "main", "rescue")
	linkUp(t, main, rescue)
	for _, way := range []struct{ from, to *bustest.Bus }{{main, rescue}, {rescue, main}} {
		from, to := way.from.Conn(t), way.to.Conn(t)
		name := "clawdbot." + way.from.Subjects.Profile()
		heard := listen(t, to, ">")
		// Interest crosses after the subscription: the beat is sent until it arrives.
		for arrived := false; !arrived; {
			for _, private := range []string{".event.tick", ".in.x", ".rpc.x", ".out.x", ".log.info", ".config.applied", ".node.a.event", ".browser.x", ".health"} {
				publish(t, from, name+private)
			}
			publish(t, from, "clawdbot."+way.to.Subjects.Profile()+".health.beat") // a peer cannot speak for us
			publish(t, from, "$SRV.PING")
			publish(t, from, way.from.Subjects.Beat())
			m, err := heard.NextMsg(50 * time.Millisecond)
			if arrived = err == nil; arrived && m.Subject != way.from.Subjects.Beat() {
				t.Fatalf("%s crossed from %s", m.Subject, name)
			}
		}
		if err := heard.Unsubscribe(); err != nil {
			t.Fatal(err)
		}

		verb, _ := way.to.Subjects.Rescue("diagnose")
		rpc, _ := way.to.Subjects.RPC("health")
		serve(t, to, "rescue", verb, answer("diagnosed"))
		serve(t, to, "core", rpc, answer("private"))
		var got string
		eventually(t, "a verb of rescue is answered over the link", func() bool {
			return bus.Call(within(t, time.Second), from, verb, nil, &got) == nil
		})
		if got != "diagnosed" {
			t.Errorf("got %q", got)
		}
		if _, err := from.Request(rpc, nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s over the link: %v", rpc, err)
		}
	}
}

func TestLinkComesUpInEitherOrder(t *testing.T) {
	for _, first := range []string{"main", "rescue"} {
		t.Run(first+" first", func(t *testing.T) {
			second := map[string]string{"main": "rescue", "rescue": "main"}[first]
			reserved := startAt(t, second, 0, nil)
			late := peer(reserved)
			port := linkPort(t, reserved)
			reserved.Close() // the late one is known and not there
			a := startAt(t, first, 0, nil, late)
			b := startAt(t, second, port, nil, peer(a))
			linkUp(t, a, b)
		})
	}
}

func TestMeshSurvivesTheLossOfAnyMember(t *testing.T) {
	names := []string{"main", "rescue", "third"}
	for lost := range names {
		t.Run("without "+names[lost], func(t *testing.T) {
			var all []*bustest.Bus
			for _, name := range names {
				all = append(all, bustest.Start(t, name))
			}
			for i, b := range all {
				update(t, b, peer(all[(i+1)%3]), peer(all[(i+2)%3]))
			}
			linkUp(t, all...)
			all[lost].Close()
			hearEachOther(t, slices.Delete(all, lost, lost+1)...)
		})
	}
}

func TestPeerIsAddedAndRemovedWhileRunning(t *testing.T) {
	main, rescue := bustest.Pair(t, "main", "rescue")
	third := bustest.Start(t, "third")
	linkUp(t, main, rescue)
	update(t, main, peer(rescue), peer(third))
	update(t, third, peer(main))
	answerPing(t, third)
	hearEachOther(t, main, third)
	links := func() int {
		stats, err := main.Stats()
		if err != nil {
			t.Fatal(err)
		}
		return stats.Links
	}
	if n := links(); n != 2 {
		t.Fatalf("main has %d links", n)
	}

	// main does not call third, third calls main: taking the credential away ends it.
	update(t, main, peer(rescue))
	eventually(t, "the connection of the removed peer ends", func() bool { return links() == 1 })
	if m, err := third.Conn(t).Request(main.Subjects.Ping(), nil, 200*time.Millisecond); err == nil {
		t.Errorf("third still reaches main: %s", m.Data)
	}
	hearEachOther(t, main, rescue)

	// rescue calls main: removed on the calling side it ends as well.
	update(t, rescue)
	eventually(t, "the connection to the removed peer ends", func() bool { return links() == 0 })
	update(t, rescue, peer(main))
	hearEachOther(t, main, rescue)
}

func TestLinkFollowsAPeerToAnotherPort(t *testing.T) {
	main, rescue := bustest.Pair(t, "main", "rescue")
	linkUp(t, main, rescue)
	main.Close()
	moved := startAt(t, "main", 0, nil, peer(rescue))
	if linkPort(t, moved) == linkPort(t, main) {
		t.Fatal("it did not move")
	}
	answerPing(t, moved)
	update(t, rescue, peer(moved))
	hearEachOther(t, moved, rescue)
}

func TestLinkComesBackAfterARestart(t *testing.T) {
	main, rescue := bustest.Pair(t, "main", "rescue")
	linkUp(t, main, rescue)
	port := linkPort(t, main)
	main.Close()
	again := startAt(t, "main", port, nil, peer(rescue))
	answerPing(t, again)
	start := time.Now()
	hearEachOther(t, again, rescue)
	t.Logf("linked again after %s", time.Since(start).Round(time.Millisecond))
}

func TestWrongPairSecretIsRefusedAndSaidOnce(t *testing.T) {
	var log logBuffer
	main := startAt(t, "main", 0, log.logger(slog.LevelDebug).With("at", "main"))
	rescue := startAt(t, "rescue", 0, log.logger(slog.LevelDebug).With("at", "rescue"))
	right, wrong := peer(main), peer(main)
	wrong.Secret = "a guess"
	update(t, main, peer(rescue))
	update(t, rescue, wrong)
	eventually(t, "three attempts", func() bool { return strings.Count(log.String(), "Leafnode Error 'Authorization Violation'") >= 3 })
	for _, at := range []string{"main", "rescue"} {
		var said []string
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "level=WARN") && strings.Contains(line, "at="+at) {
				said = append(said, line)
			}
		}
		if len(said) != 1 || !strings.Contains(said[0], map[string]string{"main": "link-rescue-to-main", "rescue": right.Addr}[at]) {
			t.Errorf("%s said %q", at, said)
		}
	}
	if strings.Contains(log.String(), "a guess") {
		t.Error("the secret is in the log")
	}
	update(t, rescue, right)
	linkUp(t, main, rescue)
}

// TestLinkLost kills a peer of its own process, once as the one that calls and
// once as the one that is called.
func TestLinkLost(t *testing.T) {
	for self, other := range map[string]string{"main": "rescue", "rescue": "main"} {
		t.Run(other, func(t *testing.T) {
			b := startAt(t, self, 0, nil)
			sys, err := b.DialSystem()
			if err != nil {
				t.Fatal(err)
			}
			defer sys.Close()
			lost := listen(t, sys, bus.LinkLost)
			child := startChild(t, other, self, b.LinkAddr())
			update(t, b, bus.Peer{Bus: other, Addr: child.link, Secret: "pair"})
			eventually(t, "the link is up", func() bool {
				stats, err := b.Stats()
				return err == nil && stats.Links == 1
			})
			for n, _, _ := lost.Pending(); n > 0; n-- { // of calls before b knew the peer
				next(t, lost)
			}

			killed := time.Now()
			if err := child.Kill(); err != nil {
				t.Fatal(err)
			}
			m := next(t, lost)
			t.Logf("told after %s", time.Since(killed).Round(time.Microsecond))
			if name, ok := bus.LinkLostPeer(m.Subject); name != other || !ok {
				t.Errorf("%s: %q, %t", m.Subject, name, ok)
			}
		})
	}
}

func TestLinkLostPeer(t *testing.T) {
	for subj, want := range map[string]string{
		"$SYS.ACCOUNT.LINK_rescue.DISCONNECT": "rescue", "$SYS.ACCOUNT.LINK_a-b.DISCONNECT": "a-b",
		"$SYS.ACCOUNT.PROFILE.DISCONNECT": "", "$SYS.ACCOUNT.LINK_rescue.CONNECT": "", "$SYS.ACCOUNT.REMOTE_LINK_x.DISCONNECT": "", "": "",
	} {
		if got, ok := bus.LinkLostPeer(subj); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", subj, got, ok)
		}
	}
}

func TestWithoutALinkNothingListensForPeers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	b := bustest.StartConfig(t, bus.Config{Subjects: sp, LinkPort: port, NoLink: true})
	if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
		_ = conn.Close()
		t.Error("somebody listens on the link port")
	}
	if addr := b.LinkAddr(); addr != "" {
		t.Errorf("link address %q", addr)
	}
	if err := b.Update(bus.Members{Users: bustest.Users(sp)}); err != nil {
		t.Error(err)
	}
}
