package daemon

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// backlog is how many log lines wait for a console that does not take them.
const backlog = 1024

// console writes lines for people without ever keeping the writer waiting: a
// terminal that was stopped with Ctrl-S, or a pipe that nobody reads, must not
// stop a gateway. Lines beyond the backlog are counted instead of kept.
type console struct {
	out   io.Writer
	lines chan string
	lost  atomic.Int64
	close sync.Once
	ended chan struct{}
}

func newConsole(out io.Writer) *console {
	c := &console{out: out, lines: make(chan string, backlog), ended: make(chan struct{})}
	go c.write()
	return c
}

// print queues a line. It never blocks.
func (c *console) print(line string) {
	select {
	case c.lines <- line:
	default:
		c.lost.Add(1)
	}
}

func (c *console) write() {
	defer close(c.ended)
	for line := range c.lines {
		if line == "" {
			return
		}
		if n := c.lost.Swap(0); n > 0 {
			line = fmt.Sprintf("… %d lines were not printed: nobody took them; they are in the log file\n", n) + line
		}
		_, _ = io.WriteString(c.out, line) // nobody may be there to read it
	}
}

// lastWords is how long the end waits for a console to take what is queued.
const lastWords = 200 * time.Millisecond

// Close ends the console once its lines are out, or nobody takes them.
func (c *console) Close() error {
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
