package tab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// Downloads are the downloads of one browser. Each goes into one folder, under
// the name that the page suggests, whether somebody waits for it or not. Its
// methods are safe for use by many goroutines.
type Downloads struct {
	dir  string
	log  *slog.Logger
	work sync.WaitGroup // what names the files

	taking sync.Mutex
	taken  bool

	mu      sync.Mutex
	running map[string]*download // by their GUID, which is their file's name meanwhile
	waiters []*downloadWaiter
}

type download struct {
	api.Download
	bytes    float64       // so far, or in all when that is known
	finished chan struct{} // closed
	err      error         // after that
}

// downloadWaiter waits for a tab's download. One that a link to a new window
// starts is of that window, which is gone before it can be asked for its opener.
type downloadWaiter struct {
	tab    *Tab
	opened atomic.Bool    // the tab has opened a window meanwhile
	begun  chan *download // holds one
}

// NewDownloads returns the downloads of the browser whose tabs are attached to
// with it. dir is made when needed.
func NewDownloads(dir string, log *slog.Logger) *Downloads {
	return &Downloads{dir: dir, log: log, running: map[string]*download{}}
}

// take has the browser give its downloads to us until the connection ends. It
// is asked once; on error the next call asks again.
func (d *Downloads) take(ctx context.Context, conn *devtools.Conn) error {
	if d == nil {
		return api.Errorf(http.StatusConflict, "the downloads of this browser are its user's")
	}
	d.taking.Lock()
	defer d.taking.Unlock()
	if d.taken {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("folder of downloads: %w", err)
	}
	begin := devtools.On(conn.Root(), cdpbrowser.DownloadWillBegin, d.begin)
	progress := devtools.On(conn.Root(), cdpbrowser.DownloadProgress, d.progress)
	events := true
	err := devtools.Do(ctx, conn.Root(), cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: d.dir, EventsEnabled: &events,
	})
	if err != nil {
		begin()
		progress()
		return api.Errorf(http.StatusConflict, "the downloads of this browser are its user's: %w", err)
	}
	d.taken = true
	return nil
}

// Close waits until all that was downloaded has its name; call it when the
// connection has ended.
func (d *Downloads) Close() {
	if d != nil {
		d.work.Wait()
	}
}

func (d *Downloads) begin(e cdpbrowser.EventDownloadWillBegin) {
	one := &download{Download: api.Download{URL: e.URL, SuggestedFilename: e.SuggestedFilename}, finished: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running[e.GUID] = one
	i := slices.IndexFunc(d.waiters, func(w *downloadWaiter) bool { return w.tab.Frame(e.FrameID) != nil })
	if i < 0 {
		i = slices.IndexFunc(d.waiters, func(w *downloadWaiter) bool { return w.opened.Load() })
	}
	if i >= 0 {
		d.waiters[i].begun <- one
		d.waiters = slices.Delete(d.waiters, i, i+1)
	}
}

func (d *Downloads) progress(e cdpbrowser.EventDownloadProgress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.running[e.GUID]
	if one == nil {
		return
	}
	one.bytes = max(one.bytes, e.ReceivedBytes, e.TotalBytes)
	if e.State == cdpbrowser.DownloadProgressStateInProgress {
		return
	}
	delete(d.running, e.GUID)
	d.work.Go(func() {
		defer close(one.finished)
		if e.State == cdpbrowser.DownloadProgressStateCanceled {
			one.err = d.canceled(one)
			_ = os.Remove(filepath.Join(d.dir, e.GUID+".crdownload")) // there when Chromium would go on later
			return
		}
		one.Path, one.err = d.name(e.GUID, one.SuggestedFilename)
		if one.err != nil {
			d.log.Debug("download", "name", one.SuggestedFilename, "err", one.err)
		}
	})
}

// canceled says why a download ended early. Chromium does not tell a full disk
// from a page or a person who does not want it.
func (d *Downloads) canceled(one *download) error {
	if free, err := freeSpace(d.dir); err == nil && one.bytes > 0 && float64(free) < one.bytes+minFree {
		return fmt.Errorf("the download of %s broke off: the disk of %s is full (%d bytes are free, it has %.0f or more)", cut(one.URL), d.dir, free, one.bytes)
	}
	return fmt.Errorf("the download of %s was cancelled: by the page, its server or the browser", cut(one.URL))
}

// minFree is what a disk has left that Chromium calls full, in bytes.
const minFree = 64 << 10

// name gives the finished file the name that was suggested, or one like it.
func (d *Downloads) name(guid, suggested string) (path string, err error) {
	from := filepath.Join(d.dir, guid)
	if err := os.Chmod(from, 0o600); errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("the file is not on this host but on the browser's")
	} else if err != nil {
		return "", err
	}
	path, err = reserve(d.dir, fileName(suggested))
	if err != nil {
		return "", err
	}
	if err := os.Rename(from, path); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

// Download waits for the next download of the tab, which act starts if there is
// one, and returns it when it is done: moved to path, or where it was put when
// that is "".
func (t *Tab) Download(ctx context.Context, path string, act func(context.Context) error) (api.Download, error) {
	if err := t.checkTarget(path); err != nil {
		return api.Download{}, err
	}
	d := t.cfg.Downloads
	if err := d.take(ctx, t.conn); err != nil {
		return api.Download{}, err
	}
	w := &downloadWaiter{tab: t, begun: make(chan *download, 1)}
	defer On(t, page.WindowOpen, func(*devtools.Session, page.EventWindowOpen) { w.opened.Store(true) })()
	d.mu.Lock()
	d.waiters = append(d.waiters, w)
	d.mu.Unlock()
	defer d.forget(w)
	if act != nil {
		if err := act(ctx); err != nil {
			return api.Download{}, err
		}
	}
	one, err := t.awaitDownload(ctx, w)
	if err != nil || path == "" {
		return one, err
	}
	if err := move(one.Path, path); err != nil {
		return one, fmt.Errorf("download %s is in %s: %w", one.SuggestedFilename, one.Path, err)
	}
	one.Path = path
	return one, nil
}

func (t *Tab) awaitDownload(ctx context.Context, w *downloadWaiter) (api.Download, error) {
	var one *download
	select {
	case one = <-w.begun:
	case <-t.Gone():
		return api.Download{}, devtools.ErrDetached
	case <-ctx.Done():
		return api.Download{}, late(ctx, "no download began in the time given")
	}
	select {
	case <-one.finished:
		return one.Download, one.err
	case <-t.conn.Lost():
		return api.Download{}, devtools.ErrLost
	case <-ctx.Done():
		return api.Download{}, late(ctx, fmt.Sprintf("the download of %s is not done in the time given; it goes on, into %s", cut(one.URL), t.cfg.Downloads.dir))
	}
}

// late says what did not happen before the context's deadline.
func late(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New(what)
	}
	return ctx.Err()
}

func (d *Downloads) forget(w *downloadWaiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiters = slices.DeleteFunc(d.waiters, func(other *downloadWaiter) bool { return other == w })
}
