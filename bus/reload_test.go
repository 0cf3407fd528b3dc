//go:build !race

// nats-server 2.15 writes the target of an import once more in each reload, the
// same one and without a lock, which the race detector takes for a race.

package bus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

// TestSubscriptionsMayComeDuringUpdates: of the peer over the link and of a
// client. nats-server 2.15 led them into an account without a list of
// subscriptions, and the process ended.
func TestSubscriptionsMayComeDuringUpdates(t *testing.T) {
	a, b := bustest.Pair(t, "alpha", "beta")
	linkUp(t, a, b)
	ctx, cancel := context.WithCancel(t.Context())
	var churn sync.WaitGroup
	for _, on := range []*bustest.Bus{a, b} {
		nc := on.Conn(t)
		churn.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				sub, err := nc.SubscribeSync(fmt.Sprintf("clawdbot.alpha.health.x%d", n%50))
				if err == nil {
					err = nc.Flush()
				}
				if err == nil {
					err = sub.Unsubscribe()
				}
				if err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 60 {
		users := append(bustest.Users(a.Subjects), bus.User{Name: fmt.Sprint("other", i%3), Password: "x", Publish: []string{"clawdbot.alpha.in.x"}})
		if err := a.Update(bus.Members{Users: users, Peers: []bus.Peer{peer(b), {Bus: fmt.Sprint("gamma", i%4), Secret: "s"}}}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	churn.Wait()
	hearEachOther(t, a, b)
}
