package capture

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"clawdbot/browser/devtools"
	"clawdbot/browser/inject"
	"clawdbot/browser/tab"
)

// jpegQuality is that of a picture that was asked for as JPEG.
const jpegQuality = 85

// Shot says what is pictured: what is in view, unless Full or Of is set.
type Shot struct {
	Format string   // png or jpeg
	Full   bool     // the whole page
	Of     *tab.Ref // a node, which is scrolled into view
	Limit  int      // bytes of the picture; 0 means 5 MiB
}

// Screenshot takes a picture of the tab while nobody acts on it.
func Screenshot(ctx context.Context, t *tab.Tab, shot Shot) (Picture, error) {
	unlock, err := t.Exclusive(ctx)
	if err != nil {
		return Picture{}, err
	}
	defer unlock()
	params, err := shot.params(ctx, t)
	if err != nil {
		return Picture{}, err
	}
	data, err := expose(ctx, t, params)
	if err != nil {
		return Picture{}, err
	}
	return fit(Picture{data, shot.Format}, cmp.Or(shot.Limit, maxBytes))
}

// raiseEvery is how often a tab comes to the front until its picture is taken.
const raiseEvery = 250 * time.Millisecond

// expose takes the picture. Chromium may never finish that of a tab behind
// others, and others may be raised at any moment, as for their own picture.
func expose(ctx context.Context, t *tab.Tab, params page.CaptureScreenshotParams) ([]byte, error) {
	if err := t.Activate(ctx); err != nil {
		return nil, err
	}
	var raising sync.WaitGroup
	defer raising.Wait()
	taken := make(chan struct{})
	defer close(taken)
	raising.Go(func() {
		again := time.NewTicker(raiseEvery)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				_ = t.Activate(ctx) // the picture says what is wrong
			case <-taken:
				return
			}
		}
	})
	got, err := devtools.Call(ctx, t.Session(), page.CaptureScreenshot, params)
	return got.Data, err
}

// params are what the browser is asked for. A page that is too busy to tell its
// size would be for the picture too, and is left where it is.
func (shot Shot) params(ctx context.Context, t *tab.Tab) (params page.CaptureScreenshotParams, err error) {
	fast := true // a PNG then takes a third less time and a half more room
	params.Format, params.OptimizeForSpeed = page.CaptureScreenshotFormat(shot.Format), &fast
	if params.Format == page.CaptureScreenshotFormatJpeg {
		quality := int64(jpegQuality)
		params.Quality = &quality
	}
	var at area
	if shot.Of != nil {
		if at, err = locate(ctx, *shot.Of); err != nil {
			return params, err
		}
	}
	is, err := devtools.Call(ctx, t.Session(), page.GetLayoutMetrics, cdp.Empty{})
	if err != nil || shot.Of == nil && !shot.Full {
		return params, err
	}
	view := area{is.CSSVisualViewport.PageX, is.CSSVisualViewport.PageY, is.CSSVisualViewport.ClientWidth, is.CSSVisualViewport.ClientHeight}
	whole := area{is.CSSContentSize.X, is.CSSContentSize.Y, is.CSSContentSize.Width, is.CSSContentSize.Height}
	if shot.Of == nil {
		at = whole
	} else {
		at = at.moved(view.X, view.Y).whole().within(whole)
	}
	if at.Width < 1 || at.Height < 1 {
		return params, &tab.Problem{Code: inject.Offscreen, Message: "there is nothing to picture: it lies outside of the page"}
	}
	var ratio float64
	if err := t.Main().Call(ctx, "ratio", &ratio); err != nil {
		return params, err
	}
	scale := min(1, maxSide/(ratio*max(at.Width, at.Height)))
	beyond := at.within(view) != at
	params.Clip = &page.Viewport{X: at.X, Y: at.Y, Width: at.Width, Height: at.Height, Scale: scale}
	params.CaptureBeyondViewport = &beyond
	return params, nil
}

// area is a rectangle in CSS pixels.
type area struct {
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

func (a area) moved(x, y float64) area { return area{a.X + x, a.Y + y, a.Width, a.Height} }

// whole is the smallest area of whole pixels around a.
func (a area) whole() area {
	x, y := math.Floor(a.X), math.Floor(a.Y)
	return area{x, y, math.Ceil(a.X+a.Width) - x, math.Ceil(a.Y+a.Height) - y}
}

// within is what a and b share; its size is not positive when that is nothing.
func (a area) within(b area) area {
	x, y := max(a.X, b.X), max(a.Y, b.Y)
	return area{x, y, min(a.X+a.Width, b.X+b.Width) - x, min(a.Y+a.Height, b.Y+b.Height) - y}
}

// rests is how often a node is looked at until it is where it was.
const rests = 10

// locate scrolls a node into view and returns where it is in the viewport of the
// page. The frames around one of another process scroll a moment later than it
// does.
func locate(ctx context.Context, ref tab.Ref) (area, error) {
	var before area
	for range rests {
		var box area
		if err := ref.Frame.Call(ctx, "box", &box, ref.N); err != nil {
			return area{}, err
		}
		x, y, err := ref.Frame.Offset(ctx)
		if err != nil {
			return area{}, err
		}
		now := box.moved(x, y)
		if now == before || ref.Frame.Parent() == nil {
			return now, nil
		}
		before = now
	}
	return area{}, &tab.Problem{Code: inject.Moving, Message: fmt.Sprintf("%s is moving: it was never where it had been before", ref)}
}
