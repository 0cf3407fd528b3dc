package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrNotProven says that a process runs another program than the one that was meant.
var ErrNotProven = errors.New("proc: process runs another program")

// Abort ends a process that hangs so that it tells why: a Go program that gets
// SIGABRT prints the stacks of its goroutines and exits with status 2 (package
// os/signal, "Default behavior of signals"). One that has not ended within
// patience is killed. The process is proven first to be the one meant, by its
// start time and the path of its program; else it is ErrNotProven and left alone.
// One that is gone already is no error. On Windows it is killed at once.
func Abort(ctx context.Context, id Identity, exe string, patience time.Duration) error {
	return end(ctx, id, exe, patience, askToAbort)
}

// Kill is Abort without the stacks.
func Kill(ctx context.Context, id Identity, exe string, patience time.Duration) error {
	return end(ctx, id, exe, patience, (*os.Process).Kill)
}

// Terminate asks the process to stop, waits until it is gone and kills it when
// it is not within patience. It never touches another process that has the
// same number.
func Terminate(ctx context.Context, id Identity, patience time.Duration) error {
	return end(ctx, id, "", patience, askToStop)
}

// end asks the process to end and then kills it. An empty exe is not proven.
func end(ctx context.Context, id Identity, exe string, patience time.Duration, ask func(*os.Process) error) error {
	p, err := os.FindProcess(id.PID) // on Linux this pins the process, so that the proof below holds for it
	if err != nil {
		return fmt.Errorf("process %d: %w", id.PID, err)
	}
	defer func() { _ = p.Release() }()
	if err := prove(id, exe); err != nil {
		return ignoreGone(err)
	}
	if err := ask(p); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end process %d: %w", id.PID, err)
	}
	if err := awaitFor(ctx, id, patience); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", id.PID, err)
	}
	return awaitFor(ctx, id, patience)
}

func prove(id Identity, exe string) error {
	if _, err := Same(id); err != nil || exe == "" {
		return err
	}
	runs, err := Exe(id.PID)
	if _, gone := Same(id); gone != nil { // it ended meanwhile
		return gone
	}
	if err != nil {
		return err
	}
	if runs != exe {
		return fmt.Errorf("%w: process %d runs %s, not %s", ErrNotProven, id.PID, runs, exe)
	}
	return nil
}

func awaitFor(ctx context.Context, id Identity, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return Await(ctx, id)
}

// Await returns nil when the process has ended, also when nobody has waited for
// it yet, and an error when ctx ends first.
func Await(ctx context.Context, id Identity) error {
	ended, err := watch(id.PID) // before Same, so that it watches the process that Same sees
	if err == nil {
		defer ended.close()
	}
	if _, err := Same(id); err != nil {
		return ignoreGone(err)
	}
	if err == nil {
		err = ended.wait(ctx)
	} else {
		err = poll(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("process %d has not ended: %w", id.PID, err)
	}
	return nil
}

// poll is for systems that do not tell of the end of another's child.
func poll(ctx context.Context, id Identity) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := Same(id); err != nil {
			return ignoreGone(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}
