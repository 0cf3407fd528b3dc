package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawdbot/profile/proc"
)

// child is a program of the drill's own.
type child struct {
	*exec.Cmd
	id    proc.Identity // zero when it had ended before it could be looked at
	ended chan struct{}
}

// startChild starts a program that was prepared by Config.Own.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{Cmd: cmd, ended: make(chan struct{})}
	began := make(chan error, 1)
	go func() {
		defer close(c.ended)
		runtime.LockOSThread() // for good: a child may be bound to the thread that started it
		if err := cmd.Start(); err != nil {
			began <- err
			return
		}
		info, err := proc.Find(cmd.Process.Pid)
		switch c.id = info.Identity; {
		case errors.Is(err, proc.ErrGone): // it was quick
			err = nil
		case err != nil:
			_ = cmd.Process.Kill()
		}
		began <- err
		_ = cmd.Wait() // how it ended is in its ProcessState
	}()
	return c, <-began
}

// kill ends the program and returns when it has ended.
func (c *child) kill() {
	_ = c.Process.Kill() // it fails only when it has ended
	<-c.ended
}

// fleet is the scratch's two gateways with their keeper.
type fleet struct {
	*scratch
	keeper *child
	log    *os.File
}

// up starts the keeper, which starts the gateways.
func (s *scratch) up() (*fleet, error) {
	log, err := os.OpenFile(filepath.Join(s.dir, "up.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := s.command(context.Background(), "up", nameMain, nameRescue) // down ends it, in order
	cmd.Stderr = log
	keeper, err := startChild(cmd)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &fleet{scratch: s, keeper: keeper, log: log}, nil
}

// errKeeper says that the gateways' keeper has ended by itself.
var errKeeper = errors.New("clawdbot up ended by itself")

// watchKeeper ends the context when the keeper ends.
func (f *fleet) watchKeeper(ctx context.Context, cancel context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
	case <-f.keeper.ended:
		log, _ := os.ReadFile(f.log.Name()) // without it, that it ended is all there is to say
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		cancel(fmt.Errorf("%w (%v): %s", errKeeper, f.keeper.ProcessState, lines[len(lines)-1]))
	}
}

// stopWait is longer than the keeper waits for a gateway.
const stopWait = 15 * time.Second

// down stops the gateways as Ctrl-C does, and kills what does not obey.
func (f *fleet) down() error {
	f.wake()
	_ = f.keeper.Process.Signal(os.Interrupt) // it fails only when it has ended
	select {
	case <-f.keeper.ended:
	case <-time.After(stopWait):
		f.keeper.kill()
	}
	for _, name := range []string{nameMain, nameRescue} {
		if left, err := f.process(name); err == nil {
			_ = kill(left) // there is none, unless the keeper died
		}
	}
	return f.log.Close()
}

// wake continues whatever a fault stopped.
func (f *fleet) wake() {
	left, _ := f.gateways(context.Background()) // none of a keeper that has ended
	for _, id := range append(left, f.keeper.id) {
		_ = resume(id) // one that has ended needs none
	}
}

// gateways are the keeper's children. It returns proc.ErrGone when the keeper
// has ended.
func (f *fleet) gateways(ctx context.Context) ([]proc.Identity, error) {
	if _, err := proc.Same(f.keeper.id); err != nil {
		return nil, err // its number may be another's by now
	}
	p, err := process.NewProcess(int32(f.keeper.id.PID))
	if err != nil {
		return nil, err
	}
	children, err := p.ChildrenWithContext(ctx)
	if err != nil && !errors.Is(err, process.ErrorNoChildren) {
		return nil, err
	}
	var list []proc.Identity
	for _, c := range children {
		if info, err := proc.Find(int(c.Pid)); err == nil {
			list = append(list, info.Identity)
		}
	}
	return list, nil
}

// process is what the gateway's entry in the scratch's registry names.
func (f *fleet) process(name string) (proc.Identity, error) {
	i, err := f.main.Registry.Get(name)
	return i.Process, err
}
