package snapshot

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp/jsonv2"

	"clawdbot/browser/api"
	"clawdbot/browser/tab"
)

// Limits of a snapshot.
const (
	DefaultChars = 80_000
	MostChars    = 5_000_000
	// frameTime bounds the walk of a frame inside the page. The page's own ends
	// with the call.
	frameTime = 3 * time.Second
	// atOnce is how many frames are walked at the same time.
	atOnce = 16
)

// Options choose what a snapshot has of a page. The zero value is all of it.
type Options struct {
	Interactive bool   // a list of what can be operated, nothing else
	Compact     bool   // without elements that only hold others
	Depth       int    // of the deepest line, the first being 0; 0 means no limit
	MaxChars    int    // of the text; 0 means DefaultChars
	Selector    string // CSS: only what is in the first element that fits
	Frame       string // CSS or ref of an iframe: only what is in it
}

// isRole says whether the options ask for what the original calls a role
// snapshot.
func (o *Options) isRole() bool {
	return o.Interactive || o.Compact || o.Depth > 0 || o.Selector != "" || o.Frame != ""
}

// Take returns the page as text. A frame in it that does not answer is told of
// in its place.
func Take(ctx context.Context, t *tab.Tab, o Options) (Text, error) {
	if o.MaxChars == 0 {
		o.MaxChars = DefaultChars
	}
	root, err := rootFrame(ctx, t, o.Frame)
	if err != nil {
		return Text{}, err
	}
	p := page{options: o, walks: map[*tab.Frame]*walk{}, inside: map[tab.Ref]*tab.Frame{}}
	p.walk(ctx, root)
	if err := p.walks[root].err; err != nil {
		return Text{}, err
	}
	p.join(root, 0, 0)
	nodes := p.nodes
	if o.Compact && !o.Interactive {
		nodes = compact(nodes)
	}
	text := render(nodes, o.MaxChars, o.isRole())
	text.Truncated = text.Truncated || p.more
	text.note(len(nodes) == 0, o.Interactive)
	return text, nil
}

// note tells in the text what is not on the page, or not in the text.
func (t *Text) note(empty, interactive bool) {
	switch {
	case t.Truncated:
		t.Snapshot += "\n# there is more: ask for more maxChars, or for less with interactive, depth or selector"
	case empty && interactive:
		t.Snapshot = "# nothing here can be operated"
	case empty:
		t.Snapshot = "# the page is empty"
	}
}

// rootFrame is the frame that a CSS selector or a ref of its element names.
func rootFrame(ctx context.Context, t *tab.Tab, name string) (*tab.Frame, error) {
	if name == "" {
		return t.Main(), nil
	}
	element, err := t.Find(name)
	if err != nil { // no ref
		element = tab.Ref{Frame: t.Main()}
		if err := t.Main().Call(ctx, "find", &element.N, name); err != nil {
			return nil, err
		}
	}
	for _, f := range t.Frames() {
		if f.Parent() != element.Frame {
			continue
		}
		if owner, err := f.Owner(ctx); err == nil && owner == element {
			return f, nil
		}
	}
	return nil, api.Errorf(http.StatusNotFound, "frame %q: %s is no iframe with a page in it", name, element)
}

// page is a snapshot under way.
type page struct {
	options Options
	walks   map[*tab.Frame]*walk
	inside  map[tab.Ref]*tab.Frame // by the element that a frame is in
	nodes   []Node
	more    bool // a walk ended before its document did
}

// walk is what was found in one frame.
type walk struct {
	owner tab.Ref
	err   error
	nodes []Node
	more  bool
}

// walk looks at the frame and all in it.
func (p *page) walk(ctx context.Context, root *tab.Frame) {
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, f := range root.Tab().Frames() { // parents first
		if above := p.walks[f.Parent()]; f != root && above == nil {
			continue
		}
		w := &walk{}
		p.walks[f] = w
		slots <- struct{}{}
		all.Go(func() {
			w.look(ctx, f, f == root, &p.options)
			<-slots
		})
	}
	all.Wait()
	for f, w := range p.walks {
		p.inside[w.owner] = f
	}
}

func (w *walk) look(ctx context.Context, f *tab.Frame, root bool, o *Options) {
	selector := o.Selector
	if !root {
		selector = ""
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, frameTime)
		defer cancel()
		if w.owner, w.err = f.Owner(ctx); w.err != nil {
			return
		}
	}
	most := o.MaxChars
	if o.Compact {
		most *= 4 // of which much is left out
	}
	var found struct {
		Rows string `json:"rows"`
		More bool   `json:"more"`
	}
	w.err = f.Call(ctx, "walk", &found, map[string]any{
		"interactive": o.Interactive, "depth": o.Depth, "most": most, "selector": selector,
	})
	if w.err != nil {
		return
	}
	w.more, w.err = found.More, jsonv2.Unmarshal([]byte(found.Rows), &w.nodes)
	for i := range w.nodes {
		w.nodes[i].Frame = f.Index()
	}
}

// join adds a frame's nodes, and those of each frame at the place of its
// element. In a list of what can be operated, only frames go deeper.
func (p *page) join(f *tab.Frame, depth, frames int) {
	w := p.walks[f]
	p.more = p.more || w.more
	for _, n := range w.nodes {
		n.Depth += depth
		if p.options.Depth > 0 && n.Depth > p.options.Depth {
			continue
		}
		within := n.Depth + 1
		if p.options.Interactive {
			n.Depth = frames
		}
		at := len(p.nodes)
		p.nodes = append(p.nodes, n)
		if n.Role != frameRole {
			continue
		}
		if inner := p.inside[tab.Ref{Frame: f, N: n.N}]; inner != nil {
			p.joinInner(inner, within, n.Depth+1)
		}
		if p.options.Interactive && len(p.nodes) == at+1 {
			p.nodes = p.nodes[:at] // nothing to operate
		}
	}
}

func (p *page) joinInner(f *tab.Frame, depth, frames int) {
	if err := p.walks[f].err; err != nil {
		p.nodes = append(p.nodes, Node{Depth: frames, Role: textRole, Text: "(not read: " + err.Error() + ")"})
		return
	}
	p.join(f, depth, frames)
}
