package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

func crm(password string) bus.User {
	return bus.User{Name: "crm", Password: password, Publish: []string{"clawdbot.main.rpc.x"}, Subscribe: []string{"clawdbot.main.rpc.crm"}}
}

func grant(t testing.TB, b *bustest.Bus, users ...bus.User) {
	t.Helper()
	if err := b.Update(bus.Members{Users: append(bustest.Users(b.Subjects), users...)}); err != nil {
		t.Fatal(err)
	}
}

func TestUpdateLeavesWhoStaysAlone(t *testing.T) {
	b := bustest.Start(t, "main")
	grant(t, b, crm("crm"))
	svc, user := b.Conn(t), connect(t, b, "crm", "crm")
	sub, userSub := listen(t, svc, "clawdbot.main.event.>"), listen(t, user.Conn, "clawdbot.main.rpc.crm")
	for i := range 5 {
		grant(t, b, crm("crm"), bus.User{Name: fmt.Sprint("other", i), Password: "x", Publish: []string{"clawdbot.main.in.x"}})
		publish(t, svc, "clawdbot.main.event.tick")
		publish(t, svc, "clawdbot.main.rpc.crm")
		next(t, sub)
		next(t, userSub)
	}
	user.allowed(t, "stay")
	if !svc.IsConnected() || !user.IsConnected() {
		t.Error("a connection ended")
	}
}

func TestRevokedUserIsDisconnected(t *testing.T) {
	for name, change := range map[string][]bus.User{"revoked": nil, "new password": {crm("another")}} {
		t.Run(name, func(t *testing.T) {
			b := bustest.Start(t, "main")
			grant(t, b, crm("crm"))
			closed := make(chan struct{})
			connect(t, b, "crm", "crm", nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
			debug := connect(t, b, bus.UserDebug, bus.UserDebug)
			grant(t, b, change...)
			select {
			case <-closed:
			case <-time.After(patience):
				t.Fatal("crm is still connected")
			}
			debug.allowed(t, "stay")
		})
	}
}

func TestNarrowedUserLosesItsSubscription(t *testing.T) {
	b := bustest.Start(t, "main")
	grant(t, b, crm("crm"))
	user := connect(t, b, "crm", "crm")
	sub := listen(t, user.Conn, "clawdbot.main.rpc.crm")
	narrow := crm("crm")
	narrow.Subscribe = nil
	grant(t, b, narrow)
	user.refused(t, "to keep the subscription")
	svc := b.Conn(t)
	if _, err := svc.Request("clawdbot.main.rpc.crm", nil, patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("the request went to %v: %v", sub.Subject, err)
	}
}

// Requests within the profile's account are not lost by an update, whoever asks.
func TestUpdateLosesNoRequest(t *testing.T) {
	b := bustest.Start(t, "main")
	grant(t, b, crm("crm"))
	serve(t, b.Conn(t), "core", "clawdbot.main.rpc.x", func(context.Context, *bus.Request) (any, error) {
		time.Sleep(time.Millisecond) // under way while the bus reloads
		return "ok", nil
	})
	ctx, stop := context.WithCancel(t.Context())
	var asked, lost atomic.Int64
	var wg sync.WaitGroup
	for _, nc := range []*nats.Conn{b.Conn(t), connect(t, b, "crm", "crm").Conn} {
		wg.Go(func() {
			for ctx.Err() == nil {
				asked.Add(1)
				if m, err := nc.Request("clawdbot.main.rpc.x", nil, time.Second); err != nil || string(m.Data) != `"ok"` {
					lost.Add(1)
				}
			}
		})
	}
	for i := 0; asked.Load() < 100 && !t.Failed(); i++ {
		grant(t, b, crm("crm"), bus.User{Name: fmt.Sprint("other", i), Password: "x", Publish: []string{"clawdbot.main.in.x"}})
	}
	stop()
	wg.Wait()
	if lost.Load() > 0 {
		t.Errorf("%d of %d requests were lost", lost.Load(), asked.Load())
	}
}

// What an update may cost is told in the package comment; it is measured here.
func TestUpdateKeepsTheLinkInUse(t *testing.T) {
	main, rescue := bustest.Pair(t, "main", "rescue")
	linkUp(t, main, rescue)
	nc := rescue.Conn(t)
	ctx, stop := context.WithCancel(t.Context())
	var asked, lost atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			asked.Add(1)
			if _, err := nc.Request(main.Subjects.Ping(), nil, 100*time.Millisecond); err != nil {
				lost.Add(1)
			}
		}
	})
	for i := 0; asked.Load() < 50 && !t.Failed(); i++ {
		m := bus.Members{Users: append(bustest.Users(main.Subjects), crm(fmt.Sprint(i))), Peers: []bus.Peer{peer(rescue)}}
		if err := main.Update(m); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d of %d pings over the link were lost, one update after the other", lost.Load(), asked.Load())
	hearEachOther(t, main, rescue)
}
