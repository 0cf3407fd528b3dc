package capture

import (
	"context"
	"errors"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/overlay"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// Highlight scrolls the node into view and paints over it as Chromium's own tools
// do, in pictures too, until the page navigates, another node is highlighted, or
// Unhighlight.
func Highlight(ctx context.Context, t *tab.Tab, ref tab.Ref) error {
	if _, err := locate(ctx, ref); err != nil {
		return err
	}
	if err := Unhighlight(ctx, t); err != nil {
		return err
	}
	node, err := ref.Object(ctx)
	if err != nil {
		return err
	}
	s := ref.Frame.Session()
	defer tab.Release(ctx, s, node)
	enabled := devtools.Post(ctx, s, dom.Enable, dom.EnableParams{}) // the overlay wants it
	ready := devtools.Post(ctx, s, overlay.Enable, cdp.Empty{})
	if err := errors.Join(enabled(), ready()); err != nil {
		return err
	}
	return devtools.Do(ctx, s, overlay.HighlightNode, overlay.HighlightNodeParams{ObjectID: node, HighlightConfig: &overlay.HighlightConfig{
		ShowInfo:     true,
		ContentColor: &cdp.RGBA{R: 111, G: 168, B: 220, A: .66},
		PaddingColor: &cdp.RGBA{R: 147, G: 196, B: 125, A: .55},
		BorderColor:  &cdp.RGBA{R: 255, G: 229, B: 153, A: .66},
		MarginColor:  &cdp.RGBA{R: 246, G: 178, B: 107, A: .66},
	}})
}

// Unhighlight ends every highlight of the tab.
func Unhighlight(ctx context.Context, t *tab.Tab) error {
	var hidden []func() error
	for _, s := range t.Sessions() {
		hidden = append(hidden, devtools.Post(ctx, s, overlay.HideHighlight, cdp.Empty{}))
	}
	var err error
	for _, wait := range hidden {
		err = errors.Join(err, wait())
	}
	return err
}
