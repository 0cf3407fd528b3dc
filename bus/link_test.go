package bus_test

import (
	"context"
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

func TestLinkCarriesHealthBothWaysAndNothingElse(t *testing.T) {
	main, rescue := bustest.Pair(t, "main", "rescue")
	answerPing(t, main)
	answerPing(t, rescue)
	atRescue, atMain := rescue.Conn(t), main.Conn(t)
	awaitPing(t, rescue, atRescue, main.Subjects)
	awaitPing(t, main, atMain, rescue.Subjects)

	sub, err := atRescue.SubscribeSync("clawdbot.main.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := atRescue.Flush(); err != nil {
		t.Fatal(err)
	}
	in, _ := main.Subjects.In("test")
	// Interest crosses after the subscription; the beat is sent until it arrives.
	for range 200 {
		if err := atMain.Publish(in, []byte("private")); err != nil {
			t.Fatal(err)
		}
		if err := atMain.Publish(main.Subjects.Beat(), []byte("beat")); err != nil {
			t.Fatal(err)
		}
		m, err := sub.NextMsg(50 * time.Millisecond)
		if err != nil {
			continue
		}
		if m.Subject != main.Subjects.Beat() {
			t.Fatalf("%s crossed the link", m.Subject)
		}
		return
	}
	t.Fatal("no beat crossed the link")
}
