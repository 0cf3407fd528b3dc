package tab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// chooser is what the next file chooser is given, and leaves it to the browser at
// first.
type chooser struct {
	switching turn // taken while the browser is told to ask us or not

	mu    sync.Mutex
	armed *armedChooser
}

// armedChooser waits for a file chooser.
type armedChooser struct {
	paths  []string
	opened chan openedChooser // holds one
	off    chan struct{}      // closed when another is armed, or none any longer
	done   chan error         // holds one
}

type openedChooser struct {
	session *devtools.Session
	page.EventFileChooserOpened
}

func (t *Tab) followChooser() {
	On(t, page.FileChooserOpened, func(s *devtools.Session, e page.EventFileChooserOpened) {
		if armed := t.chooser.swap(nil); armed != nil {
			armed.opened <- openedChooser{s, e}
		}
	})
}

// ArmChooser gives the files to the next file chooser of the page, if it opens
// within the time. The last arm wins. done tells how it went; nobody has to
// listen.
func (t *Tab) ArmChooser(ctx context.Context, paths []string, within time.Duration) (done <-chan error, err error) {
	if err := t.checkFiles(paths); err != nil {
		return nil, err
	}
	armed := &armedChooser{paths, make(chan openedChooser, 1), make(chan struct{}), make(chan error, 1)}
	t.chooser.arm(armed)
	if err := t.switchChooser(ctx); err != nil {
		t.chooser.drop(armed)
		return nil, err
	}
	t.later(func(ctx context.Context) {
		armed.done <- t.awaitChooser(ctx, armed, within)
		t.chooser.drop(armed)
		if err := t.switchChooser(ctx); err != nil && ctx.Err() == nil {
			t.cfg.Log.Debug("file chooser", "tab", t.id, "err", err)
		}
	})
	return armed.done, nil
}

// DisarmChooser leaves the next file chooser to the browser.
func (t *Tab) DisarmChooser() { t.chooser.arm(nil) }

func (t *Tab) awaitChooser(ctx context.Context, armed *armedChooser, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case opened := <-armed.opened:
		return opened.choose(ctx, armed.paths)
	case <-armed.off:
		return api.Errorf(http.StatusConflict, "a later call took over the file chooser")
	case <-timer.C:
		return fmt.Errorf("the page opened no file chooser within %s", within)
	case <-ctx.Done():
		return devtools.ErrDetached
	}
}

func (o *openedChooser) choose(ctx context.Context, paths []string) error {
	switch {
	case o.BackendNodeID == 0:
		return errors.New("the file chooser is not one of an <input>, so it cannot be given files")
	case o.Mode == page.FileChooserOpenedModeSelectSingle && len(paths) > 1:
		return api.Errorf(http.StatusBadRequest, "the file chooser takes one file, not %d", len(paths))
	}
	return devtools.Do(ctx, o.session, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: paths, BackendNodeID: o.BackendNodeID})
}

// switchChooser has the browser ask us instead of the user while somebody is
// armed.
func (t *Tab) switchChooser(ctx context.Context) error {
	told, err := t.chooser.switching.take(ctx)
	if err != nil {
		return err
	}
	defer told()
	t.chooser.mu.Lock()
	ours := t.chooser.armed != nil
	t.chooser.mu.Unlock()
	intercept := command(page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: ours})
	return t.override(ctx, override{name: "file chooser", post: intercept, keep: ours})
}

func (c *chooser) swap(armed *armedChooser) (before *armedChooser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.armed = c.armed, armed
	return before
}

// arm puts armed in the place of what was.
func (c *chooser) arm(armed *armedChooser) {
	if before := c.swap(armed); before != nil {
		close(before.off)
	}
}

func (c *chooser) drop(armed *armedChooser) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed == armed {
		c.armed = nil
	}
}

// Upload gives the files to an <input type=file>, the page's chooser unused.
func (r Ref) Upload(ctx context.Context, paths []string) error {
	if err := r.Frame.tab.checkFiles(paths); err != nil {
		return err
	}
	object, err := r.Object(ctx)
	if err != nil {
		return err
	}
	s := r.Frame.Session()
	defer Release(ctx, s, object)
	yes := true
	got, err := devtools.Call(ctx, s, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: "function() { return this.type === 'file' ? this.multiple ? 'many' : 'one' : '' }",
		ObjectID:            object, ReturnByValue: &yes,
	})
	if err != nil {
		return r.Frame.said(ctx, err)
	}
	switch takes := string(got.Result.Value); {
	case takes == `""`:
		return api.Errorf(http.StatusConflict, "%s is no <input type=file>: give that one's ref, or click what opens the chooser", r)
	case takes == `"one"` && len(paths) > 1:
		return api.Errorf(http.StatusBadRequest, "%s takes one file, not %d", r, len(paths))
	}
	return devtools.Do(ctx, s, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: paths, ObjectID: object})
}

// checkFiles refuses what cannot be uploaded.
func (t *Tab) checkFiles(paths []string) error {
	if len(paths) == 0 {
		return api.Errorf(http.StatusBadRequest, "paths are required")
	}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			return api.Errorf(http.StatusBadRequest, "path %q must be absolute", path)
		}
		info, err := os.Stat(path)
		if err != nil {
			return api.Errorf(http.StatusBadRequest, "cannot upload: %w", err)
		}
		if !info.Mode().IsRegular() {
			return api.Errorf(http.StatusBadRequest, "cannot upload %s: it is no file", path)
		}
		if err := t.guard(path); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tab) guard(path string) error {
	if t.cfg.Guard == nil {
		return nil
	}
	return t.cfg.Guard(path)
}
