package action

import (
	"context"
	"fmt"
	"strconv"

	"github.com/chromedp/cdproto/input"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// TypeOptions are the ways to type. Zero replaces the content at once.
type TypeOptions struct {
	Slowly bool // click, then key by key, after what is there
	Submit bool // Enter after it
}

// Type types the text into the element. Inputs of date, time, color and range
// are set to it.
func Type(ctx context.Context, t *tab.Tab, ref tab.Ref, text string, o TypeOptions) error {
	return act(ctx, t, func(ctx context.Context) error {
		if err := typeInto(ctx, t, ref, text, o.Slowly); err != nil || !o.Submit {
			return err
		}
		b := keyboard{ctx: ctx, session: t.Session()}
		return b.strike('\n')
	})
}

func typeInto(ctx context.Context, t *tab.Tab, ref tab.Ref, text string, slowly bool) error {
	if !slowly {
		return replace(ctx, t, ref, text)
	}
	if err := click(ctx, t, ref); err != nil {
		return err
	}
	b := keyboard{ctx: ctx, session: t.Session()}
	return b.typeSlowly(text)
}

func click(ctx context.Context, t *tab.Tab, ref tab.Ref) error {
	at, err := aim(ctx, ref, needs{Enabled: true})
	if err != nil {
		return err
	}
	m := mouse{ctx: ctx, session: t.Session()}
	m.click(at, input.MouseButtonLeft, false)
	return m.wait()
}

// replace puts the text in the place of the element's content.
func replace(ctx context.Context, t *tab.Tab, ref tab.Ref, text string) error {
	var typed bool
	err := actionable(ctx, func() error { return ref.Frame.Call(ctx, "edit", &typed, ref.N, text) })
	switch {
	case err != nil || !typed:
		return err
	case text == "":
		b := keyboard{ctx: ctx, session: t.Session()}
		return b.strike('\u007f') // Delete
	}
	return devtools.Do(ctx, t.Session(), input.InsertText, input.InsertTextParams{Text: text})
}

// Select chooses exactly the options with these values or labels in a <select>.
func Select(ctx context.Context, t *tab.Tab, ref tab.Ref, values []string) error {
	return act(ctx, t, func(ctx context.Context) error {
		return actionable(ctx, func() error { return ref.Frame.Call(ctx, "choose", nil, ref.N, values) })
	})
}

// Check turns a checkbox, radio button or switch on or off. One that is so
// already is left alone.
func Check(ctx context.Context, t *tab.Tab, ref tab.Ref, on bool) error {
	return act(ctx, t, func(ctx context.Context) error { return check(ctx, t, ref, on) })
}

func check(ctx context.Context, t *tab.Tab, ref tab.Ref, on bool) error {
	now, err := checked(ctx, ref)
	if err != nil || now.Checked == on {
		return err
	}
	if now.Choice && !on {
		return badArgument("%s is one of a choice: check another one instead", ref)
	}
	if err := click(ctx, t, ref); err != nil {
		return err
	}
	if now, err = checked(ctx, ref); err != nil {
		return err
	}
	if now.Checked != on {
		return &tab.Problem{Code: "unchanged", Message: fmt.Sprintf("%s was clicked, and is not %s all the same: the page refused that", ref, state(on))}
	}
	return nil
}

// mark is whether a checkbox, radio button or switch is on, and whether it is
// one of a choice, which only another one turns off.
type mark struct {
	Checked bool `json:"checked"`
	Choice  bool `json:"choice"`
}

func checked(ctx context.Context, ref tab.Ref) (m mark, err error) {
	err = ref.Frame.Call(ctx, "checked", &m, ref.N)
	return m, err
}

func state(on bool) string {
	if on {
		return "checked"
	}
	return "unchecked"
}

// Field is a field of a form: its element, and a text, number or boolean. A
// boolean checks or unchecks, as the texts true and false do where there is
// something to check.
type Field struct {
	Ref   tab.Ref
	Value any
}

// Fill fills the fields one after another.
func Fill(ctx context.Context, t *tab.Tab, fields []Field) error {
	return act(ctx, t, func(ctx context.Context) error {
		for i, f := range fields {
			if err := fill(ctx, t, f); err != nil {
				return fmt.Errorf("field %d of %d, %s: %w", i+1, len(fields), f.Ref, err)
			}
		}
		return nil
	})
}

func fill(ctx context.Context, t *tab.Tab, f Field) error {
	switch v := f.Value.(type) {
	case bool:
		return check(ctx, t, f.Ref, v)
	case float64:
		return replace(ctx, t, f.Ref, strconv.FormatFloat(v, 'f', -1, 64))
	case string:
		if v == "true" || v == "false" {
			if _, err := checked(ctx, f.Ref); err == nil {
				return check(ctx, t, f.Ref, v == "true")
			}
		}
		return replace(ctx, t, f.Ref, v)
	}
	return badArgument("the value must be a text, a number, true or false")
}
