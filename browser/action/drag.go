package action

import (
	"cmp"
	"context"
	"time"

	"github.com/chromedp/cdproto/input"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// steps is the number of mouse moves of a drag.
const steps = 5

// threshold is how far the mouse must move, in each direction, for a drag of the
// browser's own to begin: Chromium waits for 3 to 8 pixels.
const threshold = 10

// dragStarts is how long a drag of the browser's own may take to start.
const dragStarts = 2 * time.Second

// Drag presses the mouse on one element and releases it on another. It serves
// pages that listen to the mouse, and those with HTML's drag and drop: there the
// drag that the browser starts is taken over, because a headless browser would
// wait for the system to end it.
func Drag(ctx context.Context, t *tab.Tab, from, to tab.Ref) error {
	return act(ctx, t, func(ctx context.Context) error {
		// Whether the end can be had is better known before the start is pressed.
		if _, err := aim(ctx, to, needs{}); err != nil {
			return err
		}
		at, err := aim(ctx, from, needs{})
		if err != nil {
			return err
		}
		var native bool
		if err := from.Frame.Call(ctx, "drags", &native, from.N); err != nil {
			return err
		}
		return drag(ctx, t, at, to, native)
	})
}

func drag(ctx context.Context, t *tab.Tab, from point, to tab.Ref, native bool) error {
	started := make(chan *input.DragData, 1)
	if native {
		off := tab.On(t, input.DragIntercepted, func(_ *devtools.Session, e input.EventDragIntercepted) {
			select {
			case started <- e.Data:
			default: // one drag at a time
			}
		})
		defer off()
		if err := intercept(ctx, t, true)(); err != nil {
			return err
		}
		defer func() { _ = intercept(ctx, t, false) }() // the tab may be gone
	}
	m := &mouse{ctx: ctx, session: t.Session()}
	m.move(from)
	m.press(from, input.MouseButtonLeft, 1)
	// The browser's own drag starts where the mouse was pressed, so before
	// anything is scrolled.
	at := point{from.X + threshold, from.Y + threshold}
	m.pull(at)
	if err := m.wait(); err != nil {
		m.release(at, input.MouseButtonLeft, 1) // is sent, whatever becomes of it
		return err
	}
	var data *input.DragData
	if native {
		data = await(ctx, started)
	}
	end, err := aim(ctx, to, needs{})
	if err != nil {
		end = from
	}
	if data != nil {
		m.drop(at, end, data, err == nil)
		return cmp.Or(err, m.wait())
	}
	for i := range steps {
		part := float64(i+1) / steps
		m.pull(point{at.X + (end.X-at.X)*part, at.Y + (end.Y-at.Y)*part})
	}
	m.release(end, input.MouseButtonLeft, 1)
	return cmp.Or(err, m.wait())
}

func intercept(ctx context.Context, t *tab.Tab, on bool) (done func() error) {
	return devtools.Post(ctx, t.Session(), input.SetInterceptDrags, input.SetInterceptDragsParams{Enabled: on})
}

// pull moves the pressed mouse.
func (m *mouse) pull(to point) {
	m.send(input.DispatchMouseEventParams{
		Type: input.DispatchMouseEventTypeMouseMoved, X: to.X, Y: to.Y, Button: input.MouseButtonLeft, Buttons: buttons(input.MouseButtonLeft),
	})
}

// await returns the drag that the browser began, nil when it did not: a page may
// refuse that and follow the mouse.
func await(ctx context.Context, started <-chan *input.DragData) *input.DragData {
	timer := time.NewTimer(dragStarts)
	defer timer.Stop()
	select {
	case data := <-started:
		return data
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// drop goes on with the browser's own drag, to its end or only out of it.
func (m *mouse) drop(from, to point, data *input.DragData, whole bool) {
	last := input.DispatchDragEventTypeDrop
	if !whole {
		last = input.DispatchDragEventTypeDragCancel
	}
	for _, step := range []struct {
		kind input.DispatchDragEventType
		at   point
	}{
		{input.DispatchDragEventTypeDragEnter, from},
		{input.DispatchDragEventTypeDragOver, from},
		{input.DispatchDragEventTypeDragOver, to},
		{last, to},
	} {
		e := input.DispatchDragEventParams{Type: step.kind, X: step.at.X, Y: step.at.Y, Data: data}
		m.sent = append(m.sent, devtools.Post(m.ctx, m.session, input.DispatchDragEvent, e))
	}
}
