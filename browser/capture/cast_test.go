package capture

import (
	"bytes"
	"context"
	"errors"
	"image"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// screening is a Cast that a test looks at.
type screening struct {
	t      *testing.T
	frames chan Frame
	count  atomic.Int32 // of all frames
	ended  chan error
	stop   context.CancelFunc
}

func screen(t *testing.T, of *tab.Tab, every time.Duration) *screening {
	ctx, cancel := context.WithCancel(t.Context())
	s := &screening{t: t, frames: make(chan Frame, 1000), ended: make(chan error, 1), stop: cancel}
	go func() {
		s.ended <- Cast(ctx, of, every, func(f Frame) {
			s.count.Add(1)
			s.frames <- f
		})
	}()
	t.Cleanup(cancel)
	return s
}

// shows waits for a frame whose middle has the colour.
func (s *screening) shows(want func(image.Image) bool) {
	s.t.Helper()
	for {
		select {
		case f := <-s.frames:
			m, format, err := image.Decode(bytes.NewReader(f.JPEG))
			if err != nil || format != "jpeg" || f.Width == 0 || f.Height == 0 {
				s.t.Fatalf("%s: %v", format, err)
			}
			if want(m) {
				return
			}
		case err := <-s.ended:
			s.t.Fatalf("ended: %v", err)
		case <-time.After(20 * time.Second):
			s.t.Fatal("no such frame came")
		}
	}
}

func all(colour func(image.Image, int, int) bool) func(image.Image) bool {
	return func(m image.Image) bool { return colour(m, m.Bounds().Dx()/2, m.Bounds().Dy()/2) }
}

var (
	isRed  = all(func(m image.Image, x, y int) bool { return near(m, x, y, red) })
	isBlue = all(func(m image.Image, x, y int) bool { return near(m, x, y, blue) })
)

// Frames come when the page changes or navigates, from a tab behind others too;
// none comes of a page that does not change, nor after the end.
func TestCast(t *testing.T) {
	p := browsertest.Page(t, `<body style="background:red">`)
	browsertest.Page(t, plain) // in front
	s := screen(t, p, 20*time.Millisecond)
	s.shows(isRed)
	eval(t, p, `document.body.style.background = "blue"`)
	s.shows(isBlue)
	if _, err := p.Navigate(within(t), browsertest.Serve(t, map[string]string{"/": `<body style="background:red">`})); err != nil {
		t.Fatal(err)
	}
	s.shows(isRed)
	for len(s.frames) > 0 {
		<-s.frames
	}
	take(t, p, Shot{}) // it has drawn, and is still
	for len(s.frames) > 0 {
		<-s.frames
	}
	if eval(t, p, `new Promise((done) => setTimeout(() => done(1), 500))`); len(s.frames) > 1 {
		t.Errorf("%d frames of a page that is still", len(s.frames))
	}
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	again := screen(t, p, 20*time.Millisecond)
	again.shows(isRed)
}

// However fast a page changes, and however slowly it is looked at, frames come at
// the pace that was asked for, and the last one shows how it is.
func TestCastKeepsItsPace(t *testing.T) {
	p := browsertest.Page(t, `<body style="background:white">`)
	const every = 100 * time.Millisecond
	s := screen(t, p, every)
	begun := time.Now()
	eval(t, p, `new Promise((done) => { let n = 0; (function next() { document.body.style.background = n % 2 ? "lime" : "black"; ++n < 60 ? requestAnimationFrame(next) : done(1); })(); })`)
	eval(t, p, `document.body.style.background = "blue"`)
	s.shows(isBlue)
	eval(t, p, `new Promise((done) => setTimeout(() => done(1), 300))`)
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	if got, most := int(s.count.Load()), int(time.Since(begun)/every)+1; got > most {
		t.Errorf("%d frames, at most %d", got, most)
	}
}

// A crashed page is seen again when it has been navigated; the end of the tab is
// the end of the cast.
func TestCastOutlivesACrash(t *testing.T) {
	p := browsertest.Page(t, `<body style="background:red">`)
	s := screen(t, p, 20*time.Millisecond)
	s.shows(isRed)
	_ = devtools.Do(within(t), p.Session(), page.Crash, cdp.Empty{}) // has no answer
	eventually(t, "the crash", p.Session().Crashed)
	if _, err := p.Navigate(within(t), browsertest.Serve(t, map[string]string{"/": `<body style="background:blue">`})); err != nil {
		t.Fatal(err)
	}
	s.shows(isBlue)
	if err := p.Detach(); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; !errors.Is(err, devtools.ErrDetached) {
		t.Errorf("ended with %v", err)
	}
}
