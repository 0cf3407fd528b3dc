package tab

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/devtools"
)

// Frame is a frame of a tab's page. Its methods are safe for use by many
// goroutines; a frame that is gone fails its calls.
type Frame struct {
	tab   *Tab
	id    cdp.FrameID
	index int

	// Under the tab's lock.
	session  *devtools.Session
	parent   *Frame
	children []*Frame
	url      string
	loader   cdp.LoaderID
	states   map[string]bool // lifecycle events of the loader
	pending  bool            // a navigation began and did not commit yet
	context  string          // unique id of the page's own script context; "" while there is none

	making turn      // taken while the world is made
	world  world     // under the tab's lock
	owner  ownership // under the tab's lock
	next   int       // number of the next ref, over all documents; under the tab's lock
}

// frames is the tree of a page. All is under the tab's lock.
type frames struct {
	main  *Frame
	byID  map[cdp.FrameID]*Frame
	count int
	early map[cdp.FrameID]string // script contexts that came before their frame
}

func newFrames(id target.ID, s *devtools.Session) frames {
	main := &Frame{id: cdp.FrameID(id), session: s, states: map[string]bool{}, making: newTurn(), next: 1} // a page's target is named like its main frame
	return frames{main: main, byID: map[cdp.FrameID]*Frame{main.id: main}, early: map[cdp.FrameID]string{}}
}

// ID is the browser's name of the frame.
func (f *Frame) ID() cdp.FrameID { return f.id }

// Tab is the tab that the frame is in.
func (f *Frame) Tab() *Tab { return f.tab }

// Index is 0 for the main frame, and stays with the frame for its life.
func (f *Frame) Index() int { return f.index }

// Session is the CDP session that the frame is in now.
func (f *Frame) Session() *devtools.Session {
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	return f.session
}

// Parent is nil for the main frame.
func (f *Frame) Parent() *Frame {
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	return f.parent
}

// URL is the address of the frame's document, with its fragment.
func (f *Frame) URL() string {
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	return f.url
}

// Main is the page's main frame.
func (t *Tab) Main() *Frame { return t.frames.main }

// URL is the address of the page.
func (t *Tab) URL() string { return t.Main().URL() }

// Frame is nil for a frame that is not there.
func (t *Tab) Frame(id cdp.FrameID) *Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames.byID[id]
}

// Frames are all frames, parents before their children.
func (t *Tab) Frames() []*Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := []*Frame{t.frames.main}
	for i := 0; i < len(list); i++ {
		list = append(list, list[i].children...)
	}
	return list
}

// followFrames keeps the tree.
func (t *Tab) followFrames() {
	t.frames.main.tab = t
	On(t, page.FrameAttached, func(s *devtools.Session, e page.EventFrameAttached) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if f := t.frames.byID[e.FrameID]; f != nil { // back from a process of its own
			f.move(s)
			return
		}
		t.frames.grow(t, s, e.FrameID, e.ParentFrameID)
	})
	On(t, page.FrameDetached, func(_ *devtools.Session, e page.EventFrameDetached) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if e.Reason != page.FrameDetachedReasonSwap { // that one goes on in another process
			t.frames.cut(e.FrameID)
		}
		t.wakeLocked()
	})
	On(t, page.FrameNavigated, func(s *devtools.Session, e page.EventFrameNavigated) { t.navigated(s, e.Frame) })
	On(t, page.NavigatedWithinDocument, func(_ *devtools.Session, e page.EventNavigatedWithinDocument) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if f := t.frames.byID[e.FrameID]; f != nil {
			f.url = e.URL
		}
	})
	On(t, runtime.ExecutionContextCreated, func(_ *devtools.Session, e runtime.EventExecutionContextCreated) {
		var about struct {
			IsDefault bool        `json:"isDefault"`
			FrameID   cdp.FrameID `json:"frameId"`
		}
		if devtools.Decode(e.Context.AuxData, &about) != nil || !about.IsDefault {
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if f := t.frames.byID[about.FrameID]; f != nil {
			f.context = e.Context.UniqueID
			t.wakeLocked()
			return
		}
		t.frames.early[about.FrameID] = e.Context.UniqueID
	})
	On(t, runtime.ExecutionContextDestroyed, func(_ *devtools.Session, e runtime.EventExecutionContextDestroyed) {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, f := range t.frames.byID {
			if f.context == e.ExecutionContextUniqueID {
				f.context = ""
			}
		}
	})
	On(t, runtime.ExecutionContextsCleared, func(s *devtools.Session, _ runtime.EventExecutionContextsCleared) {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, f := range t.frames.byID {
			if f.session == s {
				f.context = ""
			}
		}
	})
}

// grow adds a frame.
func (fs *frames) grow(t *Tab, s *devtools.Session, id, parent cdp.FrameID) *Frame {
	above := fs.byID[parent]
	if above == nil {
		above = fs.main
	}
	fs.count++
	f := &Frame{tab: t, id: id, index: fs.count, session: s, parent: above, states: map[string]bool{}, context: fs.early[id], making: newTurn(), next: 1}
	delete(fs.early, id)
	above.children = append(above.children, f)
	fs.byID[id] = f
	return f
}

// cut removes a frame and those below it.
func (fs *frames) cut(id cdp.FrameID) {
	f := fs.byID[id]
	if f == nil || f == fs.main {
		return
	}
	kept := f.parent.children[:0:0]
	for _, other := range f.parent.children {
		if other != f {
			kept = append(kept, other)
		}
	}
	f.parent.children = kept
	fs.drop(f)
}

func (fs *frames) drop(f *Frame) {
	for _, child := range f.children {
		fs.drop(child)
	}
	f.children = nil
	f.pending = false
	delete(fs.byID, f.id)
}

// move lets a frame go on in another session.
func (f *Frame) move(s *devtools.Session) {
	if f.session == s {
		return
	}
	f.session, f.world, f.context, f.states = s, world{}, "", map[string]bool{}
}

// adopt gives a frame with a process of its own to that process's session, which
// is announced before the frame's first event there.
func (t *Tab) adopt(s *devtools.Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info := s.Target()
	f := t.frames.byID[cdp.FrameID(info.TargetID)]
	if f == nil {
		f = t.frames.grow(t, s, cdp.FrameID(info.TargetID), info.ParentFrameID)
		f.url = info.URL
	}
	f.move(s)
	t.wakeLocked()
}

// plant takes over the frames that a session tells of.
func (t *Tab) plant(s *devtools.Session, tree *page.FrameTree) {
	t.mu.Lock()
	f := t.frames.byID[tree.Frame.ID]
	if f == nil {
		f = t.frames.grow(t, s, tree.Frame.ID, tree.Frame.ParentID)
	}
	if f.session == s && f.loader == "" {
		f.loader, f.url = tree.Frame.LoaderID, tree.Frame.URL+tree.Frame.URLFragment
	}
	t.wakeLocked()
	t.mu.Unlock()
	for _, child := range tree.ChildFrames {
		t.plant(s, child)
	}
}
