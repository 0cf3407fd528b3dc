package daemon

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestStalledConsoleHoldsNobodyUp: a terminal stopped with Ctrl-S takes nothing.
func TestStalledConsoleHoldsNobodyUp(t *testing.T) {
	r, w := io.Pipe() // takes nothing until it is read
	c := newConsole(w)
	const lines = 3 * backlog
	for n := range lines {
		c.print(fmt.Sprintf("line %d\n", n)) // the test hangs here if it blocks
	}
	lost := c.lost.Load()
	if lost < lines-backlog-1 || lost >= lines {
		t.Fatalf("%d lines lost of %d", lost, lines)
	}
	var said strings.Builder
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = io.Copy(&said, r) }()
	<-waitFor(func() bool { return len(c.lines) == 0 })
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
	c := newConsole(w)
	for range 2 * backlog {
		c.print("x\n")
	}
	if err := c.Close(); err != nil { // returns, though nothing was taken
		t.Fatal(err)
	}
	_ = r.Close()
	<-waitFor(func() bool { return len(c.lines) == 0 }) // the writer is free again
	c.lines <- ""
	<-c.ended
}
