package capture

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"testing"
	"time"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/tab"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// within is the test's context with a deadline.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// find returns the ref of the first element that fits, in the frame.
func find(t *testing.T, f *tab.Frame, selector string) tab.Ref {
	t.Helper()
	ref := tab.Ref{Frame: f}
	if err := f.Call(within(t), "find", &ref.N, selector); err != nil {
		t.Fatal(err)
	}
	return ref
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// frames waits until the tab has so many frames and returns the last.
func lastFrame(t *testing.T, page *tab.Tab, count int) *tab.Frame {
	t.Helper()
	eventually(t, "the frames", func() bool { return len(page.Frames()) == count })
	return page.Frames()[count-1]
}

func take(t *testing.T, page *tab.Tab, shot Shot) image.Image {
	t.Helper()
	if shot.Format == "" {
		shot.Format = "png"
	}
	p, err := Screenshot(within(t), page, shot)
	if err != nil {
		t.Fatal(err)
	}
	m, format, err := image.Decode(bytes.NewReader(p.Data))
	if err != nil || format != p.Format {
		t.Fatalf("%s that is said to be %s: %v", format, p.Format, err)
	}
	return m
}

// near says whether a pixel has the colour, as far as a JPEG keeps it.
func near(m image.Image, x, y int, want color.RGBA) bool {
	r, g, b, _ := m.At(x, y).RGBA()
	for _, pair := range [][2]int{{int(r >> 8), int(want.R)}, {int(g >> 8), int(want.G)}, {int(b >> 8), int(want.B)}} {
		if d := pair[0] - pair[1]; d < -8 || d > 8 {
			return false
		}
	}
	return true
}

var (
	red   = color.RGBA{R: 255}
	green = color.RGBA{G: 128}
	blue  = color.RGBA{B: 255}
	white = color.RGBA{255, 255, 255, 255}
)
