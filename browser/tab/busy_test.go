package tab_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/tab"
)

// TestBusyPage: a page whose script does not end keeps nobody beyond the deadline
// of their own, however long others wait for it.
func TestBusyPage(t *testing.T) {
	for name, call := range map[string]func(*testing.T) func(context.Context) error{
		"script": func(t *testing.T) func(context.Context) error {
			page := busy(t)
			return func(ctx context.Context) error { return page.Main().Call(ctx, "find", nil, "p") }
		},
		"setting": func(t *testing.T) func(context.Context) error {
			page := busy(t)
			return func(ctx context.Context) error { return page.SetColorScheme(ctx, "dark") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			do := call(t)
			patient, give := context.WithCancel(t.Context())
			var waiting sync.WaitGroup
			defer waiting.Wait()
			defer give()
			waiting.Go(func() { _ = do(patient) })
			for range 3 { // the patient one comes first to at least two of these
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				began, err := time.Now(), make(chan error, 1)
				waiting.Go(func() { err <- do(ctx) })
				select {
				case err := <-err:
					if err == nil {
						t.Error("a busy page did it")
					}
				case <-time.After(3 * time.Second):
					t.Errorf("with a deadline of 200 ms it goes on after %v", time.Since(began))
					give()
				}
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					t.Error("it ended before its deadline")
				}
				cancel()
			}
		})
	}
}

// busy is a page whose script does not end.
func busy(t *testing.T) *tab.Tab {
	page := browsertest.Page(t, "<p>busy</p>")
	if _, err := page.Main().Evaluate(t.Context(), runtime.EvaluateParams{Expression: "setTimeout(() => { for (;;); }, 0)"}); err != nil {
		t.Fatal(err)
	}
	return page
}
