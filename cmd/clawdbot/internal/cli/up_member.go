package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

// How long is waited for the end of a gateway that was asked to stop, and for
// what it said before its end.
const (
	memberStopWait = 10 * time.Second
	lastWords      = 200 * time.Millisecond
)

// pace says when a gateway that crashed is started again.
type pace struct {
	shortest, longest time.Duration // pause before it, which doubles
	steady            time.Duration // one that ran this long gets the shortest pause again
	starts            int           // this many
	within            time.Duration // in this time are too many
}

// unitPace gives up as the units do that service writes.
func unitPace() pace {
	return pace{shortest: 250 * time.Millisecond, longest: 10 * time.Second, steady: 10 * time.Second, starts: 10, within: time.Minute}
}

// What a member is told to do.
const (
	toStart verb = iota
	toStop
	toRestart
)

type verb int

type order struct {
	verb
	done chan error // gets one answer
}

// member is one gateway of a fleet.
type member struct {
	fleet  *fleet
	p      profile.Profile
	color  string
	orders chan order

	// Of keep alone:
	due    *order // answered by the next start
	pause  time.Duration
	starts []time.Time // not long ago
	lives  int         // since it was last told something

	mu     sync.Mutex
	status service.Status
}

func newMember(f *fleet, p profile.Profile, color string) *member {
	return &member{fleet: f, p: p, color: color, orders: make(chan order), pause: f.pace.shortest}
}

func (m *member) now() service.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// become enters a state; change sets what else is known by then.
func (m *member) become(state string, change func(*service.Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Installed, m.status.State, m.status.Since = true, state, time.Now()
	m.status.Active, m.status.PID = state == service.UpRunning, 0
	change(&m.status)
}

// tell returns when the order was carried out.
func (m *member) tell(ctx context.Context, v verb) error {
	o := order{v, make(chan error, 1)}
	orders, done := m.orders, (chan error)(nil)
	for {
		select {
		case orders <- o:
			orders, done = nil, o.done
		case err := <-done:
			return err
		case <-m.fleet.ended:
			select {
			case err := <-done: // it ended with what it was told
				return err
			default:
				return errors.New("this clawdbot up ends")
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keep runs the gateway, and again when it crashes, until ctx ends. It returns an
// error when the gateway refuses its first start.
func (m *member) keep(ctx context.Context) error {
	for first := true; ; first = false {
		end, told := m.live(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if refused := refusedStart(m.p, end, first); refused != nil && !told {
			return refused
		}
		if !told {
			m.judge(end)
		}
		if !m.rest(ctx) {
			return nil
		}
	}
}

// live is one life of the gateway: until it ends by itself, or because of an
// order or ctx, which it tells.
func (m *member) live(ctx context.Context) (end ending, told bool) {
	c, err := m.start()
	if m.due != nil {
		m.due.done <- err
		m.due = nil
	}
	if err != nil {
		return ending{err: err}, false
	}
	for {
		select {
		case end := <-c.ended:
			return end, false
		case <-ctx.Done():
			c.stop()
			return <-c.ended, true
		case o := <-m.orders:
			if o.verb == toStart { // it runs
				o.done <- nil
				continue
			}
			c.stop()
			end := <-c.ended
			m.obey(o, end)
			return end, true
		}
	}
}

// judge decides what becomes of a gateway that ended by itself.
func (m *member) judge(end ending) {
	if end.lived > m.fleet.pace.steady {
		m.pause = m.fleet.pace.shortest
	}
	m.starts = slices.DeleteFunc(m.starts, func(at time.Time) bool { return time.Since(at) > m.fleet.pace.within })
	switch {
	case end.err == nil:
		m.stopped(end)
	case end.code() == exitConfig:
		m.become(service.UpGaveUp, end.note)
		m.say("refused to start; it is not started again by itself")
	case len(m.starts) >= m.fleet.pace.starts:
		m.become(service.UpGaveUp, func(s *service.Status) { end.note(s); s.Result = "start-limit-hit" })
		m.say(fmt.Sprintf("ended (%v) after %d starts in %s; it is not started again by itself", end.err, len(m.starts), m.fleet.pace.within))
	default:
		m.become(service.UpWaiting, end.note)
		m.say(fmt.Sprintf("ended (%v), starts again in %s", end.err, m.pause))
	}
}

func (m *member) stopped(end ending) {
	m.become(service.UpStopped, end.note)
	m.say("stopped, as it was asked to; it is not started again")
}

// rest waits for the next start. It returns false when there is none.
func (m *member) rest(ctx context.Context) bool {
	var again <-chan time.Time
	switch {
	case m.due != nil:
		return true
	case m.now().State == service.UpWaiting:
		again = time.After(m.pause)
	default:
		m.fleet.settled()
	}
	select {
	case <-ctx.Done():
		return false
	case <-again:
		m.pause = min(2*m.pause, m.fleet.pace.longest)
		return true
	case o := <-m.orders:
		m.obey(o, ending{})
		return m.rest(ctx)
	}
}

// obey carries out an order for a gateway that does not run any more.
func (m *member) obey(o order, end ending) {
	m.starts, m.lives, m.pause = nil, 0, m.fleet.pace.shortest
	if o.verb != toStop {
		m.due = &o
		return
	}
	m.stopped(end)
	o.done <- nil
}

// child is one process of a member.
type child struct {
	id    proc.Identity
	ended chan ending // gets one
}

// start starts the gateway.
func (m *member) start() (child, error) {
	m.starts, m.lives = append(m.starts, time.Now()), m.lives+1
	cmd := exec.Command(m.p.Env().Exe, "--profile", m.p.Name, "gateway", "run", "--manager", string(service.Up), "--keeper", m.fleet.socket)
	cmd.Args[0] = "clawdbot" // what ps shows
	cmd.Env = profile.Others()
	if m.fleet.app.pen(m.fleet.app.Err) {
		cmd.Env = append(cmd.Env, "CLICOLOR_FORCE=1")
	}
	ownGroup(cmd)
	from, to, err := os.Pipe()
	if err != nil {
		return child{}, err
	}
	cmd.Stderr = to
	c, started := child{ended: make(chan ending, 1)}, make(chan error)
	go func() { // ends with the process, which keep waits for
		runtime.LockOSThread() // the child dies with the thread that started it, see ownGroup
		defer runtime.UnlockOSThread()
		began := time.Now()
		err := m.fleet.launch(cmd)
		_ = to.Close() // the child has its own
		if err == nil {
			info, _ := proc.Find(cmd.Process.Pid) // zero when it has ended already
			c.id = info.Identity
		}
		started <- err
		if err == nil {
			err = m.follow(cmd, from)
		}
		_ = from.Close()
		c.ended <- ending{err, cmd.ProcessState, time.Since(began)}
	}()
	if err := <-started; err != nil {
		return child{}, err
	}
	m.become(service.UpRunning, func(s *service.Status) { s.PID, s.Restarts = c.id.PID, m.lives-1 })
	return c, nil
}

// launch starts a process that reap leaves to us until we forget it.
func (f *fleet) launch(cmd *exec.Cmd) error {
	f.births.Lock()
	defer f.births.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	f.children[cmd.Process.Pid] = true
	return nil
}

func (f *fleet) forget(cmd *exec.Cmd) {
	f.births.Lock()
	defer f.births.Unlock()
	delete(f.children, cmd.Process.Pid)
}

// follow prints what the gateway says until its process ends. Its own children
// may live on and hold its output open.
func (m *member) follow(cmd *exec.Cmd, from *os.File) error {
	said := make(chan struct{})
	go func() { defer close(said); m.copy(from) }()
	err := cmd.Wait()
	m.fleet.forget(cmd)
	select {
	case <-said:
	case <-time.After(lastWords):
		_ = from.Close() // ends copy
		<-said
	}
	return err
}

// stop returns when the process has ended, or cannot be ended.
func (c child) stop() { _ = proc.Terminate(context.Background(), c.id, memberStopWait) }

// ending is how a process ended.
type ending struct {
	err   error
	state *os.ProcessState // nil when it never started
	lived time.Duration
}

// code is the exit status, and -1 when there is none.
func (e ending) code() exitCode {
	if e.state == nil {
		return -1
	}
	return exitCode(e.state.ExitCode())
}

// note writes it down in systemd's words.
func (e ending) note(s *service.Status) {
	if e.state == nil {
		return
	}
	s.Result, s.ExecMainCode, s.ExecMainStatus, s.Signal = "success", "exited", e.state.ExitCode(), ""
	wait, ok := e.state.Sys().(syscall.WaitStatus)
	switch {
	case ok && wait.Signaled():
		s.Result, s.ExecMainCode, s.ExecMainStatus, s.Signal = "signal", "killed", int(wait.Signal()), service.SignalName(wait.Signal())
		if wait.CoreDump() {
			s.ExecMainCode = "dumped"
		}
	case s.ExecMainStatus != 0:
		s.Result = "exit-code"
	}
}

// refusedStart is the error of a gateway that says why it does not start at all.
// What is in its way at its first start stays there, as far as we know; later
// it may be a remainder of the crash before.
func refusedStart(p profile.Profile, end ending, first bool) error {
	try := p.Command("doctor")
	switch code := end.code(); {
	case !first:
		return nil
	case code == exitTryAgain:
		try = "" // it has said what
	case code != exitConfig:
		return nil
	}
	return &exitError{end.code(), fmt.Errorf("the gateway of profile %s refused to start", p.Name), try}
}
