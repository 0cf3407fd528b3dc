package pairing

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/profile/store"
)

func (b *book) issue() string {
	b.t.Helper()
	token, _, err := b.devices.Issue("d1", "operator")
	if err != nil || len(token) < 26 {
		b.t.Fatalf("got %q %v", token, err)
	}
	return token
}

func TestTokenIsForOneDeviceAndRole(t *testing.T) {
	b := open(t)
	if _, _, err := b.devices.Issue("d1", "operator"); !errors.Is(err, ErrUnknownDevice) {
		t.Fatalf("before pairing: %v", err)
	}
	b.pair(phone("operator.write"))
	other := phone("operator.write")
	other.DeviceID = "d2"
	b.pair(other)
	token := b.issue()
	b.reopen()
	if about, err := b.devices.Verify(phone("operator.read"), token); err != nil || !slices.Equal(about.Scopes, []string{"operator.read"}) || about.CreatedAtMs == 0 {
		t.Fatalf("got %+v %v", about, err)
	}
	node := phone()
	node.Role = "node"
	stranger := phone()
	stranger.DeviceID = "d3"
	for name, c := range map[string]struct {
		ask   Ask
		token string
	}{
		"wrong": {phone(), "nope"}, "empty": {phone(), ""}, "its hash": {phone(), HashToken(token)},
		"another device": {other, token}, "another role": {node, token}, "a stranger": {stranger, token},
	} {
		if _, err := b.devices.Verify(c.ask, c.token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again, _, err := b.devices.Issue("d1", "operator"); err != nil || again != "" {
		t.Errorf("a second token was issued beside the first: %v", err)
	}
}

func TestRotateAndRevoke(t *testing.T) {
	b := open(t)
	b.pair(phone("operator.write", "operator.pairing"))
	first := b.issue()
	b.at = b.at.Add(time.Hour)
	second, about, err := b.devices.Rotate("d1", "operator", []string{"operator.read"}, anything)
	if err != nil || second == first || !slices.Equal(about.Scopes, []string{"operator.read"}) || about.RotatedAtMs != b.at.UnixMilli() || about.CreatedAtMs == about.RotatedAtMs {
		t.Fatalf("got %+v %v", about, err)
	}
	if _, err := b.devices.Verify(phone(), first); !errors.Is(err, ErrToken) {
		t.Fatalf("the old token: %v", err)
	}
	if about, err := b.devices.Verify(phone("operator.write", "operator.read"), second); err != nil || !slices.Equal(about.Scopes, []string{"operator.read"}) {
		t.Fatalf("clipped to %+v %v", about, err)
	}
	if _, _, err := b.devices.Rotate("d1", "operator", []string{"operator.admin"}, anything); !errors.Is(err, ErrScopes) {
		t.Fatalf("more than approved: %v", err)
	}
	no := errors.New("no")
	if token, _, err := b.devices.Rotate("d1", "operator", nil, func([]string) error { return no }); !errors.Is(err, no) || token != "" {
		t.Fatalf("not allowed: %v", err)
	}
	if _, err := b.devices.Verify(phone(), second); err != nil {
		t.Fatalf("after refused rotations: %v", err)
	}
	b.pair(phone("operator.pairing"))
	if about, err := b.devices.Verify(phone("operator.pairing"), second); err != nil || !slices.Equal(about.Scopes, []string{"operator.pairing"}) {
		t.Fatalf("what was approved later: %+v %v", about, err)
	}
	at, err := b.devices.Revoke("d1", "operator")
	if err != nil || at != b.at.UnixMilli() {
		t.Fatal(at, err)
	}
	b.reopen()
	if _, err := b.devices.Verify(phone(), second); !errors.Is(err, ErrToken) {
		t.Fatalf("the revoked token: %v", err)
	}
	if _, err := b.devices.Admit(phone()); !errors.Is(err, ErrNotPaired) {
		t.Fatalf("the revoked role: %v", err)
	}
	for _, again := range []error{
		func() error { _, _, err := b.devices.Issue("d1", "operator"); return err }(),
		func() error { _, _, err := b.devices.Rotate("d1", "operator", nil, anything); return err }(),
		func() error { _, err := b.devices.Revoke("d1", "node"); return err }(),
		func() error { _, err := b.devices.Revoke("nosuch", "node"); return err }(),
	} {
		if !errors.Is(again, ErrUnknownDevice) {
			t.Errorf("got %v", again)
		}
	}
	if d := b.pair(phone()); len(d.Tokens) != 0 || len(d.Scopes) != 0 { // it asked for none
		t.Fatalf("approved again with %+v %v", d.Tokens, d.Scopes)
	}
	b.issue()
}

func TestUseIsKeptToTheMinute(t *testing.T) {
	b := open(t)
	b.pair(phone())
	token := b.issue()
	used := func() time.Duration {
		b.at = b.at.Add(40 * time.Second)
		if _, err := b.devices.Verify(phone(), token); err != nil {
			t.Fatal(err)
		}
		list, err := b.devices.List()
		if err != nil {
			t.Fatal(err)
		}
		return b.at.Sub(time.UnixMilli(list.Paired[0].Tokens[0].LastUsedAtMs))
	}
	if first, second := used(), used(); first != 40*time.Second || second != 0 {
		t.Fatalf("used %v and %v ago", first, second)
	}
}

// What is on disk is no use to who reads it.
func TestTokensAreNotKept(t *testing.T) {
	b := open(t)
	b.pair(phone())
	device := b.issue()
	r, _, err := b.nodes.Request(pi())
	if err != nil {
		t.Fatal(err)
	}
	n, err := b.nodes.Approve(r.RequestID)
	if err != nil || n.Token == "" {
		t.Fatal(n, err)
	}
	var all bytes.Buffer
	for _, kind := range []string{"device", "device-request", "node", "node-request"} {
		for e, err := range store.NewKeyspace[json.RawMessage](b.store, "gateway", kind).All() {
			if err != nil {
				t.Fatal(err)
			}
			all.Write(e.Value)
		}
	}
	for _, secret := range []string{device, n.Token} {
		if strings.Contains(all.String(), secret) || !strings.Contains(all.String(), HashToken(secret)) {
			t.Error("the store does not have just the hash")
		}
	}
}
