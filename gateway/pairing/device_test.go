package pairing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

func TestDeviceIsLetInOnlyAfterApproval(t *testing.T) {
	b := open(t)
	ask := phone("operator.read")
	if _, err := b.devices.Admit(ask); !errors.Is(err, ErrNotPaired) {
		t.Fatalf("a stranger: %v", err)
	}
	r, created, err := b.devices.Request(ask)
	if err != nil || !created || r.RequestID == "" || r.DeviceID != "d1" || r.Role != "operator" || r.TS != b.at.UnixMilli() || r.IsRepair {
		t.Fatalf("got %+v %v %v", r, created, err)
	}
	if _, err := b.devices.Admit(ask); !errors.Is(err, ErrNotPaired) {
		t.Fatalf("one that waits: %v", err)
	}
	b.reopen()
	if again, created, err := b.devices.Request(ask); err != nil || created || again.RequestID != r.RequestID {
		t.Fatalf("asked again after a restart: %+v %v %v", again, created, err)
	}
	d, err := b.devices.Approve(r.RequestID, anyone)
	if err != nil || d.DeviceID != "d1" || !slices.Equal(d.Roles, []string{"operator"}) || !slices.Equal(d.Scopes, []string{"operator.read"}) ||
		d.CreatedAtMs != b.at.UnixMilli() || d.ApprovedAtMs != b.at.UnixMilli() || d.Tokens == nil {
		t.Fatalf("got %+v %v", d, err)
	}
	b.reopen()
	if scopes, err := b.devices.Admit(ask); err != nil || !slices.Equal(scopes, []string{"operator.read"}) {
		t.Fatalf("paired, after a restart: %v %v", scopes, err)
	}
	if _, err := b.devices.Approve(r.RequestID, anyone); !errors.Is(err, ErrUnknownRequest) {
		t.Fatalf("approved twice: %v", err)
	}
	if err := b.devices.Remove("d1"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.devices.Admit(ask); !errors.Is(err, ErrNotPaired) {
		t.Fatalf("removed: %v", err)
	}
	if err := b.devices.Remove("d1"); !errors.Is(err, ErrUnknownDevice) {
		t.Fatalf("removed twice: %v", err)
	}
}

func TestDeviceGetsNoMoreThanApproved(t *testing.T) {
	b := open(t)
	b.pair(phone("operator.write"))
	for _, c := range []struct {
		name string
		ask  func(*Ask)
		want string // of the scopes; "" is refused
	}{
		{"the same", func(*Ask) {}, "operator.write"},
		{"less", func(a *Ask) { a.Scopes = []string{"operator.read"} }, "operator.read"},
		{"nothing in particular", func(a *Ask) { a.Scopes = nil }, "operator.write"},
		{"more", func(a *Ask) { a.Scopes = []string{"operator.write", "operator.pairing"} }, ""},
		{"all", func(a *Ask) { a.Scopes = []string{"operator.admin"} }, ""},
		{"another role", func(a *Ask) { a.Role, a.Scopes = "node", nil }, ""},
		{"another device", func(a *Ask) { a.DeviceID = "d2" }, ""},
		{"another key", func(a *Ask) { a.PublicKey = "key2" }, ""},
	} {
		ask := phone("operator.write")
		c.ask(&ask)
		scopes, err := b.devices.Admit(ask)
		if strings.Join(scopes, ",") != c.want || (c.want == "") != errors.Is(err, ErrNotPaired) {
			t.Errorf("%s: got %v, %v", c.name, scopes, err)
		}
	}
	if r := b.request(phone("operator.admin")); !r.IsRepair {
		t.Error("a paired device that asks for more is no repair")
	}
	if d := b.pair(phone("operator.admin")); !slices.Equal(d.Scopes, []string{"operator.admin", "operator.write"}) {
		t.Errorf("scopes %v", d.Scopes)
	}
	if _, err := b.devices.Admit(phone("operator.pairing", "operator.read")); err != nil {
		t.Errorf("admin holds all: %v", err)
	}
}

func TestWhatAnOperatorSeesDoesNotChange(t *testing.T) {
	b := open(t)
	modest := b.request(phone("operator.read"))
	var full *FullError
	if _, _, err := b.devices.Request(phone("operator.admin")); !errors.As(err, &full) || full.RetryAfter != time.Second {
		t.Fatalf("another one at once: %v", err)
	}
	b.at = b.at.Add(time.Second)
	greedy := b.request(phone("operator.admin"))
	if modest.RequestID == greedy.RequestID {
		t.Fatal("the request grew under its id")
	}
	if _, err := b.devices.Approve(modest.RequestID, anyone); !errors.Is(err, ErrUnknownRequest) {
		t.Fatalf("the replaced request: %v", err)
	}
	no := errors.New("missing scope")
	if _, err := b.devices.Approve(greedy.RequestID, func(r msg.DeviceRequest) error {
		if !slices.Equal(r.Scopes, []string{"operator.admin"}) {
			t.Errorf("asked about %+v", r)
		}
		return no
	}); !errors.Is(err, no) {
		t.Fatalf("not allowed: %v", err)
	}
	if list, err := b.devices.List(); err != nil || len(list.Pending) != 1 || len(list.Paired) != 0 {
		t.Fatalf("after a refusal: %+v %v", list, err)
	}
	if r, err := b.devices.Reject(greedy.RequestID); err != nil || r.DeviceID != "d1" {
		t.Fatal(err)
	}
	if _, err := b.devices.Reject(greedy.RequestID); !errors.Is(err, ErrUnknownRequest) {
		t.Fatalf("rejected twice: %v", err)
	}
}

// An app that connects in both roles asks for both, again and again.
func TestRolesWaitBesideEachOther(t *testing.T) {
	b := open(t)
	asNode := phone()
	asNode.Role = "node"
	operator, node := b.request(phone("operator.read")), b.request(asNode)
	if again := b.request(phone("operator.read")); again.RequestID != operator.RequestID {
		t.Error("the node's request took the operator's place")
	}
	for _, id := range []string{operator.RequestID, node.RequestID} {
		if _, err := b.devices.Approve(id, anyone); err != nil {
			t.Error(err)
		}
	}
	if list, err := b.devices.List(); err != nil || len(list.Pending) != 0 || len(list.Paired) != 1 || len(list.Paired[0].Roles) != 2 {
		t.Errorf("got %+v %v", list, err)
	}
}

func TestRequestsEnd(t *testing.T) {
	b := open(t)
	r := b.request(phone())
	b.at = b.at.Add(TTL - time.Millisecond)
	if list, err := b.devices.List(); err != nil || len(list.Pending) != 1 {
		t.Fatalf("just before: %+v %v", list, err)
	}
	b.at = b.at.Add(time.Millisecond)
	if list, err := b.devices.List(); err != nil || len(list.Pending) != 0 {
		t.Fatalf("after: %+v %v", list, err)
	}
	if _, err := b.devices.Approve(r.RequestID, anyone); !errors.Is(err, ErrUnknownRequest) {
		t.Fatalf("approved too late: %v", err)
	}
	if again := b.request(phone()); again.RequestID == r.RequestID {
		t.Fatal("the id came back")
	}
	for _, id := range []string{"", "nosuch", "a\x00b"} {
		if _, err := b.devices.Approve(id, anyone); !errors.Is(err, ErrUnknownRequest) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestRequestsAreBounded(t *testing.T) {
	b := open(t)
	ask := func(device, from string) error {
		a := phone()
		a.DeviceID, a.RemoteIP = device, from
		_, _, err := b.devices.Request(a)
		return err
	}
	for i := range maxFromAddress {
		if err := ask(fmt.Sprint("d", i), "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	b.at = b.at.Add(time.Minute)
	var full *FullError
	if err := ask("one too many", "192.0.2.1"); !errors.As(err, &full) || full.From != "192.0.2.1" || full.RetryAfter != TTL-time.Minute {
		t.Fatalf("got %+v", err)
	}
	if err := ask("d0", "192.0.2.1"); err != nil {
		t.Fatalf("one that waits already: %v", err)
	}
	for i := range maxWaiting - maxFromAddress {
		if err := ask(fmt.Sprint("e", i), fmt.Sprint("192.0.3.", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask("from elsewhere", "192.0.4.1"); !errors.As(err, &full) || full.From != "" {
		t.Fatalf("got %v", err)
	}
	b.at = b.at.Add(TTL - time.Minute) // the first eight are over
	if err := ask("from elsewhere", "192.0.4.1"); err != nil {
		t.Fatal(err)
	}
	a := phone(slices.Repeat([]string{strings.Repeat("s", 100)}, 1)...)
	a.DisplayName = strings.Repeat("x", maxRequest)
	if _, _, err := b.devices.Request(a); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("a large one: %v", err)
	}
}

// A store that fails lets nobody in.
func TestBrokenStoreLetsNobodyIn(t *testing.T) {
	b := open(t)
	b.pair(phone("operator.read"))
	token, _, err := b.devices.Issue("d1", "operator")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.devices.Admit(phone("operator.read")); err == nil {
		t.Error("the device was let in")
	}
	if _, err := b.devices.Verify(phone("operator.read"), token); err == nil {
		t.Error("the token was taken")
	}
	if _, _, err := b.devices.Request(phone()); err == nil {
		t.Error("the request was taken")
	}
	if token, _, err := b.devices.Issue("d1", "operator"); err == nil || token != "" {
		t.Error("a token was issued")
	}
	if _, err := b.nodes.Verify("n1", HashToken("x")); err == nil || errors.Is(err, ErrToken) {
		t.Errorf("a node: %v", err)
	}
}
