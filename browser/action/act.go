package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"clawdbot/browser/tab"
)

// pauses are the waits before the tries of an action; the last one repeats.
func pauses() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{0, 20 * ms, 50 * ms, 100 * ms, 100 * ms, 250 * ms, 500 * ms}
}

// act does something on the tab while nobody else does, and waits for the
// navigation that it may start.
func act(ctx context.Context, t *tab.Tab, do func(context.Context) error) error {
	unlock, err := t.Exclusive(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return t.Settle(ctx, do)
}

// actionable tries until it succeeds, fails for good or ctx ends.
func actionable(ctx context.Context, try func() error) error {
	given := allowance(ctx)
	all := pauses()
	var last *tab.Problem
	for i := 0; ; i++ {
		if err := pause(ctx, all[min(i, len(all)-1)]); err != nil {
			return gaveUp(last, err, given)
		}
		err := try()
		switch {
		case errors.As(err, &last):
			if !passing(last.Code, i < len(all)) {
				return err
			}
		case err == nil || ctx.Err() == nil:
			return err
		default:
			return gaveUp(last, err, given)
		}
	}
}

// passing says whether waiting may help. Options of a select that another one
// fills come within a second.
func passing(code string, early bool) bool {
	return slices.Contains([]string{"hidden", "covered", "disabled", "moving", "offscreen", "read-only"}, code) || code == "no-option" && early
}

// gaveUp prefers what was wrong with the element to the end of the context.
func gaveUp(last *tab.Problem, err error, given int64) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w (waited %d ms for that to change)", last, given)
}

// allowance is how long ctx goes on, in milliseconds.
func allowance(ctx context.Context) int64 {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline).Round(time.Millisecond).Milliseconds()
}

// pause waits, and returns the context's error when that ends before.
func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
