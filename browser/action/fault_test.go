package action_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/action"
	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// soon runs do and fails the test when that takes much longer than its deadline.
func soon(t *testing.T, deadline time.Duration, do func(context.Context) error) error {
	t.Helper()
	start := time.Now()
	err := do(within(t, deadline))
	if took := time.Since(start); took > deadline+3*time.Second {
		t.Errorf("took %v with a deadline of %v", took, deadline)
	}
	return err
}

// works checks that another tab is as quick as ever.
func works(t *testing.T, other *tab.Tab) {
	t.Helper()
	ok := ref(t, other, "#ok")
	if err := soon(t, 5*time.Second, func(ctx context.Context) error {
		return action.Click(ctx, other, ok, action.ClickOptions{})
	}); err != nil {
		t.Errorf("another tab: %v", err)
	}
}

func TestScriptsWithoutEnd(t *testing.T) {
	subject := browsertest.Page(t, `<button id=b>Go</button>`)
	other := browsertest.Page(t, `<button id=ok>OK</button>`)
	for _, source := range []string{"() => { for (;;); }", "() => new Promise(() => {})", "() => { for (;;) alert(1) }", "async () => { for (;;) await null }"} {
		err := soon(t, 500*time.Millisecond, func(ctx context.Context) error {
			_, err := action.Evaluate(ctx, subject, source, nil)
			return err
		})
		refused(t, err, 500, "the script did not end within ")
		works(t, other)
		// It was ended: the page is free again.
		if got, err := action.Evaluate(within(t, 3*time.Second), subject, "1 + 1", nil); err != nil || string(got) != "2" {
			t.Errorf("after %s: %s, %v", source, got, err)
		}
	}
	if err := action.Click(within(t, 20*time.Second), subject, ref(t, subject, "#b"), action.ClickOptions{}); err != nil {
		t.Error(err)
	}
}

func TestBusyPage(t *testing.T) {
	for name, handler := range map[string]string{"loop": "for (;;);", "alerts": "for (;;) alert('again')"} {
		t.Run(name, func(t *testing.T) {
			subject := browsertest.Page(t, `<button id=b onclick="`+handler+`">Go</button><input id=i>`)
			other := browsertest.Page(t, `<button id=ok>OK</button>`)
			b, i := ref(t, subject, "#b"), ref(t, subject, "#i")
			for n, do := range []func(context.Context) error{
				func(ctx context.Context) error { return action.Click(ctx, subject, b, action.ClickOptions{}) },
				func(ctx context.Context) error { return action.Type(ctx, subject, i, "x", action.TypeOptions{}) },
				func(ctx context.Context) error { return action.Press(ctx, subject, "Enter", 0) },
				func(ctx context.Context) error { return action.Wait(ctx, subject, action.Conditions{Text: "x"}) },
			} {
				// A loop of dialogs is ended after twenty, and said to be; then the page works.
				if err := soon(t, 500*time.Millisecond, do); err == nil && len(subject.Errors(false)) == 0 {
					t.Errorf("action %d is done, on a page that is busy for ever", n)
				}
				works(t, other)
			}
		})
	}
}

func TestManyWindows(t *testing.T) {
	subject := browsertest.Page(t, `<button id=b onclick="for (let i = 0; i < 1000; i++) open('about:blank', 'w' + i)">Go</button>`)
	other := browsertest.Page(t, `<button id=ok>OK</button>`)
	t.Cleanup(func() { closeOthers(t, subject, other) })
	if err := soon(t, 8*time.Second, func(ctx context.Context) error {
		return action.Click(ctx, subject, ref(t, subject, "#b"), action.ClickOptions{})
	}); err != nil {
		t.Error(err)
	}
	works(t, other)
}

// closeOthers closes the windows that the page opened.
func closeOthers(t *testing.T, kept ...*tab.Tab) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	root := kept[0].Session().Conn().Root()
	got, err := devtools.Call(ctx, root, target.GetTargets, target.GetTargetsParams{})
	if err != nil {
		t.Error(err)
		return
	}
	keep := map[target.ID]bool{}
	for _, k := range kept {
		keep[k.ID()] = true
	}
	for _, info := range got.TargetInfos {
		if info.Type == "page" && !keep[info.TargetID] {
			devtools.Post(ctx, root, target.CloseTarget, target.CloseTargetParams{TargetID: info.TargetID})
		}
	}
}

func TestCrashedRenderer(t *testing.T) {
	subject := browsertest.Page(t, `<button id=b>Go</button>`)
	other := browsertest.Page(t, `<button id=ok>OK</button>`)
	b := ref(t, subject, "#b")
	waiting := make(chan error, 1)
	go func() { waiting <- action.Wait(within(t, 20*time.Second), subject, action.Conditions{Text: "never"}) }()
	_ = soon(t, 2*time.Second, func(ctx context.Context) error {
		return devtools.Do(ctx, subject.Session(), page.Navigate, page.NavigateParams{URL: "chrome://crash"})
	})
	if err := <-waiting; !errors.Is(err, devtools.ErrCrashed) {
		t.Errorf("a wait over the crash: %v", err)
	}
	for _, do := range []func(context.Context) error{
		func(ctx context.Context) error { return action.Click(ctx, subject, b, action.ClickOptions{}) },
		func(ctx context.Context) error { _, err := action.Evaluate(ctx, subject, "1", nil); return err },
	} {
		if err := soon(t, 2*time.Second, do); !errors.Is(err, devtools.ErrCrashed) {
			t.Errorf("%v", err)
		}
	}
	works(t, other)
}

func TestBrowserKilledBetweenActions(t *testing.T) {
	subject := browsertest.Page(t, `<button id=b>Go</button>`)
	b := ref(t, subject, "#b")
	if err := action.Click(within(t, 20*time.Second), subject, b, action.ClickOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 20*time.Second)
	devtools.Post(ctx, subject.Session().Conn().Root(), browser.Crash, cdp.Empty{})
	<-subject.Session().Conn().Lost()
	start := time.Now()
	if err := action.Click(ctx, subject, b, action.ClickOptions{}); !errors.Is(err, devtools.ErrLost) && !errors.Is(err, devtools.ErrDetached) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}
