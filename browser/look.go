package browser

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// lookTime bounds a look at a tab.
const lookTime = 20 * time.Second

// tabNamed is the tab that the id or its prefix names, and the first one for "".
func (l *link) tabNamed(ctx context.Context, id string) (Tab, error) {
	pages, err := l.pages(ctx)
	if err != nil {
		return Tab{}, err
	}
	if len(pages) == 0 {
		return Tab{}, failf(http.StatusNotFound, "tab not found: the browser has none")
	}
	full, err := resolve(pages, cmp.Or(id, pages[0].TargetID))
	if err != nil {
		return Tab{}, err
	}
	for _, p := range pages {
		if p.TargetID == full {
			return p, nil
		}
	}
	return Tab{}, failf(http.StatusNotFound, "tab not found: no page has the id %q", id)
}

// onPage runs the action in the tab, which is attached to for as long.
func onPage[T any](ctx context.Context, l *link, id string, action chromedp.Action[T]) (out T, err error) {
	tab, leave := l.visit(ctx, target.ID(id), lookTime)
	defer leave()
	out, err = chromedp.Run(tab, action)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the page does not answer within %s", lookTime)
	}
	return out, err
}

// screenshot answers POST /screenshot. The tab comes to the front first: a
// picture of one behind others takes seconds.
func (s *Server) screenshot(ctx context.Context, b *browser, in ScreenshotRequest) (answer, error) {
	format, mime := page.CaptureScreenshotFormat(cmp.Or(in.Type, "png")), "image/"+cmp.Or(in.Type, "png")
	if format != page.CaptureScreenshotFormatPng && format != page.CaptureScreenshotFormatJpeg {
		return nil, failf(http.StatusBadRequest, "type %q: it is png or jpeg", in.Type)
	}
	l, err := b.attached()
	if err != nil {
		return nil, err
	}
	tab, err := l.tabNamed(ctx, in.TargetID)
	if err != nil {
		return nil, err
	}
	if err := l.activate(ctx, tab.TargetID); err != nil {
		return nil, err
	}
	picture, err := onPage(ctx, l, tab.TargetID, capture(format, in.FullPage))
	if err != nil {
		return nil, fmt.Errorf("screenshot of tab %s: %w", tab.TargetID, err)
	}
	out := &Screenshot{OK: true, TargetID: tab.TargetID, URL: tab.URL, ContentType: mime}
	if in.Inline {
		out.Data = picture
		return out, nil
	}
	out.Path, err = s.keepPicture(picture, string(format))
	return out, err
}

// quality is that of a jpeg picture.
const quality = int64(85)

func capture(format page.CaptureScreenshotFormat, full bool) chromedp.Action[[]byte] {
	return func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		params := page.CaptureScreenshotParams{Format: format}
		if format == page.CaptureScreenshotFormatJpeg {
			q := quality
			params.Quality = &q
		}
		if full {
			size, err := cdp.Call(ctx, t, page.GetLayoutMetrics, cdp.Empty{})
			if err != nil {
				return nil, err
			}
			params.CaptureBeyondViewport = &full
			params.Clip = &page.Viewport{Width: size.CSSContentSize.Width, Height: size.CSSContentSize.Height, Scale: 1}
		}
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, params)
		return shot.Data, err
	}
}

// keepPicture writes a picture into the folder of the browser profiles.
func (s *Server) keepPicture(picture []byte, format string) (string, error) {
	dir := filepath.Join(s.cfg.Dir, "media")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, time.Now().Format("20060102-150405-")+"*."+format) // 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(picture)
	return f.Name(), errors.Join(err, f.Close())
}

// Limits of a snapshot, in nodes.
const (
	snapshotLimit = 500
	snapshotMost  = 2000
)

// snapshot answers GET /snapshot with the page as Chromium tells it to screen
// readers.
func (s *Server) snapshot(ctx context.Context, b *browser, in SnapshotRequest) (answer, error) {
	limit := cmp.Or(in.Limit, snapshotLimit)
	switch {
	case cmp.Or(in.Format, "aria") != "aria":
		return nil, failf(http.StatusBadRequest, "format %q is not served yet: only aria is", in.Format)
	case limit < 1 || limit > snapshotMost:
		return nil, failf(http.StatusBadRequest, "limit must be from 1 to %d", snapshotMost)
	}
	l, err := b.attached()
	if err != nil {
		return nil, err
	}
	tab, err := l.tabNamed(ctx, in.TargetID)
	if err != nil {
		return nil, err
	}
	nodes, err := onPage(ctx, l, tab.TargetID, func(ctx context.Context, t *chromedp.Target) ([]*accessibility.Node, error) {
		tree, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		return tree.Nodes, err
	})
	if err != nil {
		return nil, fmt.Errorf("snapshot of tab %s: %w", tab.TargetID, err)
	}
	all := flatten(nodes)
	out := &Snapshot{OK: true, Format: "aria", TargetID: tab.TargetID, URL: tab.URL, Nodes: all[:min(len(all), limit)], Truncated: len(all) > limit}
	return out, nil
}

// flatten lists the nodes that count, each below its parent.
func flatten(nodes []*accessibility.Node) []AriaNode {
	byID := make(map[accessibility.NodeID]*accessibility.Node, len(nodes))
	for _, n := range nodes {
		byID[n.NodeID] = n
	}
	list := []AriaNode{}
	var walk func(n *accessibility.Node, depth int)
	walk = func(n *accessibility.Node, depth int) {
		if !n.Ignored {
			list = append(list, AriaNode{
				Ref: fmt.Sprintf("ax%d", len(list)+1), Role: said(n.Role), Name: said(n.Name), Value: said(n.Value),
				Description: said(n.Description), BackendDOMNodeID: int64(n.BackendDOMNodeID), Depth: depth,
			})
			depth++
		}
		for _, id := range n.ChildIDs {
			if child := byID[id]; child != nil {
				delete(byID, id) // each once, whatever a page makes of its tree
				walk(child, depth)
			}
		}
	}
	for _, n := range nodes {
		if n.ParentID == "" && byID[n.NodeID] != nil {
			delete(byID, n.NodeID)
			walk(n, 0)
		}
	}
	return list
}

// said is what a property says, "" for nothing.
func said(v *accessibility.Value) string {
	if v == nil || len(v.Value) == 0 {
		return ""
	}
	var text string
	if json.Unmarshal(v.Value, &text) == nil {
		return text
	}
	return string(v.Value)
}
