package console

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// waitFor returns once the condition holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

// TestStalledConsoleHoldsNobodyUp: a terminal stopped with Ctrl-S takes nothing.
func TestStalledConsoleHoldsNobodyUp(t *testing.T) {
	r, w := io.Pipe() // takes nothing until it is read
	c := New(w)
	const lines = 3 * backlog
	for n := range lines {
		c.Print(fmt.Sprintf("line %d\n", n)) // the test hangs here if it blocks
	}
	lost := c.lost.Load()
	if lost < lines-backlog-1 || lost >= lines {
		t.Fatalf("%d lines lost of %d", lost, lines)
	}
	var said strings.Builder
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = io.Copy(&said, r) }()
	waitFor(t, func() bool { return len(c.lines) == 0 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	<-ended
	if want := fmt.Sprintf("%d lines were not printed", lost); !strings.Contains(said.String(), want) || !strings.Contains(said.String(), "line 0\n") {
		t.Errorf("%q is not told in:\n%.300s", want, said.String())
	}
}

func TestConsoleThatNobodyReadsLetsTheGatewayEnd(t *testing.T) {
	r, w := io.Pipe()
	c := New(w)
	for range 2 * backlog {
		c.Print("x\n")
	}
	if err := c.Close(); err != nil { // returns, though nothing was taken
		t.Fatal(err)
	}
	_ = r.Close()
	waitFor(t, func() bool { return len(c.lines) == 0 }) // the writer is free again
	c.lines <- ""
	<-c.ended
}
