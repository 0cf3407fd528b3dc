package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Terminate asks the process to stop, waits until it is gone and kills it when
// it is not within patience. It never touches another process that has the
// same number.
func Terminate(ctx context.Context, id Identity, patience time.Duration) error {
	p, err := os.FindProcess(id.PID) // on Linux this pins the process, so that the check below holds for it
	if err != nil {
		return fmt.Errorf("process %d: %w", id.PID, err)
	}
	defer func() { _ = p.Release() }()
	if _, err := Same(id); err != nil {
		return ignoreGone(err)
	}
	if err := askToStop(p); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop process %d: %w", id.PID, err)
	}
	if err := awaitGone(ctx, id, patience); err == nil || !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", id.PID, err)
	}
	return awaitGone(ctx, id, patience)
}

func awaitGone(ctx context.Context, id Identity, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if _, err := Same(id); err != nil {
			return ignoreGone(err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d has not ended: %w", id.PID, ctx.Err())
		case <-poll.C:
		}
	}
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}
