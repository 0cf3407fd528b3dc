package chromium

import (
	"bytes"
	"errors"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"clawdbot/profile/proc"
)

// Process is a Chromium that we started. Its methods are safe for use by many
// goroutines.
type Process struct {
	Place          // with the port on 127.0.0.1 that it has
	PID   int      // of the browser, which has children
	Kind  string   // as Executable.Kind
	WS    *url.URL // the browser's WebSocket

	id     proc.Identity
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it ended; valid after exited
}

// begin starts the program and enters it in the ledger. A goroutine waits for
// its end.
func (l *Launcher) begin(p *Process) error {
	begun := make(chan error)
	l.running.Go(func() {
		// On Linux the child dies with the thread that started it, so that
		// thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		isolate(p.cmd)
		if err := p.cmd.Start(); err != nil {
			l.release(p.Port)
			begun <- err
			return
		}
		p.PID = p.cmd.Process.Pid
		err := l.cfg.Ledger.enter(p)
		if err != nil {
			killGroup(p.cmd.Process)
		}
		begun <- err
		l.await(p)
	})
	return <-begun
}

// await waits for the end of a process and clears up after it.
func (l *Launcher) await(p *Process) {
	defer close(p.exited)
	defer l.release(p.Port)
	p.err = p.cmd.Wait()
	if errors.Is(p.err, exec.ErrWaitDelay) { // it ended well, its crash handlers still hold the pipe
		p.err = nil
	}
	killGroup(p.cmd.Process)                                           // what outlived it
	if left, err := unused(p.Folder); err == nil && left != (lock{}) { // another one's stays
		sweep(p.Folder)
	}
	if err := l.cfg.Ledger.strike(p.Profile, p.id); err != nil {
		l.cfg.Log.Warn("an ended Chromium stays in the ledger until the next start", "browserProfile", p.Profile, "err", err)
	}
}

// Exited is closed when the process has ended and its folder is free again.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err says how the process ended: nil when it was by itself and in order. It is
// valid when Exited is closed.
func (p *Process) Err() error { return p.err }

// End waits for the process to end and kills it with its children when the
// grace is over.
func (p *Process) End(grace time.Duration) {
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

// noServer ends the line of a Chromium that found its port taken on both
// loopback addresses; it runs on without CDP.
const noServer = "Cannot start http server for devtools."

// output reads what Chromium writes until it tells its CDP address, which goes
// to address, or "" for none; what comes later is dropped.
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
	if strings.HasSuffix(line, noServer) {
		o.done = true
		o.address <- ""
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
