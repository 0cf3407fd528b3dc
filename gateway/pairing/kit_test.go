package pairing

import (
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// book is both kinds on one real store, with a clock of its own.
type book struct {
	t       *testing.T
	dir     string
	store   *store.Store
	devices *Devices
	nodes   *Nodes
	at      time.Time
}

func open(t *testing.T) *book {
	t.Helper()
	b := &book{t: t, dir: t.TempDir(), at: time.UnixMilli(1_800_000_000_000)}
	b.reopen()
	t.Cleanup(func() { _ = b.store.Close() })
	return b
}

// reopen is a restart of the gateway.
func (b *book) reopen() {
	b.t.Helper()
	if b.store != nil {
		if err := b.store.Close(); err != nil {
			b.t.Fatal(err)
		}
	}
	s, err := store.Open(store.Config{Dir: b.dir})
	if err != nil {
		b.t.Fatal(err)
	}
	now := func() time.Time { return b.at }
	b.store, b.devices, b.nodes = s, newDevices(s, now), newNodes(s, now)
}

func (b *book) request(a Ask) msg.DeviceRequest {
	b.t.Helper()
	r, _, err := b.devices.Request(a)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func anyone(msg.DeviceRequest) error { return nil }

func anything([]string) error { return nil }

// pair asks and approves.
func (b *book) pair(a Ask) msg.Device {
	b.t.Helper()
	d, err := b.devices.Approve(b.request(a).RequestID, anyone)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

func phone(scopes ...string) Ask {
	return Ask{DeviceID: "d1", PublicKey: "key1", DisplayName: "Phone", Platform: "ios", ClientID: "clawdbot-ios", ClientMode: "ui",
		Role: "operator", Scopes: scopes, RemoteIP: "192.0.2.1"}
}
