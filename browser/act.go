package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/action"
	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// Bounds of timeoutMs.
const (
	actLeast = 500 * time.Millisecond
	actMost  = 60 * time.Second
	waitMost = 120 * time.Second
)

// largest is the longest side of a window, in CSS pixels.
const largest = 10_000

func (s *Server) actVerbs() []verb {
	return []verb{
		{"act", "POST /act", onTab(s.act)},
		{"tabs_action", "POST /tabs/action", with(s.tabsAction)},
	}
}

// kind is one of the things that POST /act does.
type kind struct {
	name  string
	usual time.Duration // when no timeoutMs is given
	most  time.Duration
	does  func(ctx context.Context, t *tab.Tab, in *api.ActRequest, out *api.Acted) error
	url   bool // the answer tells the address
}

func kinds() []kind {
	const usual = 8 * time.Second
	const long = 20 * time.Second
	return []kind{
		{"click", usual, actMost, onRef(doClick), true},
		{"type", usual, actMost, onRef(doType), false},
		{"press", usual, actMost, doPress, false},
		{"hover", usual, actMost, onRef(doHover), false},
		{"scrollIntoView", usual, actMost, onRef(doScroll), false},
		{"drag", usual, actMost, doDrag, false},
		{"select", usual, actMost, onRef(doSelect), false},
		{"check", usual, actMost, onRef(doCheck(true)), false},
		{"uncheck", usual, actMost, onRef(doCheck(false)), false},
		{"fill", usual, actMost, doFill, false},
		{"resize", usual, actMost, doResize, true},
		{"wait", long, waitMost, doWait, false},
		{"evaluate", long, waitMost, doEvaluate, true},
		{"close", usual, actMost, doClose, false},
	}
}

// act answers POST /act.
func (s *Server) act(ctx context.Context, t *tab.Tab, in api.ActRequest) (answer, error) {
	k, err := kindOf(in.Kind)
	if err != nil {
		return nil, err
	}
	if in.Selector != "" && k.name != "wait" {
		return nil, api.Errorf(http.StatusBadRequest, "%s takes no selector: take a snapshot and use a ref of it", k.name)
	}
	limit := k.usual
	if in.TimeoutMs != 0 {
		limit = min(max(time.Duration(in.TimeoutMs)*time.Millisecond, actLeast), k.most)
	}
	ctx, cancel := context.WithTimeout(ctx, limit+takes(&in))
	defer cancel()
	out := &api.Acted{}
	if err := k.does(ctx, t, &in, out); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("the page did not answer within %d ms: its script may be busy", limit.Milliseconds())
		}
		return nil, fmt.Errorf("%s: %w", strings.TrimSpace(fmt.Sprintf("%s %.20s", k.name, in.Ref)), err)
	}
	if k.url {
		out.URL = t.URL()
	}
	return out, nil
}

func kindOf(name string) (kind, error) {
	all := kinds()
	i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	if i >= 0 {
		return all[i], nil
	}
	names := make([]string, len(all))
	for i, k := range all {
		names[i] = k.name
	}
	return kind{}, api.Errorf(http.StatusBadRequest, "no kind %q: there is %s", name, strings.Join(names, ", "))
}

// takes is the time that an action is asked to take, beyond what bounds it.
func takes(in *api.ActRequest) time.Duration {
	most := int(waitMost.Milliseconds())
	d := time.Duration(min(max(in.DelayMs, 0), most)+min(max(in.TimeMs, 0), most)) * time.Millisecond
	if in.Slowly {
		d += action.Slowly * time.Duration(utf8.RuneCountInString(in.Text))
	}
	return min(d, waitMost)
}

// onRef finds the element of a kind that acts on one.
func onRef(do func(context.Context, *tab.Tab, tab.Ref, *api.ActRequest) error) func(context.Context, *tab.Tab, *api.ActRequest, *api.Acted) error {
	return func(ctx context.Context, t *tab.Tab, in *api.ActRequest, _ *api.Acted) error {
		ref, err := find(t, "ref", in.Ref)
		if err != nil {
			return err
		}
		return do(ctx, t, ref, in)
	}
}

func find(t *tab.Tab, argument, ref string) (tab.Ref, error) {
	if ref == "" {
		return tab.Ref{}, api.Errorf(http.StatusBadRequest, "%s is required: an element of a snapshot, such as e12", argument)
	}
	return t.Find(ref)
}

func doClick(ctx context.Context, t *tab.Tab, ref tab.Ref, in *api.ActRequest) error {
	return action.Click(ctx, t, ref, action.ClickOptions{Button: in.Button, Double: in.DoubleClick, Modifiers: in.Modifiers})
}

func doType(ctx context.Context, t *tab.Tab, ref tab.Ref, in *api.ActRequest) error {
	return action.Type(ctx, t, ref, in.Text, action.TypeOptions{Slowly: in.Slowly, Submit: in.Submit})
}

func doHover(ctx context.Context, t *tab.Tab, ref tab.Ref, _ *api.ActRequest) error {
	return action.Hover(ctx, t, ref)
}

func doScroll(ctx context.Context, t *tab.Tab, ref tab.Ref, _ *api.ActRequest) error {
	return action.ScrollIntoView(ctx, t, ref)
}

func doSelect(ctx context.Context, t *tab.Tab, ref tab.Ref, in *api.ActRequest) error {
	if in.Values == nil {
		return api.Errorf(http.StatusBadRequest, "values is required: a list of values or labels of options")
	}
	return action.Select(ctx, t, ref, in.Values)
}

func doCheck(on bool) func(context.Context, *tab.Tab, tab.Ref, *api.ActRequest) error {
	return func(ctx context.Context, t *tab.Tab, ref tab.Ref, _ *api.ActRequest) error {
		return action.Check(ctx, t, ref, on)
	}
}

func doPress(ctx context.Context, t *tab.Tab, in *api.ActRequest, _ *api.Acted) error {
	if in.Key == "" {
		return api.Errorf(http.StatusBadRequest, "key is required, such as Enter, a or Control+A")
	}
	return action.Press(ctx, t, in.Key, min(max(time.Duration(in.DelayMs)*time.Millisecond, 0), waitMost))
}

func doDrag(ctx context.Context, t *tab.Tab, in *api.ActRequest, _ *api.Acted) error {
	from, err := find(t, "startRef", in.StartRef)
	if err != nil {
		return err
	}
	to, err := find(t, "endRef", in.EndRef)
	if err != nil {
		return err
	}
	return action.Drag(ctx, t, from, to)
}

func doFill(ctx context.Context, t *tab.Tab, in *api.ActRequest, _ *api.Acted) error {
	if len(in.Fields) == 0 {
		return api.Errorf(http.StatusBadRequest, "fields is required: a list of {ref, type, value}")
	}
	fields := make([]action.Field, len(in.Fields))
	for i, f := range in.Fields {
		ref, err := find(t, fmt.Sprintf("fields[%d].ref", i), f.Ref)
		if err != nil {
			return err
		}
		value, err := fieldValue(f)
		if err != nil {
			return fmt.Errorf("fields[%d].value: %w", i, err)
		}
		fields[i] = action.Field{Ref: ref, Value: value}
	}
	return action.Fill(ctx, t, fields)
}

// fieldValue is the value as the field's type takes it: a boolean for checkbox
// and radio, else a text. Without a type it is what was given.
func fieldValue(f api.FormField) (any, error) {
	text := ""
	switch v := f.Value.(type) {
	case nil:
	case string:
		text = v
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		if f.Type == "" {
			return v, nil
		}
		text = strconv.FormatBool(v)
	default:
		return nil, api.Errorf(http.StatusBadRequest, "must be a text, a number, true or false")
	}
	if f.Type != "checkbox" && f.Type != "radio" {
		return text, nil
	}
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off", "":
		return false, nil
	}
	return nil, api.Errorf(http.StatusBadRequest, "must be true or false for a %s", f.Type)
}

func doResize(ctx context.Context, t *tab.Tab, in *api.ActRequest, _ *api.Acted) error {
	if in.Width < 1 || in.Height < 1 || in.Width > largest || in.Height > largest {
		return api.Errorf(http.StatusBadRequest, "width and height must be from 1 to %d pixels", largest)
	}
	return t.Resize(ctx, in.Width, in.Height)
}

func doWait(ctx context.Context, t *tab.Tab, in *api.ActRequest, _ *api.Acted) error {
	if in.TimeMs < 0 || in.TimeMs > int(waitMost.Milliseconds()) {
		return api.Errorf(http.StatusBadRequest, "timeMs must be from 0 to %d", waitMost.Milliseconds())
	}
	return action.Wait(ctx, t, action.Conditions{
		Time: time.Duration(in.TimeMs) * time.Millisecond, Text: in.Text, TextGone: in.TextGone,
		Selector: in.Selector, URL: in.URL, LoadState: in.LoadState, Fn: in.Fn,
	})
}

func doEvaluate(ctx context.Context, t *tab.Tab, in *api.ActRequest, out *api.Acted) (err error) {
	if strings.TrimSpace(in.Fn) == "" {
		return api.Errorf(http.StatusBadRequest, "fn is required: an expression, or a function")
	}
	var ref *tab.Ref
	if in.Ref != "" {
		found, err := t.Find(in.Ref)
		if err != nil {
			return err
		}
		ref = &found
	}
	out.Result, err = action.Evaluate(ctx, t, in.Fn, ref)
	return err
}

func doClose(ctx context.Context, t *tab.Tab, _ *api.ActRequest, _ *api.Acted) error {
	if err := devtools.Do(ctx, t.Session().Conn().Root(), target.CloseTarget, target.CloseTargetParams{TargetID: t.ID()}); err != nil {
		return err
	}
	select {
	case <-t.Gone():
		return nil
	case <-ctx.Done():
		return errors.New("the page does not let go")
	}
}
