package tab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/inspector"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/devtools"
)

// setupTime bounds the preparation of a session.
const setupTime = 10 * time.Second

// Config configures tabs.
type Config struct {
	Log       *slog.Logger
	Allow     func(address string) error // refuses what a main frame may not show; nil allows all
	Guard     func(path string) error    // refuses files of the host; nil allows all
	Downloads *Downloads                 // of the browser; nil leaves them to it
}

// Tab is an attached page. Its methods are safe for use by many goroutines.
type Tab struct {
	cfg   Config
	id    target.ID
	conn  *devtools.Conn
	page  *devtools.Session
	life  context.Context // ends with the session
	work  sync.WaitGroup  // goroutines of later
	input chan struct{}   // holds a token while somebody acts

	console   console
	traffic   traffic
	dialogs   dialogs
	chooser   chooser
	overrides overrides

	mu        sync.Mutex
	changed   chan struct{} // closed and made anew at each change of what await looks at
	sessions  []*devtools.Session
	listeners []*listener
	frames    frames
	refused   error // what Allow said of the page that came last
	leading   int   // how many navigate it
}

type listener struct {
	method string
	tell   func(s *devtools.Session, params jsonv2.Value)
	offs   []func()
}

// Attach attaches to a page.
func Attach(ctx context.Context, conn *devtools.Conn, id target.ID, cfg Config) (*Tab, error) {
	s, err := conn.Attach(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("attach to tab %s: %w", id, err)
	}
	life, end := context.WithCancel(context.Background())
	t := &Tab{
		cfg: cfg, id: id, conn: conn, page: s, life: life,
		input: make(chan struct{}, 1), changed: make(chan struct{}), frames: newFrames(id, s),
		chooser: chooser{switching: newTurn()}, overrides: overrides{changing: newTurn()},
	}
	t.work.Go(func() {
		<-s.Gone()
		end()
		t.wake()
	})
	t.follow()
	if err := cfg.Downloads.take(ctx, conn); err != nil { // of the extension's, say: it is an error when one is waited for
		cfg.Log.Debug("downloads", "err", err)
	}
	if err := t.add(ctx, s); err != nil {
		return nil, errors.Join(fmt.Errorf("attach to tab %s: %w", id, err), t.Detach())
	}
	return t, nil
}

// follow listens to what keeps the tab's picture of the page true.
func (t *Tab) follow() {
	t.followFrames()
	t.followNavigation()
	t.followDialogs()
	t.followConsole()
	t.followRequests()
	t.followChooser()
	t.followChallenges()
	On(t, target.AttachedToTarget, func(_ *devtools.Session, e target.EventAttachedToTarget) {
		child, ok := t.conn.Child(e.SessionID)
		if !ok {
			return
		}
		t.adopt(child)
		t.later(func(ctx context.Context) {
			if err := t.add(ctx, child); err != nil && !errors.Is(err, devtools.ErrDetached) {
				t.cfg.Log.Debug("frame of another process", "tab", t.id, "err", err)
			}
		})
	})
}

// add prepares a session: its listeners come first, so that nothing is missed.
func (t *Tab) add(ctx context.Context, s *devtools.Session) error {
	t.listen(s)
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	yes := true
	frames := target.Filter{{Type: "iframe"}, {Exclude: true}}
	var waits []func() error
	waits = append(waits,
		devtools.Post(ctx, s, page.Enable, page.EnableParams{}),
		devtools.Post(ctx, s, page.SetLifecycleEventsEnabled, page.SetLifecycleEventsEnabledParams{Enabled: true}),
		devtools.Post(ctx, s, inspector.Enable, cdp.Empty{}),
		devtools.Post(ctx, s, cdplog.Enable, cdp.Empty{}),
		devtools.Post(ctx, s, network.Enable, bodies()),
		devtools.Post(ctx, s, runtime.Enable, cdp.Empty{}),
		devtools.Post(ctx, s, target.SetAutoAttach, target.SetAutoAttachParams{
			AutoAttach: true, WaitForDebuggerOnStart: true, Flatten: &yes, Filter: frames,
		}),
	)
	if s == t.page { // a page behind others goes on drawing, and has the focus
		waits = append(waits, devtools.Post(ctx, s, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}))
	}
	waits = append(waits, t.reapply(ctx, s)...)
	waits = append(waits, devtools.Post(ctx, s, runtime.RunIfWaitingForDebugger, cdp.Empty{}))
	var err error
	for _, wait := range waits {
		err = errors.Join(err, wait())
	}
	if err != nil {
		return err
	}
	tree, err := devtools.Call(ctx, s, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return err
	}
	t.plant(s, tree.FrameTree)
	return nil
}

// listen gives a new session the listeners that are there.
func (t *Tab) listen(s *devtools.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions = append(t.sessions, s)
	for _, l := range t.listeners {
		l.on(s)
	}
	t.later(func(ctx context.Context) {
		select {
		case <-s.Gone():
			t.forget(s)
		case <-ctx.Done():
		}
	})
}

func (l *listener) on(s *devtools.Session) {
	l.offs = append(l.offs, s.Listen(l.method, func(_ string, params jsonv2.Value) { l.tell(s, params) }))
}

// forget drops a session that has ended.
func (t *Tab) forget(s *devtools.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.sessions[:0:0]
	for _, other := range t.sessions {
		if other != s {
			kept = append(kept, other)
		}
	}
	t.sessions = kept
}

// On has f called for each event of the kind in any session of the tab, those
// to come included, until off is called. f runs as that of devtools.On does.
func On[E any](t *Tab, kind cdp.Event[E], f func(*devtools.Session, E)) (off func()) {
	l := &listener{method: kind.Method, tell: func(s *devtools.Session, params jsonv2.Value) {
		var e E
		if err := devtools.Decode(params, &e); err != nil {
			t.cfg.Log.Debug("CDP event", "method", kind.Method, "err", err)
			return
		}
		f(s, e)
	}}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sessions {
		l.on(s)
	}
	t.listeners = append(t.listeners, l)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, off := range l.offs {
			off()
		}
		for i, other := range t.listeners {
			if other == l {
				t.listeners = append(t.listeners[:i:i], t.listeners[i+1:]...)
				return
			}
		}
	}
}

// later runs f beside the reading of events; its context ends with the tab.
func (t *Tab) later(f func(context.Context)) {
	t.work.Go(func() { f(t.life) })
}

// ID is the page's target.
func (t *Tab) ID() target.ID { return t.id }

// Gone is closed when the tab was closed, or the connection lost.
func (t *Tab) Gone() <-chan struct{} { return t.page.Gone() }

// Session is the page's own.
func (t *Tab) Session() *devtools.Session { return t.page }

// Sessions are the page's own and those of its out-of-process frames.
func (t *Tab) Sessions() []*devtools.Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*devtools.Session(nil), t.sessions...)
}

// Title is the page's title, as the browser knows it.
func (t *Tab) Title(ctx context.Context) (string, error) {
	got, err := devtools.Call(ctx, t.conn.Root(), target.GetTargetInfo, target.GetTargetInfoParams{TargetID: t.id})
	if err != nil {
		return "", err
	}
	return got.TargetInfo.Title, nil
}

// Activate brings the tab to the front of its window.
func (t *Tab) Activate(ctx context.Context) error {
	return devtools.Do(ctx, t.conn.Root(), target.ActivateTarget, target.ActivateTargetParams{TargetID: t.id})
}

// Exclusive waits until nobody else acts on the tab: two hands on one mouse
// would do neither's work.
func (t *Tab) Exclusive(ctx context.Context) (unlock func(), err error) {
	select {
	case t.input <- struct{}{}:
		return func() { <-t.input }, nil
	case <-t.page.Gone():
		return nil, devtools.ErrDetached
	case <-ctx.Done():
		return nil, fmt.Errorf("another action on the tab is not done yet: %w", ctx.Err())
	}
}

// Detach leaves the page alone again and waits until nothing of the tab runs.
func (t *Tab) Detach() error {
	ctx, cancel := context.WithTimeout(context.Background(), setupTime)
	defer cancel()
	err := t.page.Detach(ctx)
	select {
	case <-t.page.Gone():
		err = nil
	case <-ctx.Done():
	}
	t.work.Wait()
	return err
}

// wake has await look again.
func (t *Tab) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wakeLocked()
}

func (t *Tab) wakeLocked() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// await returns when holds, which is called with the tab locked, does; or with
// the context's or the tab's end.
func (t *Tab) await(ctx context.Context, holds func() bool) error {
	for {
		t.mu.Lock()
		done, changed := holds(), t.changed
		t.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-t.page.Gone():
			return devtools.ErrDetached
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
