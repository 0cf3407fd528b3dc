package daemon

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func mustOpen(t *testing.T) *door {
	t.Helper()
	d, err := openDoor(place{hosts: []string{loopback}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// greet accepts connections with the key and says who did.
func greet(k *key, name string) {
	go func() {
		for {
			c, err := k.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, name)
			_ = c.Close()
		}
	}()
}

// knock returns what the other side of a new connection says.
func knock(t *testing.T, d *door) string {
	t.Helper()
	c, err := net.Dial("tcp", d.lns[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func TestDoorOutlivesWhoIsBehindIt(t *testing.T) {
	d := mustOpen(t)
	first, second := d.cut(), d.cut()
	greet(first, "first")
	if got := knock(t, d); got != "first" {
		t.Fatalf("got %q", got)
	}
	if got := knock(t, d); got != "first" { // the second one is only being built
		t.Fatalf("got %q", got)
	}
	greet(second, "second")
	<-waitFor(func() bool { return knock(t, d) == "second" })
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed key accepts: %v", err)
	}
	if got := knock(t, d); got != "second" {
		t.Errorf("got %q", got)
	}
}

// TestConnectionWaitsBetweenTwoLives: a restart of a component refuses nobody.
func TestConnectionWaitsBetweenTwoLives(t *testing.T) {
	d := mustOpen(t)
	first := d.cut()
	greet(first, "first")
	knock(t, d)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() { said <- knock(t, d) }()
	<-waitFor(func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.key == nil }) // it is in, and waits
	greet(d.cut(), "second")
	if got := <-said; got != "second" {
		t.Errorf("got %q", got)
	}
}

func TestShutDoorEndsItsKeys(t *testing.T) {
	d := mustOpen(t)
	k := d.cut()
	ended := make(chan error, 1)
	go func() { _, err := k.Accept(); ended <- err }()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := net.DialTimeout("tcp", d.lns[0].Addr().String(), time.Second); err == nil {
		t.Error("the port is still open")
	}
}

// waitFor is closed once the condition holds.
func waitFor(holds func() bool) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		defer close(c)
		for deadline := time.Now().Add(20 * time.Second); !holds() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}()
	return c
}
