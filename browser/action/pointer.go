package action

import (
	"context"
	"errors"

	"github.com/chromedp/cdproto/input"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// point is a place in the page's window, in CSS pixels.
type point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// needs are the conditions of an action with the mouse beyond those of any.
type needs struct {
	Enabled bool `json:"enabled"`
}

// aim waits until the element gets mouse events and returns where.
func aim(ctx context.Context, ref tab.Ref, n needs) (at point, err error) {
	err = actionable(ctx, func() error {
		at, err = aimOnce(ctx, ref, n)
		return err
	})
	return at, err
}

func aimOnce(ctx context.Context, ref tab.Ref, n needs) (at point, err error) {
	if err := revealFrame(ctx, ref.Frame); err != nil {
		return at, err
	}
	if err := ref.Frame.Call(ctx, "aim", &at, ref.N, n); err != nil {
		return at, err
	}
	for f := ref.Frame; f.Parent() != nil; f = f.Parent() {
		owner, err := f.Owner(ctx)
		if err != nil {
			return at, err
		}
		if err := owner.Frame.Call(ctx, "through", &at, owner.N, at.X, at.Y); err != nil {
			return at, err
		}
	}
	return at, nil
}

// revealFrame scrolls the frame into view, outer ones first: Chromium draws no
// frames of what is off screen, and pages of other sites scroll only themselves.
func revealFrame(ctx context.Context, f *tab.Frame) error {
	if f.Parent() == nil {
		return nil
	}
	if err := revealFrame(ctx, f.Parent()); err != nil {
		return err
	}
	owner, err := f.Owner(ctx)
	if err != nil {
		return err
	}
	return owner.Frame.Call(ctx, "reveal", nil, owner.N)
}

// sent are the answers to come of events that were sent without waiting for
// each: the browser keeps their order.
type sent []func() error

// wait waits for all answers. When the page goes, each fails alike; one that
// closed itself has got its event.
func (s *sent) wait() (err error) {
	for _, answer := range *s {
		if failed := answer(); err == nil && !errors.Is(failed, devtools.ErrDetached) {
			err = failed
		}
	}
	*s = nil
	return err
}

// mouse sends mouse events.
type mouse struct {
	ctx       context.Context
	session   *devtools.Session
	modifiers int64
	sent
}

func (m *mouse) send(e input.DispatchMouseEventParams) {
	e.Modifiers = m.modifiers
	m.sent = append(m.sent, devtools.Post(m.ctx, m.session, input.DispatchMouseEvent, e))
}

func (m *mouse) move(to point) {
	m.send(input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: to.X, Y: to.Y})
}

// buttons are the bits of the pressed buttons in a mouse event.
func buttons(b input.MouseButton) int64 {
	switch b {
	case input.MouseButtonRight:
		return 2
	case input.MouseButtonMiddle:
		return 4
	}
	return 1
}

func (m *mouse) press(at point, b input.MouseButton, count int64) {
	m.send(input.DispatchMouseEventParams{
		Type: input.DispatchMouseEventTypeMousePressed, X: at.X, Y: at.Y, Button: b, Buttons: buttons(b), ClickCount: count,
	})
}

func (m *mouse) release(at point, b input.MouseButton, count int64) {
	m.send(input.DispatchMouseEventParams{
		Type: input.DispatchMouseEventTypeMouseReleased, X: at.X, Y: at.Y, Button: b, ClickCount: count,
	})
}

// ClickOptions are the ways to click. Zero is one click of the left button.
type ClickOptions struct {
	Button    string   // left (also ""), right or middle
	Double    bool     // a double click
	Modifiers []string // keys held: Alt, Control, ControlOrMeta, Meta or Shift
}

// Click clicks the element.
func Click(ctx context.Context, t *tab.Tab, ref tab.Ref, o ClickOptions) error {
	button, err := mouseButton(o.Button)
	if err != nil {
		return err
	}
	modifiers, err := modifierBits(o.Modifiers)
	if err != nil {
		return err
	}
	return act(ctx, t, func(ctx context.Context) error {
		at, err := aim(ctx, ref, needs{Enabled: true})
		if err != nil {
			return err
		}
		m := mouse{ctx: ctx, session: t.Session(), modifiers: modifiers}
		m.click(at, button, o.Double)
		return m.wait()
	})
}

func (m *mouse) click(at point, b input.MouseButton, double bool) {
	m.move(at)
	m.press(at, b, 1)
	m.release(at, b, 1)
	if double {
		m.press(at, b, 2)
		m.release(at, b, 2)
	}
}

func mouseButton(name string) (input.MouseButton, error) {
	switch b := input.MouseButton(name); b {
	case "":
		return input.MouseButtonLeft, nil
	case input.MouseButtonLeft, input.MouseButtonRight, input.MouseButtonMiddle:
		return b, nil
	}
	return "", badArgument("no mouse button %q: there is left, right and middle", name)
}

// Hover moves the mouse over the element.
func Hover(ctx context.Context, t *tab.Tab, ref tab.Ref) error {
	return act(ctx, t, func(ctx context.Context) error {
		at, err := aim(ctx, ref, needs{})
		if err != nil {
			return err
		}
		m := mouse{ctx: ctx, session: t.Session()}
		m.move(at)
		return m.wait()
	})
}

// ScrollIntoView scrolls what the element is in until it shows.
func ScrollIntoView(ctx context.Context, t *tab.Tab, ref tab.Ref) error {
	return act(ctx, t, func(ctx context.Context) error {
		return actionable(ctx, func() error {
			if err := revealFrame(ctx, ref.Frame); err != nil {
				return err
			}
			return ref.Frame.Call(ctx, "reveal", nil, ref.N)
		})
	})
}
