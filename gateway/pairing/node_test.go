package pairing

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"clawdbot/bus/msg"
)

func pi() msg.NodePairRequest {
	return msg.NodePairRequest{NodeID: "n1", DisplayName: "Pi", Platform: "linux", Commands: []string{"system.run"}, RemoteIP: "192.0.2.1"}
}

func TestNodeIsVerifiedOnlyAfterApproval(t *testing.T) {
	b := open(t)
	r, created, err := b.nodes.Request(pi())
	if err != nil || !created || r.NodeID != "n1" || !slices.Equal(r.Commands, []string{"system.run"}) || r.Caps == nil || r.IsRepair {
		t.Fatalf("got %+v %v", r, err)
	}
	if _, err := b.nodes.Verify("n1", HashToken("")); !errors.Is(err, ErrToken) {
		t.Fatalf("one that waits: %v", err)
	}
	b.reopen()
	if again, created, err := b.nodes.Request(pi()); err != nil || created || again.RequestID != r.RequestID {
		t.Fatalf("asked again: %+v %v", again, err)
	}
	n, err := b.nodes.Approve(r.RequestID)
	if err != nil || n.Token == "" || n.NodeID != "n1" {
		t.Fatalf("got %+v %v", n, err)
	}
	b.reopen()
	if n, err := b.nodes.Verify("n1", HashToken(n.Token)); err != nil || n.DisplayName != "Pi" || n.Token != "" {
		t.Fatalf("got %+v %v", n, err)
	}
	for id, hash := range map[string]string{"n1": HashToken("nope"), "n2": HashToken(n.Token), "": HashToken(n.Token)} {
		if _, err := b.nodes.Verify(id, hash); !errors.Is(err, ErrToken) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := b.nodes.Verify("n1", ""); !errors.Is(err, ErrToken) {
		t.Error("an empty hash was taken")
	}
	list, err := b.nodes.List()
	if err != nil || len(list.Pending) != 0 || len(list.Paired) != 1 || list.Paired[0].Token != "" || list.Paired[0].LastConnectedAtMs == 0 {
		t.Fatalf("got %+v %v", list, err)
	}
}

// A bridge may make the token itself, so that no secret crosses the bus.
func TestNodeThatBringsItsHash(t *testing.T) {
	b := open(t)
	ask := pi()
	ask.TokenHash = HashToken("lost with the connection")
	first, _, err := b.nodes.Request(ask)
	if err != nil {
		t.Fatal(err)
	}
	ask.TokenHash = HashToken("mine")
	r, created, err := b.nodes.Request(ask)
	if err != nil || created || r.RequestID != first.RequestID {
		t.Fatalf("got %+v %v", r, err)
	}
	if n, err := b.nodes.Approve(r.RequestID); err != nil || n.Token != "" {
		t.Fatalf("got %+v %v", n, err)
	}
	if _, err := b.nodes.Verify("n1", HashToken("mine")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.nodes.Verify("n1", HashToken("lost with the connection")); !errors.Is(err, ErrToken) {
		t.Fatalf("the token of the first request: %v", err)
	}
}

func TestNodeRepairAndRename(t *testing.T) {
	b := open(t)
	approve := func() msg.PairedNode {
		r, _, err := b.nodes.Request(pi())
		if err != nil {
			t.Fatal(err)
		}
		n, err := b.nodes.Approve(r.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	old := approve()
	if err := b.nodes.Rename("n1", "Attic"); err != nil {
		t.Fatal(err)
	}
	if err := b.nodes.Rename("nosuch", "x"); !errors.Is(err, ErrUnknownNode) {
		t.Fatalf("got %v", err)
	}
	if r, _, err := b.nodes.Request(pi()); err != nil || !r.IsRepair {
		t.Fatalf("got %+v %v", r, err)
	}
	if n := approve(); n.DisplayName != "Attic" || n.CreatedAtMs != old.CreatedAtMs {
		t.Fatalf("got %+v", n)
	}
	if _, err := b.nodes.Verify("n1", HashToken(old.Token)); !errors.Is(err, ErrToken) {
		t.Fatalf("the old token: %v", err)
	}
}

func TestNodeRequestsAreBoundedAndReplaced(t *testing.T) {
	b := open(t)
	for i := range maxFromAddress {
		p := pi()
		p.NodeID = fmt.Sprint("n", i)
		if _, _, err := b.nodes.Request(p); err != nil {
			t.Fatal(err)
		}
	}
	var full *FullError
	p := pi()
	p.NodeID = "one too many"
	if _, _, err := b.nodes.Request(p); !errors.As(err, &full) {
		t.Fatalf("got %v", err)
	}
	b.at = b.at.Add(replaceAfter)
	p.NodeID, p.Commands = "n1", []string{"system.run", "sms.send"}
	if _, created, err := b.nodes.Request(p); err != nil || !created {
		t.Fatalf("one that asks for more: %v %v", created, err)
	}
	list, err := b.nodes.List()
	if err != nil || len(list.Pending) != maxFromAddress {
		t.Fatalf("got %+v %v", list, err)
	}
	for _, r := range list.Pending {
		if _, err := b.nodes.Reject(r.RequestID); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.nodes.Approve(list.Pending[0].RequestID); !errors.Is(err, ErrUnknownRequest) {
		t.Fatalf("a rejected one: %v", err)
	}
}
