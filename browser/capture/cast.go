package capture

import (
	"context"
	"errors"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// How large and how good the frames of a Cast are: one has some 30 to 150 KB.
const (
	castWidth   = 1280 // pixels
	castHeight  = 1280
	castQuality = 60
)

// Frame is what a tab shows at a moment.
type Frame struct {
	JPEG          []byte
	Width, Height int  // of the tab's window, in CSS pixels
	Hidden        bool // nothing is drawn of the tab: it is behind others, or minimised; JPEG is nil
}

// Cast calls show with what the tab shows, when that changes, at most once in
// every. It returns nil when ctx ends, and the reason when the tab does; a crashed
// page shows again when it has been navigated. A tab has one Cast at a time.
func Cast(ctx context.Context, t *tab.Tab, every time.Duration, show func(Frame)) error {
	s := t.Session()
	frames := make(chan page.EventScreencastFrame, 1)
	hidden := make(chan bool, 1)
	defer devtools.On(s, page.ScreencastFrame, func(e page.EventScreencastFrame) { replace(frames, e) })()
	defer devtools.On(s, page.ScreencastVisibilityChanged, func(e page.EventScreencastVisibilityChanged) { replace(hidden, !e.Visible) })()
	quality, yes := int64(castQuality), true
	err := devtools.Do(ctx, s, page.StartScreencast, page.StartScreencastParams{
		Format: page.StartScreencastFormatJpeg, Quality: &quality, MaxWidth: castWidth, MaxHeight: castHeight,
		MaxFramesInFlight: 1, SendLastFrame: &yes,
	})
	if err != nil {
		return err
	}
	defer stopCast(ctx, s)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.Gone():
			return devtools.ErrDetached
		case is := <-hidden:
			if is {
				show(Frame{Hidden: true})
			}
		case f := <-frames:
			show(Frame{JPEG: f.Data, Width: int(f.Metadata.DeviceWidth), Height: int(f.Metadata.DeviceHeight)})
			select {
			case <-time.After(every):
			case <-ctx.Done():
				return nil
			}
			err := devtools.Do(ctx, s, page.ScreencastFrameAck, page.ScreencastFrameAckParams{SessionID: f.SessionID})
			if err != nil && !errors.Is(err, devtools.ErrCrashed) && ctx.Err() == nil {
				return err
			}
		}
	}
}

// stopTime is how long the end of a Cast may take.
const stopTime = time.Second

func stopCast(ctx context.Context, s *devtools.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	_ = devtools.Do(ctx, s, page.StopScreencast, cdp.Empty{}) // a tab that is gone casts no more
}

// replace puts the newest value into a channel that holds one. There is one
// sender.
func replace[T any](to chan T, v T) {
	select {
	case <-to:
	default:
	}
	to <- v
}
