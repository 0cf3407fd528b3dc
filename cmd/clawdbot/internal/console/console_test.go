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
	var said strings.Builder
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = io.Copy(&said, r) }()
	waitFor(t, func() bool { return len(c.lines) == 0 })
	c.Print("last\n") // tells of those that were lost just before it
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	<-ended
	printed, lost := 0, 0
	for line := range strings.Lines(said.String()) {
		var n int
		if _, err := fmt.Sscanf(line, "… %d lines were not printed", &n); err == nil {
			lost += n
		} else if strings.HasPrefix(line, "line ") {
			printed++
		}
	}
	if printed+lost != lines || lost < lines-backlog-2 {
		t.Errorf("%d lines printed and %d told as lost, of %d", printed, lost, lines)
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
