package capture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// noise is a picture that no encoder makes small.
func noise(t testing.TB, w, h int) Picture {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(random.Uint32())
	}
	return encodePNG(t, m)
}

func encodePNG(t testing.TB, m image.Image) Picture {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return Picture{b.Bytes(), "png"}
}

func size(t *testing.T, p Picture) image.Point {
	t.Helper()
	is, format, err := image.DecodeConfig(bytes.NewReader(p.Data))
	if err != nil || format != p.Format {
		t.Fatalf("a %s that is said to be a %s: %v", format, p.Format, err)
	}
	return image.Pt(is.Width, is.Height)
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		limit         int
		format        string
		want          image.Point
	}{
		{"what fits stays", 300, 200, maxBytes, "png", image.Pt(300, 200)},
		{"just long enough", 10, maxSide, maxBytes, "png", image.Pt(10, maxSide)},
		{"too long", 10, maxSide + 1, maxBytes, "jpeg", image.Pt(9, maxSide)},
		{"too wide", 4000, 20, maxBytes, "jpeg", image.Pt(maxSide, 10)},
		{"a line", 4000, 1, maxBytes, "jpeg", image.Pt(maxSide, 1)},
		{"too many bytes: a lower quality", 1100, 600, 700_000, "jpeg", image.Pt(1100, 600)},
		{"far too many: smaller too", 1100, 600, 160_000, "jpeg", image.Pt(1000, 545)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := noise(t, c.width, c.height)
			got, err := fit(p, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			if is := size(t, got); is != c.want || got.Format != c.format || len(got.Data) > c.limit {
				t.Errorf("%v %s of %d bytes, want %v %s of at most %d", is, got.Format, len(got.Data), c.want, c.format, c.limit)
			}
			if c.format == "png" && !bytes.Equal(got.Data, p.Data) {
				t.Error("it was encoded anew")
			}
		})
	}
}

func TestFitRefuses(t *testing.T) {
	broken := noise(t, maxSide+1, 2)
	broken.Data = broken.Data[:len(broken.Data)/2]
	huge := encodePNG(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	huge.Data = slices.Clone(huge.Data)
	copy(huge.Data[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536×65536, with a wrong checksum
	for want, p := range map[string]Picture{
		"cannot be read":      {[]byte("no picture"), "png"},
		"cannot be read: png": broken,
		"cannot be read: png: invalid format: invalid checksum": huge,
	} {
		if _, err := fit(p, maxBytes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := fit(noise(t, 900, 900), 2000); err == nil || !strings.Contains(err.Error(), "stays larger than 2000 bytes") {
		t.Errorf("got %v", err)
	}
}

// What is transparent becomes white, and what is not keeps its colour.
func TestShrinkIsOnWhite(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	for x := range 20 {
		for y := range 20 {
			m.SetNRGBA(x, y, color.NRGBA{R: 200, A: 255})
		}
	}
	small := shrink(m, 10)
	if is := small.Bounds().Size(); is != image.Pt(10, 5) {
		t.Fatalf("size %v", is)
	}
	if got := small.At(1, 2); got != (color.RGBA{200, 0, 0, 255}) {
		t.Errorf("the red half is %v", got)
	}
	if got := small.At(8, 2); got != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("the clear half is %v", got)
	}
}

func FuzzFit(f *testing.F) {
	f.Add(noise(f, 3, 3).Data)
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Add([]byte("\xff\xd8\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if is, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && is.Width*is.Height > 1<<20 {
			return // too slow to be worth it
		}
		if got, err := fit(Picture{data, "png"}, 1<<10); err == nil && len(got.Data) > 1<<10 {
			t.Errorf("%d bytes", len(got.Data))
		}
	})
}
