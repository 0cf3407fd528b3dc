package patient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/gateway/rescue"
	"clawdbot/profile"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

const (
	evidenceLines = 20
	knockTimeout  = 200 * time.Millisecond // on this host an open port answers in far less
)

// Evidence collects what the host knows of the peer's failure.
func (h *Hands) Evidence(ctx context.Context, peer profile.Instance, since time.Time) (e rescue.Evidence) {
	note := func(what string, err error) {
		if err != nil {
			e.Notes = append(e.Notes, what+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	var err error
	e.Exit, err = h.exit(ctx, peer)
	note("service manager", err)
	e.Stacks, err = h.keepStacks(peer, since)
	note("crash output", err)
	e.Foreign, err = h.foreign(ctx, peer)
	note("ports", err)
	p, err := Owner(h.own.Env(), peer)
	if err != nil {
		note("profile", err)
		return e
	}
	e.LastLog, err = Tail(LogFile(p), evidenceLines)
	note("log", err)
	generations, err := peekGenerations(p)
	note("store", err)
	state, hash := Compare(p, generations)
	e.Config, e.FileHash = &state, hash
	return e
}

// exit is how the peer's process ended, or nil when it did not, or had no manager that waits.
func (h *Hands) exit(ctx context.Context, peer profile.Instance) (*msg.Exit, error) {
	s, err := h.noticed(ctx, peer)
	switch {
	case errors.Is(err, service.ErrNoManager) && peer.Manager == "":
		return nil, nil
	case err != nil:
		return nil, err
	case !s.Installed:
		return nil, fmt.Errorf("%s does not know %s", s.Manager, s.Unit)
	case s.PID != 0 && s.PID == peer.Process.PID: // it runs, and the status tells of an earlier life
		return nil, nil
	}
	exit := msg.Exit{Manager: string(s.Manager), Unit: s.Unit, State: s.State, Status: -1, Signal: s.Signal, Restart: s.Restarts}
	if s.ExecMainCode == "exited" {
		exit.Status = s.ExecMainStatus
	}
	return &exit, nil
}

// noticeTime is how long a manager has to notice that a process ended.
const noticeTime = time.Second

// noticed is what the manager says once it knows that the peer's process ended:
// the link tells of that within milliseconds, and may be quicker than it.
func (h *Hands) noticed(ctx context.Context, peer profile.Instance) (service.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, noticeTime)
	defer cancel()
	for {
		s, err := h.Status(ctx, peer)
		if err != nil || s.PID == 0 || s.PID != peer.Process.PID || peer.Alive() {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// foreign are the processes that hold the peer's ports while it does not run. It
// knocks first: to find out who listens, the system's whole list is read. It
// binds nothing, since the peer may come back at this moment.
func (h *Hands) foreign(ctx context.Context, peer profile.Instance) ([]rescue.PortHolder, error) {
	if h.runs(peer) {
		return nil, nil
	}
	var held []rescue.PortHolder
	for _, l := range peer.Ports.Listeners() {
		if !isOpen(ctx, l.Port) {
			continue
		}
		holder, listening, err := proc.Listener(l.Port)
		if err != nil {
			return held, err
		}
		if listening {
			held = append(held, rescue.PortHolder{Port: l.Port, Name: holder.Name, PID: holder.PID})
		}
	}
	if h.runs(peer) { // it came back meanwhile, and may be who was found
		return nil, nil
	}
	return held, nil
}

// isOpen says whether somebody takes connections on the port.
func isOpen(ctx context.Context, port int) bool {
	d := net.Dialer{Timeout: knockTimeout}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// runs says whether the peer's process runs, or one that was started in its place
// since its entry was read.
func (h *Hands) runs(peer profile.Instance) bool {
	if starting, ok := peer.Starting(); ok && starting.Alive() || peer.Alive() {
		return true
	}
	now, err := h.own.Registry.Get(peer.Profile)
	return err == nil && now.StateDir == peer.StateDir && now.Alive()
}
