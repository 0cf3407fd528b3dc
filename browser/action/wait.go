package action

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"clawdbot/browser/api"
	"clawdbot/browser/tab"
)

const (
	// slice is how long a frame waits before it is asked again: new frames join
	// then.
	slice = 250 * time.Millisecond
	// again is the pause before asking again for what cannot wait by itself.
	again = 50 * time.Millisecond
)

// Conditions are what to wait for, one after another in this order. The zero
// value of a field waits for nothing.
type Conditions struct {
	Time      time.Duration
	Text      string // appears in a frame, in any case and with any white space
	TextGone  string // is in no frame any longer
	Selector  string // of a visible element in a frame
	URL       string // a glob of the page's address, or a part of it
	LoadState string // load, domcontentloaded or networkidle
	Fn        string // an expression or function of the page's own scripts becomes true
}

// condition is one of them: what it is in words, and a wait that ends with ctx.
type condition struct {
	says string
	wait func(ctx context.Context) error
}

// Wait waits until all conditions held.
func Wait(ctx context.Context, t *tab.Tab, c Conditions) error {
	all, err := c.list(t)
	if err != nil {
		return err
	}
	for _, one := range all {
		given := allowance(ctx)
		err := one.wait(ctx)
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("%s within %d ms", one.says, given)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list checks the conditions before the first one is waited for.
func (c Conditions) list(t *tab.Tab) (all []condition, err error) {
	if c.Time > 0 {
		all = append(all, condition{"the time was not over", func(ctx context.Context) error { return pause(ctx, c.Time) }})
	}
	if c.Text != "" {
		all = append(all, condition{fmt.Sprintf("the text %q did not appear", c.Text), shows(t, "text", c.Text)})
	}
	if c.TextGone != "" {
		all = append(all, condition{fmt.Sprintf("the text %q did not go", c.TextGone), gone(t, c.TextGone)})
	}
	if c.Selector != "" {
		all = append(all, condition{fmt.Sprintf("nothing visible fitted the selector %q", c.Selector), shows(t, "selector", c.Selector)})
	}
	if c.URL != "" {
		glob, err := tab.ParseGlob(c.URL)
		if err != nil {
			return nil, badArgument("url: %w", err)
		}
		all = append(all, condition{fmt.Sprintf("the page did not come to an address like %s", c.URL), repeat(func(context.Context) (bool, error) { return glob.Within(t.URL()), nil })})
	}
	if c.LoadState != "" {
		state, err := lifecycle(c.LoadState)
		if err != nil {
			return nil, err
		}
		all = append(all, condition{fmt.Sprintf("the page did not come to the state %s", c.LoadState), func(ctx context.Context) error { return t.Await(ctx, state) }})
	}
	if c.Fn != "" {
		all = append(all, condition{"the function did not become true", repeat(func(ctx context.Context) (bool, error) { return isTrue(ctx, t, c.Fn) })})
	}
	if len(all) == 0 {
		return nil, badArgument("one of timeMs, text, textGone, selector, url, loadState and fn is required")
	}
	return all, nil
}

// lifecycle returns the browser's name of a load state.
func lifecycle(state string) (string, error) {
	switch strings.ToLower(state) {
	case "load":
		return tab.StateLoad, nil
	case "domcontentloaded":
		return tab.StateDOM, nil
	case "networkidle":
		return tab.StateIdle, nil
	}
	return "", badArgument("no load state %q: there is load, domcontentloaded and networkidle", state)
}

// repeat asks until it holds.
func repeat(holds func(context.Context) (bool, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			ok, err := holds(ctx)
			if ok || err != nil {
				return err
			}
			if err := pause(ctx, again); err != nil {
				return err
			}
		}
	}
}

// shows waits until a frame has the condition of the script.
func shows(t *tab.Tab, name, wanted string) func(context.Context) error {
	return repeat(func(ctx context.Context) (bool, error) {
		return anyFrame(ctx, t.Frames(), func(ctx context.Context, f *tab.Frame) (bool, error) {
			return until(ctx, f, name, wanted, slice)
		})
	})
}

// gone waits until no frame has the text.
func gone(t *tab.Tab, text string) func(context.Context) error {
	return repeat(func(ctx context.Context) (bool, error) {
		there, err := anyFrame(ctx, t.Frames(), func(ctx context.Context, f *tab.Frame) (bool, error) {
			return until(ctx, f, "text", text, 0)
		})
		return err == nil && !there, err
	})
}

func until(ctx context.Context, f *tab.Frame, name, wanted string, d time.Duration) (ok bool, err error) {
	err = f.Call(ctx, "until", &ok, name, wanted, d.Milliseconds())
	return ok, passed(err)
}

// passed drops the errors of a document that went while it was asked: the one
// that comes is asked again.
func passed(err error) error {
	var p *tab.Problem
	if status := api.StatusOf(err); !errors.As(err, &p) && (status == http.StatusConflict || status == http.StatusNotFound) {
		return nil
	}
	return err
}

// anyFrame asks all frames at once, and returns with the first that says yes, or
// else fails.
func anyFrame(ctx context.Context, frames []*tab.Frame, ask func(context.Context, *tab.Frame) (bool, error)) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		yes bool
		err error
	}
	answers := make(chan answer, len(frames))
	for _, f := range frames {
		go func() {
			yes, err := ask(ctx, f)
			answers <- answer{yes, err}
		}()
	}
	var yes bool
	var err error
	for range frames { // all, so that none outlives the call
		a := <-answers
		if !yes && err == nil && (a.yes || a.err != nil) {
			yes, err = a.yes, a.err
			cancel()
		}
	}
	return yes, err
}
