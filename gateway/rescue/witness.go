package rescue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
	"clawdbot/profile/gate"
	"clawdbot/profile/proc"
)

// A silent peer is asked once in askEvery; questionDeadline bounds each ping
// and /healthz.
const (
	questionDeadline = 500 * time.Millisecond
	askEvery         = 500 * time.Millisecond
)

// freshFor is how long a new process may take until its first beat crosses.
const freshFor = 10 * time.Second

// witnessProcess asks the system about the peer's registered process; beating
// is the pid that the last beat named. It is quick enough for the watch loop.
func (w *testimony) witnessProcess(i profile.Instance, beating int, now time.Time) {
	w.process, w.stopped, w.fresh = processUnknown, false, false
	w.another = i.Process.PID != 0 && i.Process.PID != beating
	if i.Process.PID == 0 {
		w.stopped = !i.StoppedAt.IsZero()
		return
	}
	w.starved = false
	if w.process = stateOf(i.Process); w.process == processAlive {
		w.starved = w.queue.Starved(i.Process.PID, now)
		age := now.Sub(i.StartedAt) // negative when the wall clock was set back since
		w.fresh = w.another && age >= 0 && age < freshFor
	}
}

// witnessStart reads the note of a start that is under way. It says nothing while
// the registered process runs, if that is another one: then somebody tried to
// start the gateway twice.
func (w *testimony) witnessStart(i profile.Instance, last msg.Beat, now time.Time) {
	before := w.start
	w.start = start{}
	note, ok := i.Starting()
	switch {
	case !ok, note.At.Before(i.StoppedAt), note.Boot == last.Boot && last.Phase != msg.PhaseStarting:
		return
	case note.Process != i.Process && (w.process == processAlive || w.process == processStopped):
		return
	}
	w.start = start{process: note.Process, state: stateOf(note.Process), step: note.Step, since: now}
	if before.process == note.Process && before.step == note.Step {
		w.start.since = before.since
	}
}

// stateOf asks the system about a process.
func stateOf(id proc.Identity) processState {
	info, err := proc.Same(id)
	switch {
	case errors.Is(err, proc.ErrGone):
		return processGone
	case err != nil:
		return processHidden
	case info.Stopped:
		return processStopped
	}
	return processAlive
}

// round is the outcome of one round of questions to a silent peer.
type round struct {
	peer          string
	asked         time.Time
	ping, healthz error
}

// ask puts both questions to the peer at once.
func (s *Server) ask(ctx context.Context, peer subject.Space, i profile.Instance, asked time.Time) round {
	ctx, cancel := context.WithTimeout(ctx, questionDeadline)
	defer cancel()
	r := round{peer: peer.Profile(), asked: asked}
	pinged := make(chan error, 1)
	s.work.Go(func() {
		var beat msg.Beat
		pinged <- bus.Call(ctx, s.nc, peer.Ping(), nil, &beat)
	})
	r.healthz = healthz(ctx, i)
	r.ping = <-pinged
	return r
}

// healthz asks the HTTP endpoint on the peer's base port.
func healthz(ctx context.Context, i profile.Instance) error {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: i.Ports.Gateway}
	res, err := gate.NewSelf(addr, i.TLS).Get(ctx, "/healthz")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // so that the connection can close cleanly
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("answers %s", res.Status)
	}
	return nil
}

// heard adds the outcome of a question to what was heard before.
func heard(before answer, err error) answer {
	if err == nil {
		return answer{asked: true, ok: true, said: "answers"}
	}
	return answer{asked: true, silent: before.silent + 1, said: fmt.Sprintf("unanswered %d times: %v", before.silent+1, err)}
}
