package ports

import (
	"errors"
	"slices"
	"testing"
)

func TestDerive(t *testing.T) {
	got, err := Derive(18789)
	want := Ports{
		Gateway: 18789, Bridge: 18790, Browser: 18791, Relay: 18792, Canvas: 18793, Bus: 18794, Link: 18795,
		CDP: Range{From: 18800, To: 18899},
	}
	if err != nil || got != want {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	for _, base := range []int{-1, 0, MaxBase + 1, 65535, 65536} {
		if _, err := Derive(base); !errors.Is(err, ErrBase) {
			t.Errorf("base %d: got %v, want ErrBase", base, err)
		}
	}
	if first, err := Derive(1); err != nil || first.Gateway != 1 {
		t.Fatalf("lowest base: got %+v, %v", first, err)
	}
	last, err := Derive(MaxBase)
	if err != nil || last.CDP.To != 65535 {
		t.Fatalf("highest base: got %+v, %v", last, err)
	}
}

func TestOverlaps(t *testing.T) {
	a := mustDerive(t, 20000)
	if got := a.Overlaps(mustDerive(t, 20000+Step)); len(got) != 0 {
		t.Fatalf("a step apart: %v", got)
	}
	// Twenty apart no fixed ports collide, but the CDP ranges do, and the
	// neighbour's fixed ports lie in ours.
	got := a.Overlaps(mustDerive(t, 20020))
	for _, want := range []Overlap{{"20020", "cdp", "gateway"}, {"20026", "cdp", "link"}, {"20031-20110", "cdp", "cdp"}} {
		if !slices.Contains(got, want) {
			t.Errorf("20 apart: no %v in %v", want, got)
		}
	}
	if got := a.Overlaps(a); !slices.Contains(got, Overlap{"20000", "gateway", "gateway"}) {
		t.Errorf("with itself: %v", got)
	}
}

func TestPlan(t *testing.T) {
	free := func(int) bool { return false }
	first := mustDerive(t, First)
	for _, c := range []struct {
		name  string
		taken []Ports
		inUse func(int) bool
		want  int
	}{
		{"empty host", nil, free, First},
		{"the first is another profile's", []Ports{first}, free, First + Step},
		{"somebody listens on one of its ports", nil, func(port int) bool { return port == First+OffsetBus }, First + Step},
		{"a foreign base reaches into the second", []Ports{first, mustDerive(t, First+Step+50)}, free, First + 2*Step},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := Plan(c.taken, c.inUse); err != nil || got != c.want {
				t.Fatalf("got %d, %v, want %d", got, err, c.want)
			}
		})
	}
	if _, err := Plan(nil, func(int) bool { return true }); !errors.Is(err, ErrNoBlock) {
		t.Fatalf("full host: got %v, want ErrNoBlock", err)
	}
}

func mustDerive(t *testing.T, base int) Ports {
	t.Helper()
	p, err := Derive(base)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestComponent(t *testing.T) {
	p := mustDerive(t, 20000)
	for port, want := range map[int]string{20000: "gateway", 20002: "browser", 20003: "relay", 20006: "link", 20011: "cdp", 20110: "cdp", 20111: "", 0: ""} {
		if got := p.Component(port); got != want {
			t.Errorf("port %d: got %q, want %q", port, got, want)
		}
	}
}
