package tab

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// Ref is a node that a snapshot told of: its number in its frame. That the node
// is still there is known when it is used.
type Ref struct {
	Frame *Frame
	N     int
}

// String is the ref as snapshots show it: e12, or f1e2 outside the main frame.
func (r Ref) String() string {
	if r.Frame.index == 0 {
		return "e" + strconv.Itoa(r.N)
	}
	return fmt.Sprintf("f%de%d", r.Frame.index, r.N)
}

// Find reads a ref, with or without a leading @ or ref=; a bare number is one of
// the main frame. One that cannot be of the page is an error with status 404.
func (t *Tab) Find(text string) (Ref, error) {
	short := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(text), "@"), "ref=")
	head, number, ok := strings.Cut(short, "e")
	if !ok {
		head, number, ok = "", short, true
	}
	index := 0
	if ok && head != "" {
		var err error
		index, err = strconv.Atoi(strings.TrimPrefix(head, "f"))
		ok = err == nil && head[0] == 'f'
	}
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || index < 0 {
		return Ref{}, api.Errorf(http.StatusNotFound, "unknown ref %q: refs look like e12 or f1e2; take a new snapshot", text)
	}
	for _, f := range t.Frames() {
		if f.index == index {
			return Ref{f, n}, nil
		}
	}
	return Ref{}, api.Errorf(http.StatusNotFound, "unknown ref %q: its frame is gone; take a new snapshot", text)
}

// Object returns the node as an object of the frame's isolated world; Release
// it.
func (r Ref) Object(ctx context.Context) (runtime.RemoteObjectID, error) {
	o, err := r.Frame.run(ctx, false, "function(n){return clawdbot.node(n)}", []any{r.N})
	if err != nil {
		return "", err
	}
	return o.ObjectID, nil
}

// Backend returns the browser's own number of the node.
func (r Ref) Backend(ctx context.Context) (cdp.BackendNodeID, error) {
	object, err := r.Object(ctx)
	if err != nil {
		return 0, err
	}
	s := r.Frame.Session()
	defer Release(ctx, s, object)
	got, err := devtools.Call(ctx, s, dom.DescribeNode, dom.DescribeNodeParams{ObjectID: object})
	if err != nil {
		return 0, r.Frame.said(ctx, err)
	}
	return got.Node.BackendNodeID, nil
}

// Own returns the node as an object among the page's own scripts; Release it.
func (r Ref) Own(ctx context.Context) (runtime.RemoteObjectID, error) {
	backend, err := r.Backend(ctx)
	if err != nil {
		return "", err
	}
	s := r.Frame.Session()
	got, err := devtools.Call(ctx, s, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: backend})
	if err != nil {
		return "", r.Frame.said(ctx, err)
	}
	return got.Object.ObjectID, nil
}

// RefOf returns the ref of a node that the browser numbered.
func (f *Frame) RefOf(ctx context.Context, node cdp.BackendNodeID) (Ref, error) {
	w, err := f.ensure(ctx)
	if err != nil {
		return Ref{}, f.said(ctx, err)
	}
	got, err := devtools.Call(ctx, w.session, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node, ExecutionContextID: w.context})
	if err != nil {
		return Ref{}, f.said(ctx, err)
	}
	defer Release(ctx, w.session, got.Object.ObjectID)
	ref := Ref{Frame: f}
	err = f.Call(ctx, "ref", &ref.N, Handle(got.Object.ObjectID))
	return ref, err
}

// ownership is a frame's <iframe> in the world that it was found in.
type ownership struct {
	in world
	n  int
}

// Owner returns the element of the parent frame that the frame is in.
func (f *Frame) Owner(ctx context.Context) (Ref, error) {
	f.tab.mu.Lock()
	parent, known := f.parent, f.owner
	f.tab.mu.Unlock()
	if parent == nil {
		return Ref{}, fmt.Errorf("the main frame is in no element")
	}
	w, err := parent.ensure(ctx)
	if err != nil {
		return Ref{}, parent.said(ctx, err)
	}
	if known.in == w && known.n != 0 {
		return Ref{parent, known.n}, nil
	}
	got, err := devtools.Call(ctx, w.session, dom.GetFrameOwner, dom.GetFrameOwnerParams{FrameID: f.id})
	if err != nil {
		return Ref{}, parent.said(ctx, err)
	}
	ref, err := parent.RefOf(ctx, got.BackendNodeID)
	if err != nil {
		return Ref{}, err
	}
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	f.owner = ownership{w, ref.N}
	return ref, nil
}

// Offset returns where the frame's viewport begins in that of the page, in CSS
// pixels.
func (f *Frame) Offset(ctx context.Context) (x, y float64, err error) {
	for f.Parent() != nil {
		owner, err := f.Owner(ctx)
		if err != nil {
			return 0, 0, err
		}
		var at [2]float64
		if err := owner.Frame.Call(ctx, "inside", &at, owner.N); err != nil {
			return 0, 0, err
		}
		x, y, f = x+at[0], y+at[1], owner.Frame
	}
	return x, y, nil
}
