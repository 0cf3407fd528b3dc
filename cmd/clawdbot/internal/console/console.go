// Package console prints lines for people who may not be reading.
package console

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// backlog is how many log lines wait for a console that does not take them.
const backlog = 1024

// Console writes lines for people without ever keeping the writer waiting: a
// terminal that was stopped with Ctrl-S, or a pipe that nobody reads, must not
// stop a gateway. Lines beyond the backlog are counted instead of kept.
type Console struct {
	out   io.Writer
	lines chan string
	lost  atomic.Int64
	close sync.Once
	ended chan struct{}
}

// New returns a console on out. It is safe for use by many goroutines.
func New(out io.Writer) *Console {
	c := &Console{out: out, lines: make(chan string, backlog), ended: make(chan struct{})}
	go c.write()
	return c
}

// Print queues a line, with its line end. It never blocks.
func (c *Console) Print(line string) {
	select {
	case c.lines <- line:
	default:
		c.lost.Add(1)
	}
}

func (c *Console) write() {
	defer close(c.ended)
	for line := range c.lines {
		if line == "" {
			return
		}
		if n := c.lost.Swap(0); n > 0 {
			line = fmt.Sprintf("… %d lines were not printed: nobody took them; they are in the gateway's log file\n", n) + line
		}
		_, _ = io.WriteString(c.out, line) // nobody may be there to read it
	}
}

// lastWords is how long the end waits for a console to take what is queued.
const lastWords = 200 * time.Millisecond

// Close ends the console once its lines are out, or nobody takes them.
func (c *Console) Close() error {
	c.close.Do(func() {
		select {
		case c.lines <- "": // the end
		default: // full: nobody reads
		}
		select {
		case <-c.ended:
		case <-time.After(lastWords):
		}
	})
	return nil
}
