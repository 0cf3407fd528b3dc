package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// within bounds an action as its caller would.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// ref is the element that fits a selector in the main frame.
func ref(t *testing.T, page *tab.Tab, selector string) tab.Ref {
	t.Helper()
	return refIn(t, page.Main(), selector)
}

func refIn(t *testing.T, f *tab.Frame, selector string) tab.Ref {
	t.Helper()
	r := tab.Ref{Frame: f}
	if err := f.Call(t.Context(), "find", &r.N, selector); err != nil {
		t.Fatal(err)
	}
	return r
}

// refTo is the node that an expression of the page's own scripts gives.
func refTo(t *testing.T, page *tab.Tab, expression string) tab.Ref {
	t.Helper()
	ctx := t.Context()
	got, err := page.Main().Evaluate(ctx, runtime.EvaluateParams{Expression: expression})
	if err != nil {
		t.Fatal(err)
	}
	node, err := devtools.Call(ctx, page.Session(), dom.DescribeNode, dom.DescribeNodeParams{ObjectID: got.Result.ObjectID})
	if err != nil {
		t.Fatal(err)
	}
	r, err := page.Main().RefOf(ctx, node.Node.BackendNodeID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// value is what an expression of the frame's own scripts gives, as JSON.
func value(t *testing.T, f *tab.Frame, expression string) string {
	t.Helper()
	yes := true
	got, err := f.Evaluate(t.Context(), runtime.EvaluateParams{Expression: expression, ReturnByValue: &yes})
	if err == nil {
		err = tab.Thrown(got.ExceptionDetails)
	}
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	var plain any
	if len(got.Result.Value) == 0 {
		return "undefined"
	}
	if err := json.Unmarshal(got.Result.Value, &plain); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(plain); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// holds waits until an expression of the page's own scripts is true: events of
// other frames come when they come.
func holds(t *testing.T, f *tab.Frame, expression string) {
	t.Helper()
	for ctx := within(t, 20*time.Second); ; {
		if value(t, f, expression) == "true" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s never holds", expression)
		}
	}
}

// refused checks that an error says all of the parts, with the status.
func refused(t *testing.T, err error, status int, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", parts)
	}
	got := api.StatusOf(err)
	var p *tab.Problem
	if errors.As(err, &p) {
		got = p.Status()
	}
	if got != status {
		t.Errorf("status %d, not %d, of %q", got, status, err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
