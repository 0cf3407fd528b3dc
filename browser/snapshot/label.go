package snapshot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"clawdbot/browser/tab"
)

const (
	mostLabels = 150
	// unlabelTime bounds the removal of labels, whatever became of the call.
	unlabelTime = 3 * time.Second
)

// Labelled draws the refs of what can be operated over the page, has look make
// a picture of it, and removes them. Skipped are those out of view, and those
// after the first 150.
func Labelled(ctx context.Context, t *tab.Tab, text Text, look func(context.Context) error) (drawn, skipped int, err error) {
	byFrame := map[int][]int{}
	for _, n := range text.operable {
		byFrame[n.Frame] = append(byFrame[n.Frame], n.N)
	}
	var labelled []*tab.Frame
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlabelTime)
		defer cancel()
		for _, f := range labelled {
			err = errors.Join(err, f.Call(ctx, "unlabel", nil))
		}
	}()
	for _, f := range t.Frames() {
		numbers := byFrame[f.Index()]
		if len(numbers) == 0 {
			continue
		}
		labelled = append(labelled, f)
		prefix := strings.TrimSuffix(tab.Ref{Frame: f}.String(), "0")
		var n int
		if err := f.Call(ctx, "label", &n, slices.Sorted(slices.Values(numbers)), prefix, mostLabels-drawn); err != nil {
			return 0, 0, err
		}
		drawn += n
	}
	return drawn, len(text.operable) - drawn, look(ctx)
}
