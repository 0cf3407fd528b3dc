package browser

import (
	"bytes"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// process is a Chromium that we started.
type process struct {
	pid    int
	exited chan struct{}
	err    error // how it ended; valid after exited

	cmd *exec.Cmd
}

// startProcess starts the program. The goroutine that waits for it is counted
// in running.
func startProcess(cmd *exec.Cmd, running *sync.WaitGroup) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	begun := make(chan error)
	running.Go(func() {
		// On Linux the child dies with the thread that started it, so that
		// thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		isolate(cmd)
		err := cmd.Start()
		begun <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		if errors.Is(p.err, exec.ErrWaitDelay) { // it ended well, its crash handlers still hold the pipe
			p.err = nil
		}
		killGroup(cmd.Process) // what outlived it
		close(p.exited)
	})
	if err := <-begun; err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// end waits for the process to end and kills it with its children when the
// grace is over.
func (p *process) end(grace time.Duration) {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.exited:
	case <-t.C:
		killGroup(p.cmd.Process)
		<-p.exited
	}
}

// keptLines is how many of Chromium's last words an error repeats.
const keptLines = 3

// output reads what Chromium writes until it tells its CDP address, which goes
// to address; what comes later is dropped.
type output struct {
	address chan string // capacity 1

	mu    sync.Mutex
	line  []byte // not ended yet
	lines []string
	done  bool
}

// Write never fails.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(b)
	for !o.done {
		head, rest, ended := bytes.Cut(b, []byte("\n"))
		o.line = append(o.line, head...)
		if !ended {
			break
		}
		o.read(strings.TrimSpace(string(o.line)))
		o.line, b = o.line[:0], rest
	}
	return n, nil
}

func (o *output) read(line string) {
	if address, ok := strings.CutPrefix(line, "DevTools listening on "); ok {
		o.done = true
		o.line, o.lines = nil, nil
		o.address <- address
		return
	}
	if line == "" || strings.Contains(line, "dbus/") { // always there without a desktop, never the reason
		return
	}
	o.lines = append(o.lines, line)
	if len(o.lines) > keptLines {
		o.lines = o.lines[1:]
	}
}

// last returns the last lines in one.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, " | ")
}
