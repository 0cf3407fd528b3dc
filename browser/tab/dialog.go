package tab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// A script that opens manyDialogs within manyTime, none of them armed for, is
// ended: nothing else of its page would ever run.
const (
	manyDialogs = 20
	manyTime    = 10 * time.Second
)

// DialogAnswer is what a dialog is answered with.
type DialogAnswer struct {
	Accept bool
	Text   string // typed into a prompt
}

// dialogs is how dialogs are answered. The zero value dismisses them.
type dialogs struct {
	mu    sync.Mutex
	armed *DialogAnswer
	until time.Time
	row   int // dialogs that nobody armed for, since
	since time.Time
}

// ArmDialog has the next dialog answered so, if it comes within the time. The
// last arm wins.
func (t *Tab) ArmDialog(answer DialogAnswer, within time.Duration) {
	t.dialogs.mu.Lock()
	defer t.dialogs.mu.Unlock()
	t.dialogs.armed, t.dialogs.until = &answer, time.Now().Add(within)
}

// followDialogs answers dialogs at once: all scripts and input of the page wait
// while one is open.
func (t *Tab) followDialogs() {
	On(t, page.JavascriptDialogOpening, func(s *devtools.Session, e page.EventJavascriptDialogOpening) {
		answer, row := t.dialogs.next(e.Type, time.Now())
		if row == manyDialogs {
			t.console.errors.add(api.PageError{
				Message:   fmt.Sprintf("the page opened %d dialogs within %s: its script was ended", manyDialogs, manyTime),
				Timestamp: stamp(runtime.Timestamp(time.Now().UnixMilli())),
			}, keptErrors)
		}
		t.later(func(ctx context.Context) { t.answerDialog(ctx, s, answer, row >= manyDialogs) })
	})
}

func (t *Tab) answerDialog(ctx context.Context, s *devtools.Session, answer DialogAnswer, enough bool) {
	closed := devtools.Post(ctx, s, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: answer.Accept, PromptText: answer.Text})
	var err error
	if enough {
		err = devtools.Do(ctx, s, runtime.TerminateExecution, cdp.Empty{})
	}
	if err = errors.Join(err, closed()); err != nil { // the page closed it, or went
		t.cfg.Log.Debug("answer a dialog", "tab", t.id, "err", err)
	}
}

// next returns the answer to a dialog, and the how many-th it is that nobody
// armed for. As with Playwright, a page may always be left.
func (d *dialogs) next(kind page.DialogType, now time.Time) (answer DialogAnswer, row int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	armed := d.armed
	d.armed = nil
	if armed != nil && now.Before(d.until) {
		d.row = 0
		return *armed, 0
	}
	if now.Sub(d.since) > manyTime {
		d.row, d.since = 0, now
	}
	d.row++
	return DialogAnswer{Accept: kind == page.DialogTypeBeforeunload}, d.row
}
