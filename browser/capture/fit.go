package capture

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // what Chromium sends

	"golang.org/x/image/draw"
)

// Bounds of a picture, those of the original: models take no larger ones.
const (
	maxSide  = 2000    // pixels
	maxBytes = 5 << 20 // of the file
	// maxArea bounds what is decoded, in pixels.
	maxArea = 64 << 20
)

// Picture is an encoded picture.
type Picture struct {
	Data   []byte
	Format string // png or jpeg
}

// ContentType is the picture's media type.
func (p Picture) ContentType() string { return "image/" + p.Format }

// The steps by which a picture is made smaller: every quality of a side before
// the next side. They are the original's.
var (
	sides     = []int{maxSide, 1800, 1600, 1400, 1200, 1000, 800}
	qualities = []int{jpegQuality, 75, 65, 55, 45, 35}
)

// fit returns the picture within the bounds: as it is, or as the first JPEG of the
// steps that has at most limit bytes.
func fit(p Picture, limit int) (Picture, error) {
	is, _, err := image.DecodeConfig(bytes.NewReader(p.Data))
	if err != nil {
		return Picture{}, fmt.Errorf("the browser's picture cannot be read: %w", err)
	}
	longest := max(is.Width, is.Height)
	if longest <= maxSide && len(p.Data) <= limit {
		return p, nil
	}
	if is.Width*is.Height > maxArea {
		return Picture{}, fmt.Errorf("the picture has %d×%d pixels, too many to make it smaller", is.Width, is.Height)
	}
	full, _, err := image.Decode(bytes.NewReader(p.Data))
	if err != nil {
		return Picture{}, fmt.Errorf("the browser's picture cannot be read: %w", err)
	}
	tried := 0
	for _, side := range sides {
		if side = min(side, longest); side == tried {
			continue
		}
		tried = side
		if data, err := encode(shrink(full, side), limit); data != nil || err != nil {
			return Picture{data, "jpeg"}, err
		}
	}
	return Picture{}, fmt.Errorf("the picture stays larger than %d bytes even with sides of %d pixels", limit, tried)
}

// encode returns nil when no quality brings the picture within the limit.
func encode(m image.Image, limit int) ([]byte, error) {
	var b bytes.Buffer
	for _, quality := range qualities {
		b.Reset()
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if b.Len() <= limit {
			return b.Bytes(), nil
		}
	}
	return nil, nil
}

// shrink returns the picture on white with no side longer than side. JPEG has no
// transparency.
func shrink(m image.Image, side int) image.Image {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	if longest := max(w, h); longest > side {
		w, h = max(1, w*side/longest), max(1, h*side/longest)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(small, small.Bounds(), image.White, image.Point{}, draw.Src)
	draw.BiLinear.Scale(small, small.Bounds(), m, m.Bounds(), draw.Over, nil)
	return small
}
