package rescue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
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
func (t *testimony) witnessProcess(i profile.Instance, beating int, now time.Time) {
	t.process, t.stopped, t.fresh = processUnknown, false, false
	t.another = i.Process.PID != 0 && i.Process.PID != beating
	if i.Process.PID == 0 {
		t.stopped = !i.StoppedAt.IsZero()
		return
	}
	info, err := proc.Same(i.Process)
	switch {
	case errors.Is(err, proc.ErrGone):
		t.process = processGone
	case err != nil:
		t.process = processHidden
	case info.Stopped:
		t.process = processStopped
	default:
		t.process = processAlive
		age := now.Sub(i.StartedAt) // negative when the wall clock was set back since
		t.fresh = t.another && age >= 0 && age < freshFor
	}
}

// round is the outcome of one round of questions to a silent peer.
type round struct {
	peer          string
	asked         time.Time
	ping, healthz error
}

// ask puts both questions to the peer at once.
func (s *Server) ask(ctx context.Context, peer subject.Space, gatewayPort int, asked time.Time) round {
	ctx, cancel := context.WithTimeout(ctx, questionDeadline)
	defer cancel()
	r := round{peer: peer.Profile(), asked: asked}
	pinged := make(chan error, 1)
	s.asking.Go(func() {
		var beat msg.Beat
		pinged <- bus.Call(ctx, s.nc, peer.Ping(), nil, &beat)
	})
	r.healthz = s.healthz(ctx, gatewayPort)
	r.ping = <-pinged
	return r
}

// healthz asks the HTTP endpoint on the peer's base port.
func (s *Server) healthz(ctx context.Context, port int) error {
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + "/healthz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := s.http.Do(req)
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
